package facilitator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"flashproxy/internal/netwait"
)

const (
	// maxHeader holds a poll that lists some 300 clients. net/http adds 4 KiB.
	maxHeader = 16 << 10
	// idleTimeout is longer than nginx (60 s) and Caddy (2 min) keep a connection to
	// a server: the one who closes first must be they, or a poll is lost on
	// the way, and a 2015 proxy with it.
	idleTimeout = 150 * time.Second
	// shutdownTimeout is what requests under way have to finish, those that
	// must be answered at once: ioTimeout.
	shutdownTimeout = ioTimeout
)

// Serve answers on each listener until ctx ends, then stops the server, as Stop
// does, and lets requests under way finish. It closes the listeners. It returns nil
// when ctx ended, or why a listener failed, which ends it too.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	serving, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	srv := s.httpServer()
	srv.ConnState = s.limitConns()
	var wg sync.WaitGroup
	for _, l := range listeners {
		wg.Go(func() {
			if err := srv.Serve(netwait.Listener{Listener: l}); !errors.Is(err, http.ErrServerClosed) {
				cancel(fmt.Errorf("serve: %w", err))
			}
		})
	}
	<-serving.Done()
	srv.SetKeepAlivesEnabled(false) // first, so that the last answers say that they are
	s.Stop()
	// A context of its own, since ctx has ended.
	last, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer done()
	if err := srv.Shutdown(last); err != nil {
		s.log.Warn("some requests were cut off at the end", "err", err)
		_ = srv.Close()
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil // asked to stop
	}
	return context.Cause(serving)
}

// limitConns closes new connections of a source that has too many. Those of a
// trusted proxy are many sources'.
func (s *Server) limitConns() func(net.Conn, http.ConnState) {
	conns := newGauge()
	return func(c net.Conn, state http.ConnState) {
		if state == http.StateActive || state == http.StateIdle {
			return // each request, nothing to count
		}
		peer, err := netip.ParseAddrPort(c.RemoteAddr().String())
		if err != nil || isTrusted(peer.Addr().Unmap(), s.cfg.TrustedProxies) {
			return
		}
		switch state {
		case http.StateNew:
			if conns.add(peer.Addr()) > maxConnsPerSource {
				_ = c.Close() // its goroutine finds it closed, and says so here
			}
		case http.StateClosed:
			conns.sub(peer.Addr())
		}
	}
}

// httpServer has a bound on everything that a peer can draw out. Handlers move the
// deadlines of a poll that waits.
func (s *Server) httpServer() *http.Server {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Server{
		Handler:                      s.Handler(),
		Protocols:                    &http1,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is ours too
		ReadHeaderTimeout:            ioTimeout,
		ReadTimeout:                  ioTimeout,
		WriteTimeout:                 answerTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}
