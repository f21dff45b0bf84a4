// Package client is the role on the censored user's computer. It registers with a
// facilitator that proxies are wanted, takes Tor's SOCKS connections on one side and
// connections from proxies on the other, and links them, first come first served.
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
	// Target is what to register where nothing else is said by a Bridge line. Its
	// Remote has the port at least.
	Target Target
	// Methods are the ways to register, in the order of trying: "http", "url". None
	// means url where the facilitator's key and one's own address are known, else http.
	Methods []string
	// Network is "tcp4" or "tcp6" for a facilitator that shall see such an address,
	// "tcp" for any.
	Network string
	// Proxies is how many proxies to keep, linked or standing by, while Tor wants any.
	Proxies int
	// Refresh is how long a registration stands before it is sent again.
	Refresh time.Duration
}

// Client links SOCKS connections with proxies.
type Client struct {
	cfg    Config
	link   *linker
	events *rate.Limiter                                     // of notices that strangers can cause
	ways   func(Config, Target) ([]rendezvous.Method, error) // methods, but in tests
	wg     sync.WaitGroup

	mu      sync.Mutex
	targets map[Target]bool // those with a registrar
}

// New makes a client. Methods that are unknown, or can't work with the target,
// are an error.
func New(cfg Config) (*Client, error) {
	cfg.Proxies = cmp.Or(cfg.Proxies, DefaultProxies)
	cfg.Refresh = cmp.Or(cfg.Refresh, DefaultRefresh)
	cfg.Network = cmp.Or(cfg.Network, "tcp")
	if _, err := methods(cfg, cfg.Target); err != nil {
		return nil, err
	}
	return &Client{
		cfg:     cfg,
		link:    newLinker(),
		ways:    methods,
		events:  rate.NewLimiter(rate.Every(5*time.Second), 10),
		targets: make(map[Target]bool),
	}, nil
}

// Run serves both sides until ctx ends, or a listener fails for good; then it
// closes the listeners and every connection, and returns the cause when all is done.
func (c *Client) Run(ctx context.Context, locals []Locals, remotes []net.Listener) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for _, ln := range locals {
		c.wg.Go(func() { stop(c.acceptLocals(ctx, ln)) })
	}
	for _, ln := range remotes {
		c.wg.Go(func() { stop(c.acceptRemotes(ctx, ln)) })
	}
	c.wg.Go(func() { c.remind(ctx) })
	if c.cfg.Target.Facilitator != "" {
		c.startRegistrar(ctx, c.cfg.Target, true)
	}
	<-ctx.Done()
	c.link.stop()
	for _, ln := range locals {
		ln.Close()
	}
	for _, ln := range remotes {
		ln.Close()
	}
	c.wg.Wait()
	return context.Cause(ctx)
}

// Locals is a listener for SOCKS requests.
type Locals interface {
	Accept() (Request, error)
	Close() error
}

func (c *Client) acceptLocals(ctx context.Context, ln Locals) error {
	for {
		req, err := ln.Accept()
		if err != nil {
			return fmt.Errorf("accept a SOCKS connection: %w", err)
		}
		c.wg.Go(func() { c.serveLocal(ctx, req) })
	}
}

func (c *Client) acceptRemotes(ctx context.Context, ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return fmt.Errorf("accept a proxy's connection: %w", err)
		}
		c.wg.Go(func() {
			c.standBy(ctx, &remote{
				conn:   hold(&c.wg, conn),
				source: sourceOf(conn.RemoteAddr()),
			})
		})
	}
}

// maxTargets bounds the registrars; a torrc has a few Bridge lines.
const maxTargets = 16

// startRegistrar sees to it that t is registered when somebody wants it, or eagerly
// once. It tells whether that can be.
func (c *Client) startRegistrar(ctx context.Context, t Target, eager bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.targets[t] {
		return nil
	}
	if len(c.targets) >= maxTargets {
		return fmt.Errorf("more than %d different Bridge lines: restart Tor after changing them", maxTargets)
	}
	ways, err := c.ways(c.cfg, t)
	if err != nil {
		return err
	}
	c.targets[t] = true
	r := &registrar{cfg: c.cfg, target: t, ways: ways, link: c.link, eager: eager}
	c.wg.Go(func() { r.run(ctx) })
	return nil
}
