package wsconn

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"flashproxy/internal/netwait"
)

// chunk is what one read from the socket may take: as much as the longest message
// that is sent. Half of it costs a fifth more CPU time when all are that long.
const chunk = 32 << 10

// chunks lends buffers to the connections that have something to read.
var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

var errHandshakeTooLong = errors.New("the peer's handshake is too long")

// source is the net.Conn that gorilla reads from. It waits for data without a
// buffer, then takes a large one from a pool, reads once, and gives it back when
// all is served: many small frames cost one system call, and an idle connection
// holds nothing. (A connection that cannot wait by itself, as TLS, holds its
// buffer meanwhile.)
//
// It also keeps gorilla's hands off the connection. Deadlines belong to Conn.
// What gorilla writes after the handshake is dropped: that is only close frames
// for errors, written in the reader's way; Conn sends its own.
type source struct {
	net.Conn
	wait   func() error // nil: cannot
	owned  *[chunk]byte // where unread points into, when it is ours to give back
	unread []byte
	end    error // what follows unread, from Conn as it came
	failed bool  // end was given to the reader
	budget int   // what a handshake may still take
	open   bool  // the handshake is over

	heard   atomic.Bool // bytes came since the last tick
	waiting atomic.Bool // somebody waits for bytes now
}

// newSource reads early first, which came before conn was handed over. budget
// bounds the bytes that are read until the handshake is over.
func newSource(conn net.Conn, early []byte, budget int) *source {
	return &source{Conn: conn, wait: netwait.Readable(conn), unread: early, budget: budget}
}

func (s *source) upgraded() { s.open = true }

// buffered returns how many bytes Read can give without touching the connection.
func (s *source) buffered() int { return len(s.unread) }

// Read gives p what is buffered, or waits for one read from the connection. Its
// errors are final, and are kept in s.end because gorilla changes them.
func (s *source) Read(p []byte) (int, error) {
	if !s.open {
		if s.budget <= 0 {
			return 0, errHandshakeTooLong
		}
		p = p[:min(len(p), s.budget)]
	}
	if len(s.unread) == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.unread)
	s.unread = s.unread[n:]
	if !s.open {
		s.budget -= n
	}
	if len(s.unread) == 0 {
		s.release()
	}
	return n, nil
}

// fill gets at least one byte into unread.
func (s *source) fill() error {
	s.waiting.Store(true)
	defer s.waiting.Store(false)
	if s.end == nil && s.wait != nil {
		s.end = s.wait()
	}
	if s.end == nil {
		s.owned = chunks.Get().(*[chunk]byte)
		n := 0
		for n == 0 && s.end == nil {
			n, s.end = s.Conn.Read(s.owned[:])
		}
		if n > 0 {
			s.heard.Store(true)
			s.unread = s.owned[:n]
			return nil
		}
		s.release()
	}
	s.failed = true
	return s.end
}

// release gives the buffer back.
func (s *source) release() {
	s.unread = nil
	if s.owned != nil {
		chunks.Put(s.owned)
		s.owned = nil
	}
}

// Write sends the handshake, and nothing after it.
func (s *source) Write(p []byte) (int, error) {
	if s.open {
		return len(p), nil
	}
	return s.Conn.Write(p)
}

func (s *source) SetDeadline(time.Time) error      { return nil }
func (s *source) SetReadDeadline(time.Time) error  { return nil }
func (s *source) SetWriteDeadline(time.Time) error { return nil }
