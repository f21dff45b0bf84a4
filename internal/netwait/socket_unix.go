//go:build unix

package netwait

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxCall is the most that one system call moves, so that it does not last long: twice
// what a pipe moves at once.
const maxCall = 128 << 10

// socket reads a plain socket. It does what net.Conn's Read does, one attempt and
// another each time the runtime's poller says so, but borrows for each attempt.
type socket struct {
	conn    net.Conn
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // bound once: a read allocates nothing
	lender  Lender
	got     []byte
	err     error
	pace    moderation
}

// lateSocket returns nil if c is no socket.
func lateSocket(c net.Conn) LateReader {
	raw := rawConn(c)
	if raw == nil {
		return nil
	}
	s := &socket{conn: c, raw: raw}
	s.attempt = s.try
	return s
}

// rawConn returns nil if c is no socket.
func rawConn(c net.Conn) syscall.RawConn {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// ReadLate implements LateReader. Ten thousand wait in it: it needs little of the stack.
func (s *socket) ReadLate(l Lender) (Parts, error) {
	s.lender = l
	return s.parts(s.raw.Read(s.attempt))
}

// parts gives what the attempts took, as took does, in the lender's list.
func (s *socket) parts(err error) (Parts, error) {
	l := s.lender
	got, err := s.took(err)
	if err != nil {
		return nil, err
	}
	return l.Parts().Add(got), nil
}

// took gives what the attempts took, and forgets it. The error says that there was none, or no
// other: the socket is closed, or the deadline passed.
func (s *socket) took(err error) ([]byte, error) {
	got, failed := s.got, s.err
	s.lender, s.got, s.err = nil, nil, nil
	s.pace.end(s.raw)
	switch {
	case err != nil:
		return nil, opError(s.conn, "read", err)
	case failed == io.EOF:
		return nil, io.EOF
	case failed != nil:
		return nil, opError(s.conn, "read", failed)
	}
	return got, nil
}

// try reads once, unless it is better to wait first, and tells whether there is to be
// no further attempt.
func (s *socket) try(fd uintptr) bool {
	if s.pace.wait(int(fd)) {
		return false
	}
	buf := s.lender.Borrow()
	n, errno := recv(fd, buf[:min(len(buf), maxCall)])
	switch {
	case n > 0:
		s.got = buf[:n]
		s.pace.read(s.raw, int(fd), n, len(buf))
		return true
	case errno == unix.EAGAIN:
		s.lender.Return()
		return false
	case errno == 0:
		s.err = io.EOF
	default:
		s.err = os.NewSyscallError("read", errno)
	}
	s.lender.Return()
	return true
}

// socketWriter writes a plain socket. It does what net.Conn's Write does.
type socketWriter struct {
	conn    net.Conn
	raw     syscall.RawConn
	attempt func(fd uintptr) bool
	rest    []byte
	err     error
}

func tcpWriter(c *net.TCPConn) io.Writer {
	raw := rawConn(c)
	if raw == nil {
		return c
	}
	w := &socketWriter{conn: c, raw: raw}
	w.attempt = w.try
	return w
}

// Write implements io.Writer.
func (w *socketWriter) Write(p []byte) (int, error) {
	w.rest = p
	err := w.raw.Write(w.attempt)
	n, failed := len(p)-len(w.rest), w.err
	w.rest, w.err = nil, nil
	if err == nil {
		err = failed
	}
	if err != nil {
		return n, opError(w.conn, "write", err)
	}
	return n, nil
}

// try writes until all is written or nothing more fits, and tells whether there is to
// be no further attempt.
func (w *socketWriter) try(fd uintptr) bool {
	for len(w.rest) > 0 {
		n, errno := send(fd, w.rest[:min(len(w.rest), maxCall)])
		switch {
		case n > 0:
			w.rest = w.rest[n:]
		case errno == unix.EAGAIN:
			return false
		case errno == 0:
			w.err = io.ErrUnexpectedEOF // as internal/poll has it
			return true
		default:
			w.err = os.NewSyscallError("write", errno)
			return true
		}
	}
	return true
}

// opError gives the error the form that a net.Conn's has.
func opError(c net.Conn, op string, err error) error {
	if raw, ok := errors.AsType[*net.OpError](err); ok {
		err = raw.Err
	}
	e := &net.OpError{Op: op, Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
	if e.Source != nil { // as on BSD, when the peer had reset the connection before it was accepted
		e.Net = e.Source.Network()
	}
	return e
}
