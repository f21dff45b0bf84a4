// Package client is the role on the censored user's computer. It registers with a
// facilitator that proxies are wanted, takes Tor's SOCKS connections on one side and
// connections from proxies on the other, and links them, first come first served.
// There may be several alternatives, each with both sides, which are registered
// together and linked apart.
//
// It does not listen by itself: main gives it listeners for both sides, and so
// decides on transports and addresses. It never opens a connection but to the
// facilitator.
package client

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"flashproxy/internal/registration"
	"flashproxy/internal/rendezvous"

	"golang.org/x/time/rate"
)

// Defaults of Config.
const (
	// DefaultProxies: one in use, one that takes over at once, one for the next
	// connection of a Tor that opens several.
	DefaultProxies = 3
	// DefaultRefresh is well within the ten minutes after which facilitators forget
	// a registration, and short enough that one that was restarted, and so has
	// forgotten it, learns of it soon.
	DefaultRefresh = 150 * time.Second
)

// Request is a SOCKS connection whose request has been read and not answered.
type Request interface {
	net.Conn
	// Args are the arguments of the Bridge line.
	Args() map[string][]string
	Grant() error
	Reject() error
}

// Config says what a client does. Zero values mean the defaults.
type Config struct {
	Logger *slog.Logger
	// Notice tells the Tor user, in one sentence without addresses, what goes on.
	Notice func(text string)
	// Facilitator is where to register when nothing else is said by a Bridge line.
	Facilitator Facilitator
	// Methods are the ways to register, in the order of trying: "http", "url". None
	// means url where the facilitator's key and one's own address are known, else http.
	Methods []string
	// Network is "tcp4" or "tcp6" for a facilitator that shall see such an address,
	// "tcp" for any.
	Network string
	// Proxies is how many proxies each alternative keeps, linked or standing by,
	// while Tor wants any.
	Proxies int
	// Refresh is how long a registration stands before it is sent again.
	Refresh time.Duration
}

// Client links SOCKS connections with proxies.
type Client struct {
	cfg          Config
	alternatives []*alternative
	changes      *changes
	events       *rate.Limiter // of notices that strangers can cause
	ways         ways
	wg           sync.WaitGroup

	mu           sync.Mutex
	targets      map[Target]bool      // those that are registered when somebody wants it
	facilitators map[Facilitator]bool // those with a registrar
}

// ways is methods, but in tests.
type ways func(Config, Facilitator, []registration.Endpoint) ([]rendezvous.Method, error)

// New makes a client of one alternative or more. Methods that are unknown, or can't
// work with these endpoints, are an error.
func New(cfg Config, alternatives ...Alternative) (*Client, error) {
	cfg.Proxies = cmp.Or(cfg.Proxies, DefaultProxies)
	cfg.Refresh = cmp.Or(cfg.Refresh, DefaultRefresh)
	cfg.Network = cmp.Or(cfg.Network, "tcp")
	c := &Client{
		cfg:          cfg,
		changes:      newChanges(),
		ways:         methods,
		events:       rate.NewLimiter(rate.Every(5*time.Second), 10),
		targets:      make(map[Target]bool),
		facilitators: make(map[Facilitator]bool),
	}
	for _, a := range alternatives {
		c.alternatives = append(c.alternatives, &alternative{a, newLinker(c.changes)})
	}
	if _, err := methods(cfg, cfg.Facilitator, endpoints(c.alternatives)); err != nil {
		return nil, err
	}
	return c, nil
}

// Run serves both sides until ctx ends, or a listener fails for good; then it
// closes the listeners and every connection, and returns the cause when all is
// done. It is to be called once.
func (c *Client) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for _, a := range c.alternatives {
		for _, ln := range a.Locals {
			c.wg.Go(func() { stop(c.acceptLocals(ctx, a, ln)) })
		}
		for _, ln := range a.Remotes {
			c.wg.Go(func() { stop(c.acceptRemotes(ctx, a, ln)) })
		}
	}
	c.wg.Go(func() { c.remind(ctx) })
	if c.cfg.Facilitator.URL != "" {
		c.keepRegistered(ctx, c.cfg.Facilitator, true)
	}
	<-ctx.Done()
	for _, a := range c.alternatives {
		a.link.stop()
		a.close()
	}
	c.wg.Wait()
	return context.Cause(ctx)
}

func (c *Client) acceptLocals(ctx context.Context, a *alternative, ln Locals) error {
	for {
		req, err := ln.Accept()
		if err != nil {
			return fmt.Errorf("accept a SOCKS connection: %w", err)
		}
		c.wg.Go(func() { c.serveLocal(ctx, a, req) })
	}
}

func (c *Client) acceptRemotes(ctx context.Context, a *alternative, ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return fmt.Errorf("accept a proxy's connection: %w", err)
		}
		c.wg.Go(func() {
			c.standBy(ctx, a, &remote{
				conn:   hold(&c.wg, conn),
				source: sourceOf(conn.RemoteAddr()),
			})
		})
	}
}
