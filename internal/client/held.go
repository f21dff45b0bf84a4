package client

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"flashproxy/internal/netwait"
)

// heldBytes bounds what is read of a connection before it is linked; the rest stays
// in the kernel. Tor's first flight (a TLS ClientHello) is a few hundred bytes.
const heldBytes = 4 << 10

// held is a connection that waits for its other half. Reads stand by from the
// start, so that a peer that goes away is noticed, and what it sends before the link is
// kept, in order, and bounded. A peer that has sent as much as is kept is not
// read any more, and its going away is seen when it is linked. After the link a
// held is the connection itself.
type held struct {
	net.Conn
	gone  chan struct{}      // closed when the connection ended while a read stood by
	stood sync.WaitGroup     // the read that stands by
	lost  atomic.Bool        // the peer ended it, not we
	late  netwait.LateReader // nil: cannot tell when there is something to read
	ours  bool               // who reads has taken over; the reader's

	mu    sync.Mutex
	kept  []byte // what came and nobody has read yet
	err   error  // what follows it
	taken bool   // by who reads now: the read that stands by is the last
}

// hold starts the reads that stand by, in a goroutine of wg.
func hold(wg *sync.WaitGroup, c net.Conn) *held {
	h := &held{Conn: c, gone: make(chan struct{}), late: netwait.Late(c)}
	h.stood.Add(1)
	wg.Go(h.stand)
	return h
}

// stand reads until somebody else does, the connection ends, or enough is kept.
func (h *held) stand() {
	defer h.stood.Done()
	wait := netwait.Readable(h.Conn)
	var buf []byte
	for n := 0; n < heldBytes; {
		var err error
		// Without a buffer, as far as that can be: a spare proxy may stand by for minutes.
		if wait != nil {
			err = wait()
		}
		was := n
		if err == nil {
			if buf == nil {
				buf = make([]byte, heldBytes)
			}
			n, err = h.Conn.Read(buf[was:])
			n += was
		}
		if !h.keep(buf[was:n], err) {
			return
		}
	}
}

// keep takes what one read gave, and tells whether there is to be another.
func (h *held) keep(b []byte, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.kept) == 0 {
		h.kept = b
	} else {
		h.kept = append(h.kept, b...) // in place: b is what follows
	}
	if h.taken && errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	h.err = err
	if err != nil {
		h.lost.Store(!errors.Is(err, net.ErrClosed))
		close(h.gone)
	}
	return err == nil && !h.taken
}

// take moves what is kept to p.
func (h *held) take(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n = copy(p, h.kept)
	if h.kept = h.kept[n:]; len(h.kept) == 0 {
		h.kept = nil // let the buffer go
	}
	if n > 0 {
		return n, nil
	}
	return 0, h.err
}

// Read gives first what was kept, then what the connection gives.
func (h *held) Read(p []byte) (int, error) {
	if h.keeps() {
		return h.take(p)
	}
	n, err := h.Conn.Read(p)
	return n, h.note(err)
}

// ReadLate implements netwait.LateReader.
func (h *held) ReadLate(l netwait.Lender) (netwait.Parts, error) {
	if h.keeps() || h.late == nil {
		return netwait.Now(h, l)
	}
	parts, err := h.late.ReadLate(l)
	return parts, h.note(err)
}

// note remembers that it was the peer who ended the connection, if it was.
func (h *held) note(err error) error {
	if err != nil && !errors.Is(err, net.ErrClosed) {
		h.lost.Store(true)
	}
	return err
}

// keeps tells whether there is something to take. From the first call on it is
// the caller who reads.
func (h *held) keeps() bool {
	if !h.ours {
		h.takeOver()
		h.ours = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.kept) > 0 || h.err != nil
}

// takeOver ends the read that stands by. A deadline that has passed wakes it; it does
// not harm a read that comes later.
func (h *held) takeOver() {
	h.mu.Lock()
	h.taken = true
	h.mu.Unlock()
	if h.Conn.SetReadDeadline(time.Unix(1, 0)) != nil {
		h.stood.Wait() // closed: it ends by itself
		return
	}
	h.stood.Wait()
	h.Conn.SetReadDeadline(time.Time{}) // if it fails, so does the read
}

// heldLocal is a held connection that can half-close: the SOCKS side. The remote
// side must not look as if it could, since a WebSocket cannot. Nor does it where it
// could, by TCP: Tor never half-closes, and a proxy whose stream has ended is gone.
type heldLocal struct{ *held }

// CloseWrite half-closes the connection below.
func (h heldLocal) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
