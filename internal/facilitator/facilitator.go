// Package facilitator is the matchmaker: over HTTP it takes registrations from
// clients and polls from proxies (doc/protocol.md), and gives a poll a client
// and a relay that the proxy can connect.
//
// It owns the relays, the routes, the source addresses, and the limits per
// source. It does not hold registrations, or decide which of two comes first: that is
// package pool. It knows no rendezvous method, only the doors at which one may
// knock.
//
// Addresses of users are logged at Debug only, as typed attributes that package
// scrub removes, and no answer holds one but that of a match.
package facilitator

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// Defaults for Config.
const (
	// DefaultMaxWait is under the 60 s after which common reverse proxies
	// (nginx, Apache, HAProxy, Amazon's) give up on a silent answer, and a 2015
	// proxy that sees their 504 never polls again.
	DefaultMaxWait = 50 * time.Second
	// DefaultPollInterval is what the 2015 facilitator gave by default.
	DefaultPollInterval = 60 * time.Second
)

// Config is what a Server needs. It is taken as it is: zero durations are zero.
type Config struct {
	// Pool holds what waits. The caller closes it, after Stop.
	Pool pool.Pool
	// Outers are the outer transports that a client may register.
	Outers []string
	// Key opens sealed registrations; without one there is no door for them.
	Key registration.PrivateKey
	// AllowPrivate also takes clients whose address is not on the public
	// Internet, for tests on one machine.
	AllowPrivate bool
	// TrustedProxies are the reverse proxies whose word on where a request
	// comes from is taken.
	TrustedProxies []netip.Prefix
	// MaxWait is the longest that a poll is held; 0 holds none.
	MaxWait time.Duration
	// PollInterval is how often a proxy shall poll that does not wait; at least
	// 10 s are told.
	PollInterval time.Duration
	// Pages serves what a volunteer opens in a browser: /proxy/ and what is below
	// it, /embed.html and /options.html. Nil: there are no such pages.
	Pages http.Handler
	// Logger gets everything; nil discards.
	Logger *slog.Logger
}

// Server is a facilitator. Its methods may be called from several goroutines.
type Server struct {
	pool     pool.Pool
	cfg      Config
	log      *slog.Logger
	outers   map[string]bool
	table    atomic.Pointer[table]
	register *buckets // of registrations that say where they come from
	carried  *buckets // of sealed ones
	held     *gauge   // polls that wait
	seen     *seenSet // nil without a key
	watch    watch
	dates    dates

	// What may be logged once a minute although each request could cause it.
	poolErrors rate.Sometimes
	noSource   rate.Sometimes

	tables sync.Mutex // orders SetRelays
	done   context.Context
	stop   context.CancelFunc
}

// New returns a Server without relays, to which SetRelays gives some.
func New(cfg Config) *Server {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		pool:       cfg.Pool,
		cfg:        cfg,
		log:        log,
		outers:     make(map[string]bool),
		register:   newBuckets(registerRate, registerBurst),
		carried:    newBuckets(carriedRate, carriedBurst),
		held:       newGauge(),
		watch:      newWatch(),
		poolErrors: rate.Sometimes{Interval: time.Minute},
		noSource:   rate.Sometimes{Interval: time.Minute},
	}
	s.done, s.stop = context.WithCancel(context.Background())
	for _, o := range cfg.Outers {
		s.outers[o] = true
	}
	if cfg.Key != (registration.PrivateKey{}) {
		s.seen = newSeenSet(time.Now())
	}
	s.SetRelays(nil)
	return s
}

// SetRelays replaces the relays. Those that stay keep the counts of what they were given
// and of who could not reach them. Polls that wait are asked anew for the new ones.
func (s *Server) SetRelays(relays []registration.Relay) {
	s.tables.Lock()
	defer s.tables.Unlock()
	old := s.table.Load()
	s.table.Store(newTable(s.done, relays, s.outers, old))
	if old != nil {
		old.replace()
	}
}

// Stop answers the polls that wait, at once, with a longer check-back-in, and
// so each poll from now on; registrations are refused with a 503. It returns
// without waiting for the answers to be written.
func (s *Server) Stop() { s.stop() }
