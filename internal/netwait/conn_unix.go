//go:build unix

package netwait

import (
	"net"
	"sync"
	"time"
)

// conn is a TCP connection as Listener has it.
type conn struct {
	tcp *net.TCPConn
	in  socket
	buf []byte // of the Read under way
	out socketWriter

	mu    sync.Mutex
	until time.Time // the write deadline
	armed bool      // the poller knows of it
}

func tcpConn(c *net.TCPConn) net.Conn {
	raw := rawConn(c)
	if raw == nil {
		return c
	}
	l := &conn{tcp: c, in: socket{conn: c, raw: raw}, out: socketWriter{conn: c, raw: raw}}
	l.in.attempt, l.out.attempt = l.in.try, l.try
	return l
}

func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.buf, c.in.lender = p, c
	b, err := c.in.took(c.in.raw.Read(c.in.attempt))
	c.buf = nil
	return len(b), err
}

// Borrow implements Lender.
func (c *conn) Borrow() []byte { return c.buf }

// Return implements Lender.
func (c *conn) Return() {}

// Parts implements Lender. Read needs none.
func (c *conn) Parts() Parts { return nil }

func (c *conn) Write(p []byte) (int, error) { return c.out.Write(p) }

// try is an attempt to write. The deadline begins to matter when that has to wait.
func (c *conn) try(fd uintptr) bool {
	done := c.out.try(fd)
	if !done {
		c.arm()
	}
	return done
}

func (c *conn) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.armed {
		c.armed = true
		c.tcp.SetWriteDeadline(c.until) // an error: closed, and the attempts end
	}
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until = t; c.armed {
		return c.tcp.SetWriteDeadline(t)
	}
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error { return c.tcp.SetReadDeadline(t) }

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

func (c *conn) LocalAddr() net.Addr  { return c.tcp.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.tcp.RemoteAddr() }
func (c *conn) CloseWrite() error    { return c.tcp.CloseWrite() }
func (c *conn) Close() error         { return c.tcp.Close() }
