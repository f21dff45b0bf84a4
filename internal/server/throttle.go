package server

import (
	"sync"
	"time"
)

// warnInterval is the least time between two warnings of the same kind.
const warnInterval = time.Minute

// throttle lets one warning through each warnInterval, with the count of those it
// stands for.
type throttle struct {
	mu    sync.Mutex
	next  time.Time
	count int
}

// pass tells whether to warn now, and how often there was reason to since the
// last time.
func (t *throttle) pass() (times int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	now := time.Now()
	if now.Before(t.next) {
		return 0, false
	}
	times, t.count, t.next = t.count, 0, now.Add(warnInterval)
	return times, true
}

func (s *Server) upstreamDown(err error) {
	if times, ok := s.down.pass(); ok {
		s.log.Warn("the upstream does not answer; connections are closed until it does", "times", times, "err", err)
	}
}

func (s *Server) tooMany() {
	if times, ok := s.full.pass(); ok {
		s.log.Warn("too many connections; new ones are closed", "at_most", s.cfg.MaxConns, "times", times)
	}
}
