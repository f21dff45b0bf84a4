package facilitator

import (
	"errors"
	"log/slog"
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

// getPoll is GET /. Where there are pages a person is led to them, anything else is a
// poll. Whatever goes wrong on this side, the answer is a 200 without a client: a 2015
// proxy that sees anything else never polls again.
func (s *Server) getPoll(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Pages != nil && isPerson(r) {
		s.pollHeaders(w.Header(), time.Now())
		leadToPages(w)
		return
	}
	q, err := s.question(r)
	if err != nil {
		s.pollHeaders(w.Header(), time.Now())
		s.refuse(w, badRequest{err})
		return
	}
	if q.wait > 0 {
		s.sitDown(w, q)
		defer s.getUp(q)
	}
	s.answerPoll(w, r, q, s.find(r.Context(), q))
}

// pollHeaders are those of each answer to GET /.
func (s *Server) pollHeaders(h http.Header, now time.Time) {
	allowAll(h)
	s.fresh(h, now)
}

// sitDown gives a poll a place to wait, unless its source has too many. A getUp
// must follow.
func (s *Server) sitDown(w http.ResponseWriter, q *question) {
	if s.held.add(q.source) > maxHeldPerSource {
		q.wait, q.crowded = 0, true
	}
	// It bounds a pool that hangs, too: net/http ends the request's context with it.
	setReadDeadline(w, q.wait+storeTimeout)
}

func (s *Server) getUp(q *question) { s.held.sub(q.source) }

// question reads a poll.
func (s *Server) question(r *http.Request) (*question, error) {
	poll, err := registration.ParsePoll(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	source := s.source(r)
	s.reported(source, poll.Unreachable)
	return &question{
		came:   time.Now(),
		outers: poll.Outers,
		source: source,
		family: pool.FamilyOf(source),
		wait:   min(poll.Wait, s.cfg.MaxWait),
		want:   pool.Want{Served: poll.Clients},
	}, nil
}

// answerPoll gives a proxy its client, or tells it that there is none.
func (s *Server) answerPoll(w http.ResponseWriter, r *http.Request, q *question, err error) {
	now := time.Now()
	s.pollHeaders(w.Header(), now)
	if err == nil && r.Context().Err() != nil {
		s.end(s.pool.Release, q.claim)
		err = r.Context().Err()
	}
	if now.Sub(q.came) > ioTimeout {
		setWriteDeadline(w) // the one that it came with is over, or soon will be
	}
	if err != nil {
		if q.crowded && errors.Is(err, pool.ErrNone) {
			err = pool.ErrBusy
		}
		s.pollFailed(r, q, err)
		_ = writeAnswer(w, registration.Answer{CheckBackIn: s.checkBackIn(q.wait, err)})
		return
	}
	client := q.claim.Endpoint
	answer := registration.Answer{
		Match: &registration.Match{
			Client:      client.Addr,
			ClientOuter: client.Transport.Outer,
			Relay:       q.relay.Addr,
			RelayOuter:  q.relay.Transport.Outer,
		},
		CheckBackIn: s.checkBackIn(q.wait, nil),
	}
	if err := writeAnswer(w, answer); err != nil {
		s.end(s.pool.Release, q.claim)
		return
	}
	s.end(s.pool.Commit, q.claim)
	if s.log.Enabled(r.Context(), slog.LevelDebug) {
		s.log.Debug("gave a client", "proxy", q.source, "client", client.Addr,
			"transport", client.Transport.String(), "waited", time.Since(q.came))
	}
}

// pollFailed tells the operator of what is neither a decision of the pool nor the
// proxy's own going away.
func (s *Server) pollFailed(r *http.Request, q *question, err error) {
	switch {
	case errors.Is(err, pool.ErrNone), errors.Is(err, pool.ErrBusy), errors.Is(err, pool.ErrClosed),
		r.Context().Err() != nil && time.Since(q.came) < q.wait+storeTimeout:
	default:
		s.poolFailed("claim", err)
	}
}

// writeAnswer writes a whole answer to the connection. It returns an error when
// the proxy cannot have got it.
func writeAnswer(w http.ResponseWriter, a registration.Answer) error {
	body := a.Encode()
	h := w.Header()
	h["Content-Type"] = form
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
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
