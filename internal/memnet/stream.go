package memnet

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// stream is one direction of a connection.
type stream struct {
	mu      sync.Mutex
	changed sync.Cond // on mu: anything below changed
	buf     bytes.Buffer
	limit   int // buf holds no more than this
	maxRead int // a Read gives no more than this; 0: as much as there is

	writing     bool // one Write at a time, as on a socket
	ended       bool // the writer's end was closed, or half-closed
	writeClosed bool // the writer's end was closed wholly
	readClosed  bool // the reader's end was closed
	reset       bool // either end was aborted

	readBy, writeBy deadline
}

func newStream() *stream {
	s := &stream{limit: DefaultBuffer}
	s.changed.L = &s.mu
	return s
}

// deadline is guarded by the mutex of its stream.
type deadline struct {
	timer  *time.Timer
	passed bool
}

// update runs f on s and wakes everybody who waits on it.
func (s *stream) update(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.changed.Broadcast()
}

// stop is called with the mutex held: a closed end needs no wake-up any more.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// setDeadline sets d, one of s, unless the end that it belongs to is closed; it
// reports whether it did.
func (s *stream) setDeadline(d *deadline, closed *bool, at time.Time) (ok bool) {
	s.update(func() {
		if *closed {
			return
		}
		ok = true
		d.stop()
		d.passed = !at.IsZero() && !at.After(time.Now())
		if at.IsZero() || d.passed {
			return
		}
		var timer *time.Timer
		timer = time.AfterFunc(time.Until(at), func() {
			s.update(func() {
				if d.timer == timer { // else it was replaced while it fired
					d.passed = true
				}
			})
		})
		d.timer = timer
	})
	return ok
}

// readable waits, with mu held, until a read would not block.
func (s *stream) readable() error {
	for {
		switch {
		case s.readClosed:
			return net.ErrClosed
		case s.reset:
			return syscall.ECONNRESET
		case s.readBy.passed:
			return os.ErrDeadlineExceeded
		case s.buf.Len() > 0 || s.ended:
			return nil
		}
		s.changed.Wait()
	}
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.readable(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if s.buf.Len() == 0 {
		return 0, io.EOF
	}
	if s.maxRead > 0 {
		p = p[:min(len(p), s.maxRead)]
	}
	n, _ := s.buf.Read(p) // there is something, so no error
	s.changed.Broadcast()
	return n, nil
}

// waitRead is how a reader learns that read would return at once: a reset is
// for read to tell, a closed end and a passed deadline end the wait itself.
func (s *stream) waitRead() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.readable(); err != nil && err != syscall.ECONNRESET {
		return err
	}
	return nil
}

// writable waits, with mu held, until ready says so; it returns why there can
// be no more writing.
func (s *stream) writable(ready func() bool) error {
	for {
		switch {
		case s.writeClosed:
			return net.ErrClosed
		case s.reset:
			return syscall.ECONNRESET
		case s.ended || s.readClosed:
			return syscall.EPIPE
		case s.writeBy.passed:
			return os.ErrDeadlineExceeded
		case ready():
			return nil
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(func() bool { return !s.writing }); err != nil {
		return 0, err
	}
	s.writing = true
	defer func() { s.writing = false; s.changed.Broadcast() }()
	written := 0
	for written < len(p) {
		if err := s.writable(func() bool { return s.buf.Len() < s.limit }); err != nil {
			return written, err
		}
		n := min(len(p)-written, s.limit-s.buf.Len())
		s.buf.Write(p[written : written+n])
		written += n
		s.changed.Broadcast()
	}
	return written, nil
}
