package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"flashproxy/internal/registration"
	"flashproxy/internal/rendezvous"
)

// How long a registrar waits after what.
const (
	// settle: a proxy opens two connections for one answer, a moment apart, so the
	// first alone says too little about how many are still wanted. Tor, too, asks for
	// several at a time. And no more often than this is anything registered.
	settle     = 2 * time.Second
	firstRetry = 2 * time.Second
	lastRetry  = 5 * time.Minute
	// minBusy and maxBusy bound what a facilitator can make us wait by Retry-After.
	minBusy = 5 * time.Second
	maxBusy = 10 * time.Minute
	// refusedRetry: the same message will be refused again, unless the facilitator
	// changes; what it said is for the user to act on.
	refusedRetry = 2 * time.Minute
)

// maxTargets bounds what is registered; a torrc has a few Bridge lines.
const maxTargets = registration.MaxEndpoints

// want sees to it that t is registered while somebody wants it. It tells whether
// that can be.
func (c *Client) want(ctx context.Context, t Target) error {
	if t.URL == "" {
		return nil
	}
	if _, err := c.ways(c.cfg, t.Facilitator, []registration.Endpoint{t.Endpoint}); err != nil {
		return err
	}
	if !c.remember(t) {
		return fmt.Errorf("more than %d different Bridge lines: restart Tor after changing them", maxTargets)
	}
	c.keepRegistered(ctx, t.Facilitator, false)
	return nil
}

// remember tells whether t is among the first maxTargets.
func (c *Client) remember(t Target) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.targets[t] && len(c.targets) >= maxTargets {
		return false
	}
	c.targets[t] = true
	return true
}

// keepRegistered starts the registrar of f, if there is none yet.
func (c *Client) keepRegistered(ctx context.Context, f Facilitator, eager bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.facilitators[f] {
		return
	}
	c.facilitators[f] = true
	r := &registrar{cfg: c.cfg, facilitator: f, ways: c.ways, alternatives: c.alternatives, changes: c.changes, eager: eager}
	c.wg.Go(func() { r.run(ctx) })
}

// registrar keeps registered with one facilitator whatever proxies are wanted for.
type registrar struct {
	cfg          Config
	facilitator  Facilitator
	ways         ways
	alternatives []*alternative
	changes      *changes
	eager        bool // register all once although nobody asks yet

	failures int
	said     string // the last notice
}

func (r *registrar) run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := r.changes.wait()
		wanted, moves := r.look()
		if r.eager {
			wanted = endpoints(r.alternatives)
		}
		if len(wanted) == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		err := r.register(ctx, wanted)
		if ctx.Err() != nil {
			return
		}
		r.tell(err)
		if err == nil {
			r.eager, r.failures = false, 0
			r.rest(ctx, wanted, moves)
			continue
		}
		r.failures++
		r.sleep(ctx, r.retryAfter(err))
	}
}

// look gives the endpoints that proxies are wanted for, and how many have come to
// any, or gone. An alternative that has its proxies is left out, so that those who come go
// where they are needed.
func (r *registrar) look() (wanted []registration.Endpoint, moves uint64) {
	for _, a := range r.alternatives {
		n := a.link.counts()
		moves += n.moves
		if n.spare+n.linked < r.cfg.Proxies {
			wanted = append(wanted, a.link.demanded(r.facilitator)...)
		}
	}
	return wanted, moves
}

// endpoints gives all of them.
func endpoints(alternatives []*alternative) (all []registration.Endpoint) {
	for _, a := range alternatives {
		all = append(all, a.Endpoint)
	}
	return all
}

// register tries each way in turn, until one works.
func (r *registrar) register(ctx context.Context, wanted []registration.Endpoint) error {
	ways, err := r.ways(r.cfg, r.facilitator, wanted)
	if err != nil {
		return err
	}
	var errs []error
	for _, way := range ways {
		err := way.Register(ctx, registration.Registration{Endpoints: wanted})
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("register by %s: %w", way.Name(), err))
	}
	return errors.Join(errs...)
}

// rest waits while the registration stands: until it is time to refresh it, until
// a proxy has come, which will have used it up, or has gone, which may have been given
// it and taken it along (a page that is closed), or until more is wanted than was
// registered.
func (r *registrar) rest(ctx context.Context, registered []registration.Endpoint, moves uint64) {
	refresh := time.NewTimer(jitter(r.cfg.Refresh))
	defer refresh.Stop()
	missing := func(e registration.Endpoint) bool { return !slices.Contains(registered, e) }
	for {
		changed := r.changes.wait()
		wanted, n := r.look()
		if n != moves || slices.ContainsFunc(wanted, missing) {
			r.sleep(ctx, settle)
			return
		}
		select {
		case <-changed:
		case <-refresh.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (r *registrar) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// retryAfter gives how long to wait after a failure: as told, or doubled each time.
func (r *registrar) retryAfter(err error) time.Duration {
	d := min(firstRetry<<min(r.failures-1, 16), lastRetry)
	var busy *rendezvous.BusyError
	var refused *rendezvous.RefusedError
	switch {
	case errors.As(err, &busy) && busy.RetryAfter > 0:
		// Later than told is polite, earlier is not.
		d = min(max(busy.RetryAfter, minBusy), maxBusy)
		return d + jitter(d)/4
	case errors.As(err, &refused):
		d = max(d, refusedRetry)
	}
	return jitter(d)
}

// jitter gives a duration from 0.8 d to 1.2 d, so that clients that were cut off
// together do not come back together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// tell says how registering went, once for each change.
func (r *registrar) tell(err error) {
	var text string
	var busy *rendezvous.BusyError
	var refused *rendezvous.RefusedError
	switch {
	case err == nil:
		text = "registered with the facilitator; a flash proxy should connect soon"
	case errors.As(err, &refused):
		text = "the facilitator refused the registration: " + refused.Reason
	case errors.As(err, &busy):
		text = "the facilitator is busy; asking again as it says"
	default:
		text = "the facilitator can't be reached; trying again, less and less often. Is its URL right, and is it blocked here?"
	}
	if err != nil {
		r.cfg.Logger.Warn("not registered", "error", err)
	} else {
		r.cfg.Logger.Debug("registered")
	}
	if text != r.said {
		r.cfg.Notice(text)
	}
	r.said = text
}
