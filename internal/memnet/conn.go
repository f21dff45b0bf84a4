package memnet

import (
	"io"
	"net"
	"syscall"
	"time"
)

// Conn is one end of a connection in memory. Its methods may be called from
// several goroutines. Errors are *net.OpError, with the errors of package net,
// os and syscall inside that a *net.TCPConn gives, and a bare io.EOF.
//
// Departures from TCP: closing with unread data does not reset the peer, which
// reads all that was written and then the end of the stream; Write after the
// peer closed fails at once, not only after the peer's answer.
type Conn struct {
	in, out       *stream
	local, remote *net.TCPAddr
}

// Read takes what there is, at least one byte, and io.EOF once the peer has
// closed its end, or half-closed it, and all was read.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

// WaitRead waits until Read would return at once; it makes a Conn a
// netwait.Waiter. The error says that the connection was closed at this end, or
// that its read deadline passed.
func (c *Conn) WaitRead() error { return c.wrap("read", c.in.waitRead()) }

// Write returns when all of p is in the buffer between the two ends.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

// CloseWrite ends the stream to the peer, which reads io.EOF after all that was
// written. Reading goes on.
func (c *Conn) CloseWrite() error {
	var err error
	c.out.update(func() {
		switch {
		case c.out.writeClosed:
			err = net.ErrClosed
		case c.out.reset:
			err = syscall.ENOTCONN
		}
		c.out.ended = true
	})
	return c.wrap("close", err)
}

// Close closes both directions and wakes what blocks at this end. The peer
// reads what was written before it, then io.EOF; its writes fail.
func (c *Conn) Close() error {
	var again bool
	c.out.update(func() {
		again = c.out.writeClosed
		c.out.ended, c.out.writeClosed = true, true
		c.out.writeBy.stop()
	})
	c.in.update(func() {
		c.in.readClosed = true
		c.in.readBy.stop()
	})
	if again {
		return c.wrap("close", net.ErrClosed)
	}
	return nil
}

// Abort closes as a crash or a TCP reset does: the peer's reads and writes fail
// with ECONNRESET, and what it has not read yet is lost.
func (c *Conn) Abort() {
	c.out.update(func() { c.out.reset = true })
	c.in.update(func() { c.in.reset = true })
	c.Close()
}

// SetReadBuffer sets how many bytes the peer can write ahead of the Reads at
// this end; at least 1.
func (c *Conn) SetReadBuffer(bytes int) error {
	c.in.update(func() { c.in.limit = max(bytes, 1) })
	return nil
}

// SetMaxRead makes each Read at this end return at most n bytes, as a peer does
// whose bytes come in single segments of that size. 0 takes the limit away.
func (c *Conn) SetMaxRead(n int) { c.in.update(func() { c.in.maxRead = n }) }

// Buffered returns how many bytes the peer has written that were not read yet.
func (c *Conn) Buffered() int {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.buf.Len()
}

// LocalAddr returns a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines, also for calls that already wait.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets the deadline of Read and WaitRead; the zero time is none.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(c.in, &c.in.readBy, &c.in.readClosed, t)
}

// SetWriteDeadline sets the deadline of Write; the zero time is none.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(c.out, &c.out.writeBy, &c.out.writeClosed, t)
}

func (c *Conn) setDeadline(s *stream, d *deadline, closed *bool, t time.Time) error {
	if !s.setDeadline(d, closed, t) {
		return c.wrap("set", net.ErrClosed)
	}
	return nil
}

// wrap gives an error the form that package net gives it.
func (c *Conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
