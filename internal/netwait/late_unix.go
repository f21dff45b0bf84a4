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

// socket reads a plain socket. It does what net.Conn's Read does, one attempt and
// another each time the runtime's poller says so, but borrows for each attempt.
type socket struct {
	conn    net.Conn
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // bound once: a read allocates nothing
	lender  Lender
	got     []byte
	err     error
}

func lateSocket(c net.Conn) func(Lender) ([]byte, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{conn: c, raw: raw}
	s.attempt = s.try
	return s.read
}

func (s *socket) read(l Lender) ([]byte, error) {
	s.lender = l
	err := s.raw.Read(s.attempt)
	got, failed := s.got, s.err
	s.lender, s.got, s.err = nil, nil, nil
	switch {
	case err != nil: // closed, or the deadline passed, before or between attempts
		return nil, s.opError(err)
	case failed == io.EOF:
		return nil, io.EOF
	case failed != nil:
		return nil, s.opError(failed)
	}
	return got, nil
}

// try reads once, and tells whether there is to be no further attempt.
func (s *socket) try(fd uintptr) bool {
	buf := s.lender.Borrow()
	n, err := unix.Read(int(fd), buf)
	for err == unix.EINTR {
		n, err = unix.Read(int(fd), buf)
	}
	switch {
	case n > 0:
		s.got = buf[:n]
		return true
	case err == unix.EAGAIN:
		s.lender.Return()
		return false
	case err == nil:
		s.err = io.EOF
	default:
		s.err = os.NewSyscallError("read", err)
	}
	s.lender.Return()
	return true
}

// opError gives the error the form that net.Conn's Read gives it.
func (s *socket) opError(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	op := &net.OpError{Op: "read", Source: s.conn.LocalAddr(), Addr: s.conn.RemoteAddr(), Err: err}
	if op.Source != nil { // as on BSD, when the peer had reset the connection before it was accepted
		op.Net = op.Source.Network()
	}
	return op
}
