package wsconn

import (
	"cmp"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// requestTimeout is within what the protocol gives the request.
	requestTimeout = 10 * time.Second

	// maxRequest bounds a request's head. Browsers send well under 2 KiB; net/http
	// adds 4 KiB of its own.
	maxRequest = 4 << 10

	// defaultPending is twice what a busy relay has in its handshakes at once, at
	// 1000 connections a second and 100 ms each. A flood gets no more than these
	// times 16 KiB (two buffers of net/http, a stack).
	defaultPending = 200

	// defaultPendingPerAddr is for many browsers behind one address; each has two
	// connections at once.
	defaultPendingPerAddr = 32
)

// ListenOptions say how to listen. The zero value will do.
type ListenOptions struct {
	// Logger gets what net/http has to say, at Debug; nil drops it.
	Logger *slog.Logger
	// TLS makes it wss; nil is ws. Its NextProtos must have no HTTP/2, which has no
	// upgrade.
	TLS *tls.Config
	// HandshakeTimeout is for the whole request, TLS included; 0 is 10 s.
	HandshakeTimeout time.Duration
	// PingInterval is as in DialOptions.
	PingInterval time.Duration
	// MaxPending bounds the connections that have not been accepted yet, whether
	// their handshake is done or not; 0 is 200. The excess is closed at once.
	MaxPending int
	// MaxPendingPerAddr is the same for one IPv4 address, or one IPv6 /64; 0 is 32,
	// negative is no bound.
	MaxPendingPerAddr int
	// TrustedProxies are reverse proxies in front: MaxPendingPerAddr is not for
	// them, and the RemoteAddr of a connection is what they say in X-Forwarded-For,
	// with port 1; with IP nil and port 0 if they do not say.
	TrustedProxies []netip.Prefix
}

// Listener is a net.Listener of WebSockets.
type Listener struct {
	o       ListenOptions
	gate    *gate
	server  *http.Server
	queue   chan ticket // its room is MaxPending: sending never blocks
	ended   chan struct{}
	err     error // of Accept, once ended is closed
	serving sync.WaitGroup
	closed  chan struct{} // Close has finished
}

// ticket is a connection whose handshake is done, and its place among the pending.
type ticket struct {
	conn  net.Conn // a *Conn, or a *forwarded
	raw   *Conn
	place *place
}

// Listen takes over ln and answers on each of its connections a GET for / that
// asks for a WebSocket; anything else gets 404, as from a web server that has nothing
// there. Any Origin and Host will do: every page may be a proxy.
func Listen(ln net.Listener, o ListenOptions) *Listener {
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, requestTimeout)
	o.PingInterval = cmp.Or(o.PingInterval, defaultPing)
	o.MaxPending = cmp.Or(o.MaxPending, defaultPending)
	o.MaxPendingPerAddr = cmp.Or(o.MaxPendingPerAddr, defaultPendingPerAddr)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.TLS != nil {
		ln = &secure{ln, o.TLS, o.HandshakeTimeout}
	}
	l := &Listener{
		o:      o,
		gate:   newGate(ln, o.MaxPending, o.MaxPendingPerAddr),
		queue:  make(chan ticket, o.MaxPending),
		ended:  make(chan struct{}),
		closed: make(chan struct{}),
	}
	l.gate.exempt = o.TrustedProxies
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	l.server = &http.Server{
		Handler:                      http.HandlerFunc(l.serve),
		ReadTimeout:                  o.HandshakeTimeout,
		WriteTimeout:                 o.HandshakeTimeout,
		MaxHeaderBytes:               maxRequest,
		Protocols:                    http1,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	// One request a connection: else a peer could keep its place for ever.
	l.server.SetKeepAlivesEnabled(false)
	l.serving.Go(func() {
		l.err = l.server.Serve(l.gate)
		if errors.Is(l.err, http.ErrServerClosed) {
			l.err = net.ErrClosed
		}
		close(l.ended)
	})
	return l
}

// Accept returns the next WebSocket, a *Conn, or what has all its methods. Its error
// is net.ErrClosed after Close, or what made the underlying listener end.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case t := <-l.queue:
		t.place.leave()
		return t.conn, nil
	case <-l.ended:
		return nil, l.err
	}
}

// Addr returns the address of the underlying listener.
func (l *Listener) Addr() net.Addr { return l.gate.Addr() }

// Close ends the underlying listener, all handshakes, and the connections that
// were not accepted yet. Those that were go on. Further calls wait for the first
// and return nil.
func (l *Listener) Close() error {
	if !l.gate.shut() {
		<-l.closed
		return nil
	}
	defer close(l.closed)
	err := l.server.Close()
	l.gate.closeAll()
	l.serving.Wait()
	l.drain()
	l.gate.empty.Wait()
	return err
}

// drain drops what is in the queue; shut lets no more in.
func (l *Listener) drain() {
	for {
		select {
		case t := <-l.queue:
			t.raw.drop()
			t.place.leave()
		default:
			return
		}
	}
}
