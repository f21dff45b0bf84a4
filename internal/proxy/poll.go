package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"flashproxy/internal/registration"
)

const (
	// minInterval is the least time from one poll to the next, whatever a
	// facilitator says.
	minInterval = time.Second
	// maxInterval bounds how long a facilitator can send us away.
	maxInterval = time.Hour
	// defaultInterval is used when a facilitator does not say; it is what the
	// proxies of 2015 had.
	defaultInterval = 60 * time.Second
	// The pauses after failed polls. A failed poll may have been an attempt of
	// seconds, and a facilitator that restarts is back within some more.
	firstPause = 5 * time.Second
	longPause  = 10 * time.Minute
	// quietTime keeps a facilitator that works only now and then from filling the log.
	quietTime = time.Hour
)

func newFacilitator(u *url.URL) (*facilitator, error) {
	if err := registration.CheckFacilitator(u); err != nil {
		return nil, err
	}
	own := *u
	if own.Path == "" {
		own.Path = "/"
	}
	return &facilitator{url: &own, pause: backoff{base: firstPause, limit: longPause}}, nil
}

// pollFor polls for clients until ctx ends, and serves each on a goroutine of
// clients, within life.
func (p *Proxy) pollFor(ctx, life context.Context, clients *sync.WaitGroup) {
	pace := rate.NewLimiter(rate.Every(minInterval), 1)
	f := p.facilitators[0]
	for {
		if !sleepUntil(ctx, f.due) {
			return
		}
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if pace.Wait(ctx) != nil {
			return
		}
		answer, err := p.poll(ctx, f)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.failed(f, err)
			f = p.soonest(f)
		default:
			p.succeeded(f, answer)
		}
		if err != nil || answer.Match == nil {
			<-p.slots
			continue
		}
		failed := &f.unreachable
		clients.Go(func() {
			defer func() { <-p.slots }()
			p.serve(ctx, life, *answer.Match, failed)
		})
	}
}

// soonest is the facilitator to ask after f failed: the one that is due first,
// and of those the next in turn.
func (p *Proxy) soonest(f *facilitator) *facilitator {
	i := slices.Index(p.facilitators, f)
	best := p.facilitators[(i+1)%len(p.facilitators)]
	for n := range p.facilitators {
		other := p.facilitators[(i+1+n)%len(p.facilitators)]
		if other.due.Before(best.due) {
			best = other
		}
	}
	return best
}

// succeeded notes when f is to be asked again. A facilitator that holds polls
// says 0 with an answer after which it wants the next at once.
func (p *Proxy) succeeded(f *facilitator, a registration.Answer) {
	f.pause.reset()
	if f.told != [failures]bool{} {
		p.log.Info("the facilitator answers again", "facilitator", f.url)
		f.told = [failures]bool{}
	}
	interval := p.cfg.PollInterval
	switch {
	case interval > 0:
	case a.CheckBackIn < 0:
		interval = defaultInterval
	default:
		interval = min(a.CheckBackIn, maxInterval)
	}
	f.due = time.Now().Add(jitter(interval))
	p.log.Debug("the facilitator answered", "match", a.Match != nil, "check_back_in", interval)
}

// failed notes when f is to be asked again, and tells of the first failure of
// each kind.
func (p *Proxy) failed(f *facilitator, err error) {
	p.counts.failed.Add(1)
	kind, pause := failed, f.pause.fail()
	if _, ok := errors.AsType[*refusal](err); ok {
		kind, pause = refused, jitter(longPause)
	}
	now := time.Now()
	f.due = now.Add(pause)
	if f.told[kind] || now.Before(f.quiet[kind]) {
		p.log.Debug("no answer from the facilitator", "facilitator", f.url, "err", err, "again_in", pause)
		return
	}
	f.told[kind], f.quiet[kind] = true, now.Add(quietTime)
	p.log.Warn(fmt.Sprintf("no clients from this facilitator, trying again until it answers; first in %v", pause.Round(time.Second)),
		"facilitator", f.url, "err", err)
}

// sleepUntil tells whether ctx lasted until t.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
