// Package socks is the side of a client transport that Tor connects to: a server
// that speaks SOCKS4, SOCKS4a and SOCKS5 on one port, as pluggable transports use
// them. The user name carries arguments, and the destination is for the caller to
// use or to ignore.
//
// It is not a proxy: it connects nowhere, has no authentication, and knows CONNECT
// alone. SOCKS5 is goptlib's; SOCKS4, which goptlib has given up, is here:
// https://www.openssh.com/txt/socks4.protocol and socks4a.protocol.
package socks

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// handshakeTimeout is for the whole handshake. Tor sends it at once; 10 s is
	// what the project gives a peer to say what it wants.
	handshakeTimeout = 10 * time.Second
	// maxWaiting bounds the connections that are in their handshake, or through
	// it and not yet accepted. Tor opens one for each Bridge line. The system's
	// own queue holds those beyond it, so that none is refused.
	maxWaiting = 64
	// maxBackoff is the longest pause after an error of the listening socket.
	maxBackoff = time.Second
)

// Versions is a set of SOCKS versions.
type Versions uint8

const (
	V4 Versions = 1 << iota // SOCKS4 and SOCKS4a
	V5

	All = V4 | V5
)

// Options of a [Listener].
type Options struct {
	Versions Versions     // what is spoken; 0 is All
	Logger   *slog.Logger // nil: no log. A failed handshake is a Debug line
}

// Listener accepts connections whose handshake is done. A slow handshake delays
// no other one. Its methods may be called at the same time.
type Listener struct {
	ln       net.Listener
	versions Versions
	logger   *slog.Logger

	slots chan struct{} // one token for each waiting connection
	ready chan *Conn
	done  chan struct{}  // closed at the end
	wg    sync.WaitGroup // the accept loop and the handshakes

	mu      sync.Mutex
	shaking map[net.Conn]struct{} // in their handshake; guarded by mu
	err     error                 // why done was closed; guarded by mu
}

// NewListener returns a Listener for the connections of ln, which it owns. Close
// it.
func NewListener(ln net.Listener, o Options) *Listener {
	l := &Listener{
		ln:       ln,
		versions: o.Versions,
		logger:   o.Logger,
		slots:    make(chan struct{}, maxWaiting),
		ready:    make(chan *Conn),
		done:     make(chan struct{}),
		shaking:  make(map[net.Conn]struct{}),
	}
	if l.versions == 0 {
		l.versions = All
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	l.wg.Go(l.acceptLoop)
	return l
}

// Addr returns the address of the listening socket.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Accept returns the next connection that asks for a destination. It waits for
// [Conn.Grant] or [Conn.Reject]. After Close the error is net.ErrClosed; any
// other error is that of the listening socket, and final.
func (l *Listener) Accept() (*Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return nil, l.err
	}
}

// Close closes the listening socket and the connections that Accept has not
// returned, and waits until all goroutines have ended.
func (l *Listener) Close() error {
	err := l.end(net.ErrClosed)
	l.wg.Wait()
	return err
}

// end makes Accept return cause, and everything stop. Only the first call counts.
func (l *Listener) end(cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil
	}
	l.err = cause
	close(l.done)
	for c := range l.shaking {
		c.Close()
	}
	return l.ln.Close()
}

func (l *Listener) acceptLoop() {
	var pause time.Duration
	for {
		select {
		case l.slots <- struct{}{}:
		case <-l.done:
			return
		}
		c, err := l.ln.Accept()
		switch {
		case err == nil:
			pause = 0
			l.wg.Go(func() {
				defer func() { <-l.slots }()
				l.serve(c)
			})
		case isTemporary(err):
			<-l.slots
			if pause == 0 {
				l.logger.Warn("cannot accept a SOCKS connection now", "err", err)
			}
			pause = min(max(2*pause, 5*time.Millisecond), maxBackoff)
			if !l.sleep(pause) {
				return
			}
		default:
			l.end(err)
			return
		}
	}
}

// sleep returns false when the listener is closed meanwhile.
func (l *Listener) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}

// isTemporary reports whether the listening socket can go on: the process or the
// system is short of something (EMFILE, ENFILE, memory), or a peer left early.
func isTemporary(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary() || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

func (l *Listener) serve(c net.Conn) {
	if !l.begin(c) {
		c.Close()
		return
	}
	conn, err := handshake(c, l.versions)
	l.mu.Lock()
	delete(l.shaking, c)
	l.mu.Unlock()
	if err != nil {
		l.logger.Debug("SOCKS handshake", "err", err)
		c.Close()
		return
	}
	select {
	case l.ready <- conn:
	case <-l.done:
		c.Close()
	}
}

// begin hands c to end, for the time of the handshake; false after the end.
func (l *Listener) begin(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false
	}
	l.shaking[c] = struct{}{}
	return true
}
