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

// question is a poll, with all that decides its answer, and what it gets: one piece of
// memory for all of it.
type question struct {
	came   time.Time
	outers []string
	source netip.Addr // who asks, the zero Addr if that is not known
	family pool.Family
	wait   time.Duration
	// crowded: it may not wait, for its source has too many polls that do.
	crowded bool

	want  pool.Want // what the pool is asked for; see table.want
	claim pool.Claim
	relay *registration.Relay // the table's
}

// find waits for a client, and a relay for it, which are q.claim, which must be ended, and
// q.relay. Errors are those of the pool, and pool.ErrClosed when the server stops.
//
// Polls wait below here, ten thousand at a time, each on a stack of its own. It stays
// within 4 KiB, of which net/http has half, if the functions on the way have few variables:
// what has many, or calls deeply, is done in others that have returned by then.
func (s *Server) find(ctx context.Context, q *question) error {
	left := q.wait
	for s.done.Err() == nil {
		t := s.table.Load()
		t.want(q, left)
		bounded, end := bound(ctx, left)
		var err error
		q.claim, err = s.pool.Claim(bounded, q.want)
		end()
		if err == nil {
			if s.give(q) {
				return nil
			}
		} else if t.ctx.Err() == nil || ctx.Err() != nil {
			return err
		}
		// There are other relays, or the end has come.
		left = max(0, q.wait-time.Since(q.came))
	}
	return pool.ErrClosed
}

// want completes what q asks the pool for, which has left to wait.
func (t *table) want(q *question, left time.Duration) {
	q.want.Classes = t.classes(q.outers, q.family)
	q.want.Wait = left
	q.want.Until = t.ctx.Done() // then it is asked anew
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

// give picks a relay for q's claim: of the newest relays, since those that the claim was made
// for may be gone. If there is none the claim ends.
func (s *Server) give(q *question) bool {
	q.relay = s.pick(q.claim.Endpoint.Transport.Inner, q)
	if q.relay == nil {
		s.end(s.pool.Release, q.claim)
	}
	return q.relay != nil
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
