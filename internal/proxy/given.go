package proxy

import (
	"context"
	"sync"
	"time"
)

// How long to pause before a given pair is dialled again: the one who started
// this waits at the other end.
const (
	firstRedial = time.Second
	longRedial  = time.Minute
	// steady is how long a pair must have lasted to make the pause short again.
	steady = time.Minute
	// maxOpening bounds the handshakes at once. Each takes some 20 KB while it lasts,
	// and a flashproxy-server takes no more than 32 from one address.
	maxOpening = 16
)

// keepGiven keeps ConnsPerClient pairs of the given client and relay open until
// ctx ends.
func (p *Proxy) keepGiven(ctx, life context.Context, clients *sync.WaitGroup) {
	turns := make(chan struct{}, maxOpening)
	for range p.cfg.ConnsPerClient {
		k := &keeper{p: p, turns: turns, ctx: ctx, life: life, clients: clients, pause: backoff{base: firstRedial, limit: longRedial}}
		clients.Go(k.connect)
	}
	<-ctx.Done()
}

// keeper keeps one pair open. It is in one goroutine at a time.
type keeper struct {
	p         *Proxy
	turns     chan struct{} // one in it for each that opens a pair
	ctx, life context.Context
	clients   *sync.WaitGroup
	pause     backoff
	told      bool      // that there is no connection
	since     time.Time // when the pair was opened
}

// connect dials until there is a pair, and gives that a goroutine of its own: the
// handshakes need a large stack, and a pair should not keep it.
func (k *keeper) connect() {
	for k.ctx.Err() == nil {
		c, err := k.open()
		if err == nil {
			k.told = false
			k.p.log.Info("connected")
			k.p.counts.clients.Add(1)
			k.since = time.Now()
			k.clients.Go(func() {
				k.p.carry(k.life, c)
				k.again()
			})
			return
		}
		if k.ctx.Err() == nil && !k.told {
			k.told = true
			k.p.log.Warn("no connection, trying again until there is one", "err", err)
		}
		sleepUntil(k.ctx, time.Now().Add(k.pause.fail()))
	}
}

func (k *keeper) open() (*pair, error) {
	select {
	case k.turns <- struct{}{}:
		defer func() { <-k.turns }()
		return k.p.open(k.ctx, k.p.cfg.Given)
	case <-k.ctx.Done():
		return nil, k.ctx.Err()
	}
}

// again dials anew after a pair has ended.
func (k *keeper) again() {
	k.p.log.Info("the connection ended")
	if time.Since(k.since) >= steady {
		k.pause.reset()
	}
	sleepUntil(k.ctx, time.Now().Add(k.pause.fail()))
	k.connect()
}
