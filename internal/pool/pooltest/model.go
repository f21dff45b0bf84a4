package pooltest

import (
	"cmp"
	"slices"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// model is the contract as simply as can be: two slices, looked through from the
// beginning.
type model struct {
	pool.Config
	now     time.Duration
	waiting []*client // oldest first
	polls   []*asked  // oldest first
}

// client is a registration.
type client struct {
	endpoints  []registration.Endpoint
	expires    time.Duration
	left, held int
}

// asked is a waiting poll.
type asked struct {
	pool.Want
	until time.Duration
	// What it ended with: a client, or an error.
	ended    bool
	client   *client
	endpoint registration.Endpoint
	err      error
}

// shares tells whether c has an endpoint at one of the addresses.
func (c *client) shares(other []registration.Endpoint) bool {
	return slices.ContainsFunc(c.endpoints, func(e registration.Endpoint) bool {
		return slices.ContainsFunc(other, func(o registration.Endpoint) bool { return o.Addr == e.Addr })
	})
}

// rank says how c suits w: 0 well, 1 as one who is served already, 2 not.
func rank(c *client, w pool.Want) int {
	switch {
	case c.left == c.held, !slices.ContainsFunc(c.endpoints, func(e registration.Endpoint) bool { return fits(e, w) }):
		return 2
	case slices.ContainsFunc(c.endpoints, func(e registration.Endpoint) bool { return slices.Contains(w.Served, e.Addr) }):
		return 1
	}
	return 0
}

func fits(e registration.Endpoint, w pool.Want) bool {
	return slices.Contains(w.Classes, pool.ClassOf(e))
}

// hold gives a use of c to p.
func (m *model) hold(c *client, p *asked) {
	c.held++
	p.ended, p.client = true, c
	p.endpoint = c.endpoints[slices.IndexFunc(c.endpoints, func(e registration.Endpoint) bool { return fits(e, p.Want) })]
}

func (m *model) register(endpoints []registration.Endpoint) error {
	before := len(m.waiting)
	m.waiting = slices.DeleteFunc(m.waiting, func(c *client) bool { return c.shares(endpoints) })
	if before == len(m.waiting) && before >= m.MaxRegistrations {
		return pool.ErrFull
	}
	c := &client{endpoints: endpoints, expires: m.now + m.TTL, left: m.Uses}
	m.waiting = append(m.waiting, c)
	m.offer(c)
	return nil
}

// offer gives the free uses of c to those who wait.
func (m *model) offer(c *client) {
	for len(m.polls) > 0 {
		p := slices.MinFunc(m.polls, func(a, b *asked) int { return cmp.Compare(rank(c, a.Want), rank(c, b.Want)) })
		if rank(c, p.Want) == 2 {
			return
		}
		m.hold(c, p)
		m.leave(p)
	}
}

func (m *model) leave(p *asked) {
	m.polls = slices.DeleteFunc(m.polls, func(o *asked) bool { return o == p })
}

// claim gives a poll that has ended, or waits.
func (m *model) claim(w pool.Want) *asked {
	p := &asked{Want: w, until: m.now + w.Wait}
	var best *client
	if len(m.waiting) > 0 {
		best = slices.MinFunc(m.waiting, func(a, b *client) int { return cmp.Compare(rank(a, w), rank(b, w)) })
	}
	switch {
	case best != nil && rank(best, w) < 2:
		m.hold(best, p)
	case w.Wait == 0:
		p.ended, p.err = true, pool.ErrNone
	case len(m.polls) >= m.MaxWaiting:
		p.ended, p.err = true, pool.ErrBusy
	default:
		m.polls = append(m.polls, p)
	}
	return p
}

// cancel ends a waiting poll.
func (m *model) cancel(p *asked, err error) {
	p.ended, p.err = true, err
	m.leave(p)
}

// end ends a claim of c.
func (m *model) end(c *client, commit bool) {
	if !slices.Contains(m.waiting, c) {
		return
	}
	c.held--
	if !commit {
		m.offer(c)
	} else if c.left--; c.left == 0 {
		m.waiting = slices.DeleteFunc(m.waiting, func(o *client) bool { return o == c })
	}
}

// pass lets time pass.
func (m *model) pass(d time.Duration) {
	m.now += d
	m.waiting = slices.DeleteFunc(m.waiting, func(c *client) bool { return c.expires <= m.now })
	for _, p := range slices.Clone(m.polls) {
		if p.until <= m.now {
			m.cancel(p, pool.ErrNone)
		}
	}
}
