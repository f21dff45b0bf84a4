package facilitator

import (
	"context"
	"net/netip"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// storeTimeout bounds what a pool may take beyond the wait that it was asked for.
// A pool in memory takes microseconds, one in a store of its own milliseconds.
const storeTimeout = 5 * time.Second

// question is a poll, with all that decides its answer.
type question struct {
	came   time.Time
	outers []string
	served []netip.AddrPort
	source netip.Addr // who asks, the zero Addr if that is not known
	family pool.Family
	wait   time.Duration
	// crowded: it may not wait, for its source has too many polls that do.
	crowded bool
}

// given is what a poll gets. The claim must be ended.
type given struct {
	claim pool.Claim
	relay registration.Relay
}

// find waits for a client, and a relay for it. Errors are those of the pool, and
// pool.ErrClosed when the server stops.
//
// Polls wait below here, ten thousand at a time, each on a stack of its own. It stays
// within 4 KiB, of which net/http has half, if the functions on the way have few variables:
// what has many, or calls deeply, is done in others that have returned by then.
func (s *Server) find(ctx context.Context, q *question) (*given, error) {
	left := q.wait
	for s.done.Err() == nil {
		t := s.table.Load()
		w := t.want(q, left)
		bounded, end := bound(ctx, w.Wait)
		claim, err := s.pool.Claim(bounded, *w)
		end()
		if err == nil {
			if g := s.give(claim, q); g != nil {
				return g, nil
			}
		} else if t.ctx.Err() == nil || ctx.Err() != nil {
			return nil, err
		}
		// There are other relays, or the end has come.
		left = max(0, q.wait-time.Since(q.came))
	}
	return nil, pool.ErrClosed
}

// want is what q asks the pool for, of which left is left to wait.
func (t *table) want(q *question, left time.Duration) *pool.Want {
	return &pool.Want{
		Classes: t.classes(q.outers, q.family),
		Served:  q.served,
		Wait:    left,
		Until:   t.ctx.Done(), // then it is asked anew
	}
}

// bound is a context for a claim, which ends with the poll, and when the pool hangs. Its end
// must be called. A poll that waits has no timer of its own for that: see sitDown.
func bound(ctx context.Context, wait time.Duration) (_ context.Context, end func()) {
	if wait > 0 {
		return ctx, func() {}
	}
	b := newBounded(ctx, storeTimeout)
	return b, b.stop
}

// give picks a relay for a claim: of the newest relays, since those that the
// claim was made for may be gone. If there is none the claim ends.
func (s *Server) give(claim pool.Claim, q *question) *given {
	relay, ok := s.pick(claim.Endpoint.Transport.Inner, q)
	if !ok {
		s.end(s.pool.Release, claim)
		return nil
	}
	return &given{claim, relay}
}

// end commits or releases a claim, also of a request that is over.
func (s *Server) end(how func(context.Context, pool.Claim) error, c pool.Claim) {
	b := newBounded(context.Background(), storeTimeout)
	defer b.stop()
	if err := how(b, c); err != nil {
		s.poolFailed("end a claim", err)
	}
}

// poolFailed tells the operator, not too often.
func (s *Server) poolFailed(what string, err error) {
	s.poolErrors.Do(func() { s.log.Error("the pool fails", "operation", what, "err", err) })
}
