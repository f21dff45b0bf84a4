// Package server is the relay's half of the transport: it accepts connections by an
// outer transport and gives each one's stream to an upstream, which is Tor's ORPort or
// any TCP service. It knows neither which transports there are nor how an
// upstream is reached; the caller gives it a function for each.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"flashproxy/internal/netwait"
	"flashproxy/internal/relaypipe"
)

// DefaultIdleTimeout is long: who is dead is noticed by the transport's pings, and who
// is merely silent costs little. It is what a network lets TCP connections be silent
// for (RFC 5382, REQ-5, wants NATs to keep them for 2 hours and 4 minutes), so
// that programs which need more send something by themselves.
const DefaultIdleTimeout = 2 * time.Hour

// maxClosing bounds the connections in excess that are being closed, which may
// take each a moment (a WebSocket says goodbye). When it is reached the listener's
// own queue fills, and then its own bound holds.
const maxClosing = 64

// dialTimeout is for reaching the upstream, which is near: a tor on the same
// machine, mostly.
const dialTimeout = 10 * time.Second

// Config is what a server is to do.
type Config struct {
	// Listeners maps each method to what makes a listener of transport
	// connections out of a listener of TCP connections. It closes the latter when it is closed
	// itself, and its Accept fails for good only.
	Listeners map[string]func(net.Listener) net.Listener
	// Dial opens the upstream for a connection by method from user.
	Dial func(ctx context.Context, user netip.AddrPort, method string) (net.Conn, error)
	// ClientFirst says that the client speaks first, as Tor's does. The upstream is
	// then dialled when there is something to say: connections that a proxy holds
	// in reserve cost it nothing, and it does not close them for their silence.
	ClientFirst bool
	// MaxConns is how many connections, of all listeners, are served at once; the
	// excess is closed. It must be above 0.
	MaxConns int
	// IdleTimeout ends a connection that carries nothing for so long; 0:
	// DefaultIdleTimeout.
	IdleTimeout time.Duration
	// Logger gets what happens; nil: nothing is logged.
	Logger *slog.Logger
}

// Server serves any number of listeners. Make it with New.
type Server struct {
	cfg     Config
	log     *slog.Logger
	slots   chan struct{} // one in it for each connection served
	closing chan struct{} // one in it for each connection in excess
	down    throttle      // of warnings that the upstream is down
	full    throttle      // of warnings that there are too many connections
}

// New checks cfg and makes a server of it.
func New(cfg Config) (*Server, error) {
	switch {
	case cfg.Dial == nil || len(cfg.Listeners) == 0:
		return nil, errors.New("a server needs an upstream and a transport")
	case cfg.MaxConns <= 0 || cfg.IdleTimeout < 0:
		return nil, errors.New("the server's limits must be above 0")
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = DefaultIdleTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg:     cfg,
		log:     cfg.Logger,
		slots:   make(chan struct{}, cfg.MaxConns),
		closing: make(chan struct{}, maxClosing),
	}, nil
}

// Serve accepts connections of method from ln until ctx ends, which returns nil, or
// until ln fails, which returns why. It closes ln, and returns when all its
// connections have ended; the end of ctx cuts them. It may be called for several
// listeners at once.
func (s *Server) Serve(ctx context.Context, method string, ln net.Listener) error {
	listen := s.cfg.Listeners[method]
	if listen == nil {
		ln.Close()
		return fmt.Errorf("no transport by the name %q", method)
	}
	var conns sync.WaitGroup
	defer conns.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	accepted := listen(ln)
	defer accepted.Close()
	defer context.AfterFunc(ctx, func() { accepted.Close() })()
	for {
		c, err := accepted.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("accept a connection: %w", err)
		}
		select {
		case s.slots <- struct{}{}:
			conns.Go(func() { s.handle(ctx, visit{c, peer(c), method}, &conns) })
		default:
			s.closing <- struct{}{}
			conns.Go(func() {
				defer func() { <-s.closing }()
				c.Close()
			})
			s.tooMany()
		}
	}
}

// visit is a connection that has a place in Server.slots, and where it came from.
type visit struct {
	net.Conn
	user   netip.AddrPort
	method string
}

// handle opens the upstream for a connection, and gives the two a goroutine of
// conns: to dial needs a large stack, and a connection should not keep it.
func (s *Server) handle(ctx context.Context, v visit, conns *sync.WaitGroup) {
	upstream := s.open(ctx, v)
	if upstream == nil {
		v.Close()
		<-s.slots
		return
	}
	conns.Go(func() {
		s.carry(ctx, v, upstream)
		<-s.slots
	})
}

// open gives the upstream for a connection, or nil, of which it has told.
func (s *Server) open(ctx context.Context, v visit) net.Conn {
	if s.cfg.ClientFirst {
		if err := s.awaitData(ctx, v.Conn); err != nil {
			s.log.Debug("connection ended unused", "user", v.user, "method", v.method, "err", err)
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	upstream, err := s.cfg.Dial(ctx, v.user, v.method)
	if err != nil {
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			s.upstreamDown(err)
		}
		return nil
	}
	s.log.Debug("connection to the upstream opened", "user", v.user, "method", v.method)
	return upstream
}

// carry carries the bytes of a connection until it ends, and closes it.
func (s *Server) carry(ctx context.Context, v visit, upstream net.Conn) {
	stats, err := relaypipe.Run(ctx, v.Conn, upstream, relaypipe.Options{IdleTimeout: s.cfg.IdleTimeout})
	s.ended(v, stats, err)
}

func (s *Server) ended(v visit, t relaypipe.Stats, err error) {
	s.log.Debug("connection ended", "user", v.user, "method", v.method, "bytes_up", t.AToB, "bytes_down", t.BToA, "err", err)
}

// awaitData returns when c has something to read, the end of its stream
// included. A connection that cannot wait without a buffer is not waited for.
func (s *Server) awaitData(ctx context.Context, c net.Conn) error {
	wait := netwait.Readable(c)
	if wait == nil {
		return nil
	}
	if err := c.SetReadDeadline(time.Now().Add(s.cfg.IdleTimeout)); err != nil {
		return err
	}
	// A deadline that has passed ends the wait. So would Close, but it may take
	// its time.
	defer context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })()
	if err := wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return c.SetReadDeadline(time.Time{})
}

// peer gives the address of the peer, or no valid one where c has none.
func peer(c net.Conn) netip.AddrPort {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
