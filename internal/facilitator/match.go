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
	outers []string
	served []netip.AddrPort
	source netip.Addr // who asks, the zero Addr if that is not known
	family pool.Family
	wait   time.Duration
}

// find waits for a client, and a relay for it. The claim must be ended. Errors are
// those of the pool, and pool.ErrClosed when the server stops.
func (s *Server) find(ctx context.Context, q question) (pool.Claim, registration.Relay, error) {
	for until := time.Now().Add(q.wait); ; {
		if s.done.Err() != nil {
			return pool.Claim{}, registration.Relay{}, pool.ErrClosed
		}
		t := s.table.Load()
		claim, err := s.claim(ctx, t, pool.Want{
			Classes: t.classes(q.outers, q.family),
			Served:  q.served,
			Wait:    max(0, time.Until(until)),
		})
		if err != nil {
			if t.ctx.Err() != nil && ctx.Err() == nil {
				continue // other relays, or the end
			}
			return pool.Claim{}, registration.Relay{}, err
		}
		// Of the newest relays: those that the claim was made for may be gone.
		relay, ok := s.pick(claim.Endpoint.Transport.Inner, q)
		if ok {
			return claim, relay, nil
		}
		s.end(ctx, s.pool.Release, claim)
	}
}

// claim asks the pool, until the poll or the table ends.
func (s *Server) claim(ctx context.Context, t *table, w pool.Want) (pool.Claim, error) {
	ctx, cancel := context.WithTimeout(ctx, w.Wait+storeTimeout)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	return s.pool.Claim(ctx, w)
}

// end commits or releases a claim, also for a request that is over.
func (s *Server) end(ctx context.Context, how func(context.Context, pool.Claim) error, c pool.Claim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := how(ctx, c); err != nil {
		s.poolFailed("end a claim", err)
	}
}

// poolFailed tells the operator, not too often.
func (s *Server) poolFailed(what string, err error) {
	s.poolErrors.Do(func() { s.log.Error("the pool fails", "operation", what, "err", err) })
}
