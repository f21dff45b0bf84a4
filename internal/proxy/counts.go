package proxy

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashproxy/internal/relaypipe"
)

// reportInterval is how often a line says what was done.
const reportInterval = time.Hour

// served are the clients that are being served now, one entry for each time.
type served struct {
	mu      sync.Mutex
	clients []netip.AddrPort
}

func (s *served) add(c netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, c)
}

func (s *served) remove(c netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.clients, c); i >= 0 {
		s.clients = slices.Delete(s.clients, i, i+1)
	}
}

func (s *served) list() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.clients)
}

// counts are what was done since the start, nothing about for whom.
type counts struct {
	clients     atomic.Int64    // served: at least one pair was opened
	unreachable atomic.Int64    // clients or relays that could not be dialled
	failed      atomic.Int64    // polls
	pairs       atomic.Int64    // open now
	bytes       relaypipe.Meter // a is the client, b the relay
}

// tally is counts at one moment.
type tally struct{ clients, unreachable, failed, toRelay, toClient int64 }

func (c *counts) tally() tally {
	return tally{c.clients.Load(), c.unreachable.Load(), c.failed.Load(), c.bytes.AToB.Load(), c.bytes.BToA.Load()}
}

func (t tally) minus(o tally) tally {
	return tally{t.clients - o.clients, t.unreachable - o.unreachable, t.failed - o.failed, t.toRelay - o.toRelay, t.toClient - o.toClient}
}

// report says once an hour what was done in it, and in the end what was done in
// all.
func (p *Proxy) report(ctx context.Context) {
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	start := time.Now()
	var last tally
	for {
		select {
		case <-ticker.C:
			now := p.counts.tally()
			p.reportOne("in the last hour", now.minus(last))
			last = now
		case <-ctx.Done():
			p.reportOne("in all of "+time.Since(start).Round(time.Second).String(), p.counts.tally())
			return
		}
	}
}

func (p *Proxy) reportOne(when string, t tally) {
	p.log.Info(when, "clients", t.clients, "unreachable", t.unreachable, "failed_polls", t.failed,
		"bytes_to_relays", t.toRelay, "bytes_to_clients", t.toClient, "open_connections", p.counts.pairs.Load())
}
