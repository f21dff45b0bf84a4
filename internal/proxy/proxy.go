// Package proxy is the headless flash proxy: it polls a facilitator for clients, and
// for each one dials first the client and then the relay and carries bytes between
// them. It is the twin of the browser proxy.
//
// It trusts neither the facilitator nor the clients: what a facilitator says is
// bounded and checked, and by default no address that is not on the public
// Internet is dialled. It knows no transport; the caller gives it a Dialer for each.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"flashproxy/internal/registration"
	"flashproxy/internal/relaypipe"
)

// Defaults of Config.
const (
	DefaultMaxClients     = 10
	DefaultConnsPerClient = 2
	DefaultDrain          = 30 * time.Second
)

// Dialer opens a connection by one outer transport to address, "1.2.3.4:9000",
// "[2001:db8::1]:9000" or, for a relay, "relay.example:443". Since a name may
// stand for any address, it is the dialer that must refuse private ones then.
type Dialer func(ctx context.Context, address string) (net.Conn, error)

// Config is what a proxy is to do.
type Config struct {
	// Facilitators are http or https URLs; a path in them is kept. The first is
	// polled until it fails, then the next, and so on in turn.
	Facilitators []*url.URL
	// Given is a client and a relay to connect without asking any facilitator;
	// Facilitators is not used then, and Given is not checked to be public.
	Given *registration.Match
	// Dialers are the outer transports that the proxy can open.
	Dialers map[string]Dialer

	// MaxClients is how many clients are served at once; 0: DefaultMaxClients.
	MaxClients int
	// ConnsPerClient is how many pairs each client gets; 0: DefaultConnsPerClient.
	ConnsPerClient int
	// Limiter bounds all pairs together, in bytes a second both ways summed; nil: no
	// bound. ParseRate makes one.
	Limiter *rate.Limiter
	// PollInterval is the time between polls; 0: as the facilitator says.
	PollInterval time.Duration
	// Drain is how long pairs may go on when Run was told to stop.
	Drain time.Duration
	// AllowPrivate lets a facilitator send us to addresses that are not on the
	// public Internet.
	AllowPrivate bool

	// DialFacilitator replaces the plain TCP dial of polls; nil: net.Dialer.
	DialFacilitator func(ctx context.Context, network, addr string) (net.Conn, error)
	// Logger gets what happens; nil: nothing is logged.
	Logger *slog.Logger
}

// Proxy is a headless proxy. Make it with New.
type Proxy struct {
	cfg          Config
	log          *slog.Logger
	http         *http.Client
	facilitators []*facilitator
	outers       []string
	slots        chan struct{} // one in it for each client served, and one while polling
	pipe         relaypipe.Options
	served       served
	counts       counts
}

// New checks cfg and makes a proxy of it.
func New(cfg Config) (*Proxy, error) {
	if cfg.MaxClients == 0 {
		cfg.MaxClients = DefaultMaxClients
	}
	if cfg.ConnsPerClient == 0 {
		cfg.ConnsPerClient = DefaultConnsPerClient
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{cfg: cfg, log: cfg.Logger, http: newHTTP(cfg.DialFacilitator)}
	p.pipe.IdleTimeout, p.pipe.Meter = idleTimeout, &p.counts.bytes
	if cfg.Limiter != nil {
		p.pipe.Limiter = cfg.Limiter
	}
	switch {
	case cfg.MaxClients < 0 || cfg.ConnsPerClient < 0 || cfg.PollInterval < 0 || cfg.Drain < 0:
		return nil, errors.New("a negative number in the proxy's configuration")
	case cfg.Given != nil && !p.canDial(cfg.Given):
		return nil, errors.New("no dialer for the transports of the given client and relay")
	case cfg.Given != nil:
		return p, nil
	case len(cfg.Facilitators) == 0:
		return nil, errors.New("no facilitator to ask for clients")
	}
	for _, u := range cfg.Facilitators {
		f, err := newFacilitator(u)
		if err != nil {
			return nil, err
		}
		p.facilitators = append(p.facilitators, f)
	}
	for outer := range cfg.Dialers {
		p.outers = append(p.outers, outer)
	}
	slices.Sort(p.outers)
	p.slots = make(chan struct{}, cfg.MaxClients)
	return p, nil
}

// Run serves until ctx ends, then lets the pairs go on for Drain, and returns
// nil when the last has ended. It is to be called once.
func (p *Proxy) Run(ctx context.Context) error {
	defer p.http.CloseIdleConnections()
	life, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	reporting, ended := context.WithCancel(context.WithoutCancel(ctx))
	defer ended()
	var reporter, clients sync.WaitGroup
	reporter.Go(func() { p.report(reporting) })
	if p.cfg.Given != nil {
		p.keepGiven(ctx, life, &clients)
	} else {
		p.pollFor(ctx, life, &clients)
	}
	if n := p.counts.pairs.Load(); n > 0 {
		p.log.Info("stopping; connections may finish", "connections", n, "at_most", p.cfg.Drain)
	}
	timer := time.AfterFunc(p.cfg.Drain, cut)
	defer timer.Stop()
	clients.Wait()
	ended()
	reporter.Wait()
	return nil
}
