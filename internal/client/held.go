package client

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"flashproxy/internal/netwait"
)

// heldBytes bounds what is kept of a connection before it is linked: it is one
// read, and the rest stays in the kernel. Tor's first flight (a TLS ClientHello) is a few
// hundred bytes.
const heldBytes = 4 << 10

// held is a connection that waits for its other half. One read stands by from the
// start, so that a peer that goes away is noticed, and what it sends before the link is
// kept, in order, and bounded. After that it is the connection itself.
type held struct {
	net.Conn
	gone  chan struct{} // closed when the connection ended while nothing was linked
	ready chan struct{} // closed when the first read has returned
	lost  atomic.Bool   // the peer ended it, not we

	mu    sync.Mutex
	first []byte // what the first read gave and nobody has read yet
	err   error  // and its error
}

// hold starts the read that stands by, in a goroutine of wg.
func hold(wg *sync.WaitGroup, c net.Conn) *held {
	h := &held{Conn: c, gone: make(chan struct{}), ready: make(chan struct{})}
	wg.Go(func() {
		first, err := firstRead(c)
		h.mu.Lock()
		h.first, h.err = first, err
		h.mu.Unlock()
		close(h.ready)
		if err != nil {
			h.lost.Store(!errors.Is(err, net.ErrClosed))
			close(h.gone)
		}
	})
	return h
}

// firstRead waits without a buffer, as far as c can: a spare proxy may stand by for
// minutes.
func firstRead(c net.Conn) ([]byte, error) {
	if wait := netwait.Readable(c); wait != nil {
		if err := wait(); err != nil {
			return nil, err
		}
	}
	buf := make([]byte, heldBytes)
	n, err := c.Read(buf)
	return buf[:n], err
}

// Read gives first what was kept, then what the connection gives.
func (h *held) Read(p []byte) (int, error) {
	<-h.ready
	h.mu.Lock()
	if len(h.first) > 0 {
		n := copy(p, h.first)
		if h.first = h.first[n:]; len(h.first) == 0 {
			h.first = nil // let the buffer go
		}
		h.mu.Unlock()
		return n, nil
	}
	err := h.err
	h.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := h.Conn.Read(p)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		h.lost.Store(true)
	}
	return n, err
}

// WaitRead implements netwait.Waiter.
func (h *held) WaitRead() error {
	<-h.ready
	h.mu.Lock()
	now := len(h.first) > 0 || h.err != nil
	h.mu.Unlock()
	if now {
		return nil
	}
	if wait := netwait.Readable(h.Conn); wait != nil {
		return wait()
	}
	return nil
}

// heldLocal is a held connection that can half-close: the SOCKS side. The remote
// side must not look as if it could, since a WebSocket cannot.
type heldLocal struct{ *held }

// CloseWrite half-closes the connection below.
func (h heldLocal) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
