package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"flashproxy/internal/registration"
	"flashproxy/internal/relaypipe"
)

const (
	// dialTimeout is for one dial, name, TLS and WebSocket handshake included: a TCP
	// connection gets its first five tries in it (RFC 6298), and a listener gives
	// the handshake 10 s.
	dialTimeout = 30 * time.Second
	// idleTimeout ends a pair that carries nothing. A pair may wait for its turn at
	// the client, which keeps it for a quarter of an hour; Tor then says something
	// every five minutes. Dead peers are noticed by the transport, but a peer that lives
	// and does not read holds a volunteer's place for as long as this.
	idleTimeout = 30 * time.Minute
)

// pair is a client's connection and a relay's.
type pair struct{ client, relay net.Conn }

// serve opens the pairs of one client, and returns when the last has ended. Dials
// end with ctx, pairs with life. A relay that was not opened even once is added to
// failed.
func (p *Proxy) serve(ctx, life context.Context, m registration.Match, failed *unreachable) {
	p.served.add(m.Client)
	defer p.served.remove(m.Client)
	// Handshakes need large stacks, which neither a pair nor who waits for it should
	// keep: each has a goroutine of its own.
	var pairs sync.WaitGroup
	pairs.Go(func() { p.openAll(ctx, life, &m, failed, &pairs) })
	pairs.Wait()
}

// openAll opens the pairs of one client, one after the other. After a dial that
// failed no other is tried: a bad registration must not make us knock twice.
func (p *Proxy) openAll(ctx, life context.Context, m *registration.Match, failed *unreachable, pairs *sync.WaitGroup) {
	for i := range p.cfg.ConnsPerClient {
		pair, err := p.open(ctx, m)
		if err != nil {
			if i == 0 && errors.Is(err, errRelay) && ctx.Err() == nil {
				failed.add(m.Relay)
			}
			p.log.Debug("no connection", "client", m.Client, "err", err)
			return
		}
		if i == 0 {
			p.counts.clients.Add(1)
		}
		pairs.Go(func() { p.carry(life, pair) })
	}
}

// open dials the client, and the relay only when the client is there.
func (p *Proxy) open(ctx context.Context, m *registration.Match) (*pair, error) {
	client, err := p.dial(ctx, m.ClientOuter, m.Client.String())
	if err != nil {
		return nil, fmt.Errorf("dial the client: %w", err)
	}
	relay, err := p.dial(ctx, m.RelayOuter, m.Relay.String())
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("%w: %w", errRelay, err)
	}
	return &pair{client, relay}, nil
}

func (p *Proxy) dial(ctx context.Context, outer, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := p.cfg.Dialers[outer](ctx, address)
	if err != nil && !errors.Is(err, context.Canceled) {
		p.counts.unreachable.Add(1)
	}
	return c, err
}

// carry carries a pair's bytes until it ends. It needs little of the stack, as does all
// below it.
func (p *Proxy) carry(life context.Context, c *pair) {
	p.counts.pairs.Add(1)
	stats, err := relaypipe.Run(life, c.client, c.relay, p.pipe)
	p.ended(c, stats, err)
}

func (p *Proxy) ended(c *pair, s relaypipe.Stats, err error) {
	p.counts.pairs.Add(-1)
	p.log.Debug("connection ended", "client", c.client.RemoteAddr(), "bytes_up", s.AToB, "bytes_down", s.BToA, "err", err)
}
