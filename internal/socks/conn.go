package socks

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"flashproxy/internal/netwait"
)

// Conn is a connection whose handshake is done, but for the answer: call Grant or
// Reject first. It adds nothing to the bytes that follow.
type Conn struct {
	net.Conn
	target string
	args   Args
	reply  func(granted bool) error
	wait   func() error       // nil: unknown when the connection can be read
	late   netwait.LateReader // likewise
}

// newConn is called with no byte of the peer's left in a buffer.
func newConn(c net.Conn, target string, args Args, reply func(granted bool) error) *Conn {
	return &Conn{Conn: c, target: target, args: args, reply: reply, wait: netwait.Readable(c), late: netwait.Late(c)}
}

// Target is the destination that was asked for, "host:port". The host is of the
// peer's choice: any bytes, and no more than 255 of them.
func (c *Conn) Target() string { return c.target }

// Args are the arguments of the Bridge line; nil when there are none.
func (c *Conn) Args() Args { return c.args }

// Grant tells the peer that it is connected. The address in the answer is 0.0.0.0:0;
// Tor does not read it.
func (c *Conn) Grant() error {
	if err := c.reply(true); err != nil {
		return fmt.Errorf("grant SOCKS request: %w", err)
	}
	return nil
}

// Reject tells the peer that it is not, and no reason. It does not close the
// connection.
func (c *Conn) Reject() error {
	if err := c.reply(false); err != nil {
		return fmt.Errorf("reject SOCKS request: %w", err)
	}
	return nil
}

// CloseWrite ends the stream to the peer, if the connection below can.
func (c *Conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return fmt.Errorf("half-close %T: %w", c.Conn, errors.ErrUnsupported)
}

// SyscallConn returns the socket below, if there is one.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, fmt.Errorf("socket of %T: %w", c.Conn, errors.ErrUnsupported)
}

// WaitRead implements netwait.Waiter. Where the connection below cannot tell, it
// returns at once, and it is the Read that waits.
func (c *Conn) WaitRead() error {
	if c.wait == nil {
		return nil
	}
	return c.wait()
}

// ReadLate implements netwait.LateReader, as far as the connection below can.
func (c *Conn) ReadLate(l netwait.Lender) (netwait.Parts, error) {
	if c.late == nil {
		return netwait.Now(c.Conn, l)
	}
	return c.late.ReadLate(l)
}

// handshake reads the request from c, in the version that its first byte names.
func handshake(c net.Conn, versions Versions) (*Conn, error) {
	// A second more to write: who was too slow is still told so.
	end := time.Now().Add(handshakeTimeout)
	if err := errors.Join(c.SetReadDeadline(end), c.SetWriteDeadline(end.Add(time.Second))); err != nil {
		return nil, fmt.Errorf("limit the time: %w", err)
	}
	var version [1]byte
	if _, err := io.ReadFull(c, version[:]); err != nil {
		return nil, fmt.Errorf("read version: %w", err)
	}
	var conn *Conn
	var err error
	switch {
	case version[0] == 4 && versions&V4 != 0:
		conn, err = handshake4(c)
	case version[0] == 5 && versions&V5 != 0:
		conn, err = handshake5(c, version[0])
	default:
		return nil, fmt.Errorf("version byte %#x is not spoken here", version[0])
	}
	if err != nil {
		return nil, fmt.Errorf("SOCKS%d: %w", version[0], err)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("lift the time limit: %w", err)
	}
	return conn, nil
}
