package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"flashproxy/internal/registration"
	"flashproxy/internal/rendezvous"
)

// How long a registrar waits after what.
const (
	// settle: a proxy opens two connections for one answer, a moment apart, so the
	// first alone says too little about how many are still wanted.
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

// registrar keeps one target registered while proxies are wanted for it.
type registrar struct {
	cfg    Config
	target Target
	ways   []rendezvous.Method
	link   *linker
	eager  bool // register once although nobody asks yet

	failures int
	said     string // the last notice
}

func (r *registrar) run(ctx context.Context) {
	for ctx.Err() == nil {
		n, demand, changed := r.link.look(r.target)
		if !r.eager && (demand == 0 || n.spare+n.linked >= r.cfg.Proxies) {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		err := r.register(ctx)
		if ctx.Err() != nil {
			return
		}
		r.tell(err)
		if err == nil {
			r.eager, r.failures = false, 0
			r.rest(ctx, n.arrivals)
			continue
		}
		r.failures++
		r.sleep(ctx, r.retryAfter(err))
	}
}

// register tries each way in turn, until one works.
func (r *registrar) register(ctx context.Context) error {
	reg := registration.Registration{Endpoints: []registration.Endpoint{{Addr: r.target.Remote, Transport: r.target.Transport}}}
	var errs []error
	for _, way := range r.ways {
		err := way.Register(ctx, reg)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("register by %s: %w", way.Name(), err))
	}
	return errors.Join(errs...)
}

// rest waits while the registration stands: until it is time to refresh it, or
// until a proxy has come, which will have used it up.
func (r *registrar) rest(ctx context.Context, arrivals uint64) {
	refresh := time.NewTimer(jitter(r.cfg.Refresh))
	defer refresh.Stop()
	for {
		n, _, changed := r.link.look(r.target)
		if n.arrivals != arrivals {
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
