package wsconn

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"flashproxy/internal/netwait"
)

var errHandshakeTooLong = errors.New("the peer's handshake is too long")

// source is the byte stream from the peer, below the frames. It has no buffer: what
// it reads goes where its reader wants it, when it comes.
//
// For gorilla, which does the handshake on it, it ends each read with the
// response's head, so that gorilla holds none of the frames behind that; it keeps
// deadlines, which belong to Conn, out of gorilla's hands.
type source struct {
	net.Conn
	late   netwait.LateReader // nil: nothing tells when there is something to read
	wait   func() error       // once it is needed
	early  []byte             // what came before anybody wanted it
	head   headEnd
	budget int // what a handshake may still take

	heard   atomic.Bool // bytes came since the last tick
	waiting atomic.Bool // somebody waits for bytes now
}

// newSource reads early first, which came before conn was handed over. budget
// bounds the bytes that are read of a handshake.
func newSource(conn net.Conn, early []byte, budget int) *source {
	return &source{Conn: conn, late: netwait.Late(conn), early: early, budget: budget}
}

// Read is for the handshake.
func (s *source) Read(p []byte) (int, error) {
	if s.budget <= 0 {
		return 0, errHandshakeTooLong
	}
	p = p[:min(len(p), s.budget)]
	var n int
	var err error
	if len(s.early) > 0 {
		n = copy(p, s.early)
		s.early = s.early[n:]
	} else {
		n, err = s.Conn.Read(p)
	}
	if s.head == afterHead {
		// More is wanted: it was no WebSocket.
	} else if end := s.head.find(p[:n]); end < n {
		s.early = append(append([]byte(nil), p[end:n]...), s.early...)
		n = end
	}
	s.budget -= n
	return n, err
}

// await returns when there is something to read, as netwait.Waiter has it, or at
// once when that cannot be told.
func (s *source) await() error {
	if len(s.early) > 0 || s.late == nil {
		return nil
	}
	if s.wait == nil {
		if s.wait = netwait.Readable(s.Conn); s.wait == nil {
			return nil
		}
	}
	s.waiting.Store(true)
	defer s.waiting.Store(false)
	return s.wait()
}

// take reads once.
func (s *source) take(p []byte) (int, error) {
	if len(s.early) > 0 {
		n := copy(p, s.early)
		if s.early = s.early[n:]; len(s.early) == 0 {
			s.early = nil
		}
		s.heard.Store(true)
		return n, nil
	}
	s.waiting.Store(true)
	n, err := s.Conn.Read(p)
	s.waiting.Store(false)
	if n > 0 {
		s.heard.Store(true)
		return n, nil // an error comes again
	}
	return 0, err
}

// takeLate reads once, as netwait.LateReader has it, where that can be.
func (s *source) takeLate(l netwait.Lender) (netwait.Parts, error) {
	if len(s.early) > 0 || s.late == nil {
		return s.takeNow(l)
	}
	s.waiting.Store(true)
	parts, err := s.late.ReadLate(l)
	s.waiting.Store(false)
	if len(parts) > 0 {
		s.heard.Store(true)
	}
	return parts, err
}

// takeNow reads once, into what it borrows before.
func (s *source) takeNow(l netwait.Lender) (netwait.Parts, error) {
	buf := l.Borrow()
	n, err := s.take(buf)
	for n == 0 && err == nil {
		n, err = s.take(buf)
	}
	if err != nil {
		l.Return()
		return nil, err
	}
	return l.Parts().Add(buf[:n]), nil
}

func (s *source) SetDeadline(time.Time) error      { return nil }
func (s *source) SetReadDeadline(time.Time) error  { return nil }
func (s *source) SetWriteDeadline(time.Time) error { return nil }

// headEnd finds the empty line that ends the head of an HTTP message, whatever
// the pieces.
type headEnd int

// The states of headEnd. Line ends may lack their CR, as net/http has it.
const (
	inLine headEnd = iota
	afterLine
	afterLineCR
	afterHead
)

// find returns how many bytes of p belong to the head.
func (h *headEnd) find(p []byte) int {
	for i, b := range p {
		switch {
		case *h == afterHead:
			return i
		case b == '\n' && *h == inLine:
			*h = afterLine
		case b == '\n':
			*h = afterHead
		case b == '\r' && *h == afterLine:
			*h = afterLineCR
		default:
			*h = inLine
		}
	}
	return len(p)
}
