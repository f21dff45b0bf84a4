package facilitator

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

const (
	// minCheckBack is the least time between two polls of a proxy that get
	// nothing (doc/protocol.md).
	minCheckBack = 10 * time.Second
	// maxPause is the most that a proxy pauses between two polls that wait: enough
	// to spread those that were answered together, too short to be missed.
	maxPause = 3 * time.Second
	// overload is by how much the interval is longer when the facilitator could
	// not do what was asked: a third of the polls come back.
	overload = 3
)

// getPoll is GET /. Whatever goes wrong on this side, the answer is a 200 without
// a client: a 2015 proxy that sees anything else never polls again.
func (s *Server) getPoll(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	w.Header().Set("Cache-Control", "no-store")
	poll, err := registration.ParsePoll(r.URL.RawQuery)
	if err != nil {
		s.refuse(w, badRequest{err})
		return
	}
	source := s.source(r)
	s.reported(source, poll.Unreachable)
	q := question{
		outers: poll.Outers,
		served: poll.Clients,
		source: source,
		family: pool.FamilyOf(source),
		wait:   min(poll.Wait, s.cfg.MaxWait),
	}
	mayWait := true
	if q.wait > 0 {
		defer s.held.sub(source)
		if mayWait = s.held.add(source) <= maxHeldPerSource; !mayWait {
			q.wait = 0
		}
		setReadDeadline(w, q.wait+ioTimeout)
	}
	claim, relay, err := s.find(r.Context(), q)
	if err == nil && r.Context().Err() != nil {
		s.end(r.Context(), s.pool.Release, claim)
		err = r.Context().Err()
	}
	if err != nil {
		if !mayWait && errors.Is(err, pool.ErrNone) {
			err = pool.ErrBusy
		}
		s.pollFailed(r, err)
		_ = writeAnswer(w, registration.Answer{CheckBackIn: s.checkBackIn(q.wait, err)})
		return
	}
	answer := registration.Answer{
		Match: &registration.Match{
			Client:      claim.Endpoint.Addr,
			ClientOuter: claim.Endpoint.Transport.Outer,
			Relay:       relay.Addr,
			RelayOuter:  relay.Transport.Outer,
		},
		CheckBackIn: s.checkBackIn(q.wait, nil),
	}
	if err := writeAnswer(w, answer); err != nil {
		s.end(r.Context(), s.pool.Release, claim)
		return
	}
	s.end(r.Context(), s.pool.Commit, claim)
	s.log.Debug("gave a client", "proxy", source, "client", claim.Endpoint.Addr,
		"transport", claim.Endpoint.Transport.String(), "waited", time.Since(start))
}

// pollFailed tells the operator of what is neither a decision of the pool nor the
// proxy's own going away.
func (s *Server) pollFailed(r *http.Request, err error) {
	switch {
	case errors.Is(err, pool.ErrNone), errors.Is(err, pool.ErrBusy), errors.Is(err, pool.ErrClosed),
		r.Context().Err() != nil:
	default:
		s.poolFailed("claim", err)
	}
}

// writeAnswer writes a whole answer to the connection. It returns an error when
// the proxy cannot have got it.
func writeAnswer(w http.ResponseWriter, a registration.Answer) error {
	body := a.Encode()
	h := w.Header()
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	setWriteDeadline(w)
	if _, err := w.Write(body); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// checkBackIn says when to poll again after a poll that was held for up to wait
// and ended with err.
func (s *Server) checkBackIn(wait time.Duration, err error) time.Duration {
	switch {
	case err != nil && !errors.Is(err, pool.ErrNone):
		return max(jitter(overload*s.cfg.PollInterval), minCheckBack)
	case wait == 0:
		return max(jitter(s.cfg.PollInterval), minCheckBack)
	case err == nil:
		return rand.N(maxPause + 1)
	default:
		return max(rand.N(maxPause+1), minCheckBack-wait)
	}
}

// jitter gives 3/4 to 5/4 of d, so that those who were answered together do not
// come back together.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}
