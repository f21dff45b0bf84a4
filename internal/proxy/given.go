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
)

// keepGiven keeps ConnsPerClient pairs of the given client and relay open until
// ctx ends.
func (p *Proxy) keepGiven(ctx, life context.Context, clients *sync.WaitGroup) {
	for range p.cfg.ConnsPerClient {
		clients.Go(func() { p.keepOne(ctx, life) })
	}
	<-ctx.Done()
}

func (p *Proxy) keepOne(ctx, life context.Context) {
	pause := backoff{base: firstRedial, limit: longRedial}
	told := false
	for ctx.Err() == nil {
		start := time.Now()
		c, err := p.open(ctx, *p.cfg.Given)
		switch {
		case err == nil:
			told = false
			p.log.Info("connected")
			p.counts.clients.Add(1)
			p.carry(life, c)
			p.log.Info("the connection ended")
			if time.Since(start) >= steady {
				pause.reset()
			}
		case ctx.Err() == nil && !told:
			told = true
			p.log.Warn("no connection, trying again until there is one", "err", err)
		}
		sleepUntil(ctx, time.Now().Add(pause.fail()))
	}
}
