package pooltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"flashproxy/internal/pool"
)

// modelTests: whatever is done, a pool does as the model does.
func modelTests(h Harness) []test {
	var tests []test
	for seed := range h.Sequences {
		c := pool.Config{
			// Times end in a half, and all is done at whole units: it does not
			// matter how long it takes.
			TTL:              5*h.Unit + h.Unit/2,
			Uses:             []int{1, 1, 2, 5}[seed%4],
			MaxRegistrations: 7,
			MaxWaiting:       5,
		}
		tests = append(tests, test{fmt.Sprint(seed), c, func(k *kit) {
			s := &sequence{
				kit:    k,
				random: rand.New(rand.NewPCG(uint64(seed), 0)),
				model:  model{Config: c},
				began:  time.Now(),
			}
			s.run()
		}})
	}
	return tests
}

// sequence is one run of a pool and the model side by side.
type sequence struct {
	*kit
	random *rand.Rand
	model  model
	began  time.Time
	polls  []pair // that wait
	held   []claimed
	trace  strings.Builder
}

// pair is a poll in the pool and in the model.
type pair struct {
	pool  *poll
	model *asked
}

// claimed is a claim in the pool and in the model.
type claimed struct {
	pool  pool.Claim
	model *client
}

func (s *sequence) run() {
	defer func() {
		if s.Failed() {
			s.Logf("what was done:\n%s", s.trace.String())
		}
	}()
	for range 150 {
		s.step()
		s.settle()
	}
}

// step does one thing at random to both.
func (s *sequence) step() {
	switch n := s.random.IntN(20); {
	case n < 7:
		s.register()
	case n < 13:
		s.claim()
	case n < 17 && len(s.held) > 0:
		s.finish()
	case n < 18 && len(s.polls) > 0:
		p := s.polls[s.random.IntN(len(s.polls))]
		s.note("cancel the poll for %v", p.model.Classes)
		p.pool.cancel()
		s.model.cancel(p.model, context.Canceled)
	case n >= 18:
		d := time.Duration(1+s.random.IntN(3)) * s.h.Unit
		s.note("sleep %v", d)
		s.model.pass(d)
		s.sleep(time.Until(s.began.Add(s.model.now)))
	}
}

func (s *sequence) note(format string, a ...any) { fmt.Fprintf(&s.trace, format+"\n", a...) }

// address is one of a few, so that they meet.
func (s *sequence) address() string {
	if n := s.random.IntN(14); n < 10 {
		return fmt.Sprintf("192.0.2.%d:1", n)
	} else {
		return fmt.Sprintf("[2001:db8::%d]:1", n)
	}
}

func (s *sequence) register() {
	var endpoints []string
	for range 1 + s.random.IntN(3)*s.random.IntN(2) {
		endpoints = append(endpoints, []string{"ws", "tcp", "obfs4|ws"}[s.random.IntN(3)]+" "+s.address())
	}
	s.note("register %v", endpoints)
	r := reg(endpoints...)
	want := s.model.register(r.Endpoints)
	if err := s.pool.Register(s.Context(), r); !errors.Is(err, want) {
		s.Fatalf("register: %v; want %v", err, want)
	}
}

func (s *sequence) claim() {
	var w pool.Want
	for _, c := range []string{"ws/4", "ws/6", "tcp/4", "tcp/6", "obfs4|ws/4", "obfs4|ws/6"} {
		if s.random.IntN(3) == 0 {
			w.Classes = append(w.Classes, class(c))
		}
	}
	s.random.Shuffle(len(w.Classes), func(i, j int) { w.Classes[i], w.Classes[j] = w.Classes[j], w.Classes[i] })
	for range s.random.IntN(5) {
		w.Served = append(w.Served, netip.MustParseAddrPort(s.address()))
	}
	if s.random.IntN(3) > 0 {
		w.Wait = time.Duration(s.random.IntN(6))*s.h.Unit + s.h.Unit/2
	}
	s.note("claim %+v", w)
	p := pair{model: s.model.claim(w)}
	if p.model.ended {
		p.pool = s.begin(s.Context(), w)
	} else {
		p.pool = s.start(w, len(s.model.polls))
	}
	s.polls = append(s.polls, p)
}

// finish ends a claim.
func (s *sequence) finish() {
	i := s.random.IntN(len(s.held))
	c := s.held[i]
	s.held = append(s.held[:i], s.held[i+1:]...)
	commit := s.random.IntN(2) == 0
	s.note("end the claim of %v, commit %v", c.pool.Endpoint, commit)
	s.model.end(c.model, commit)
	if commit {
		s.commit(c.pool)
	} else {
		s.release(c.pool)
	}
}

// settle checks that both polls of each pair have ended in the same way, or
// neither, and that the same number is left.
func (s *sequence) settle() {
	var left []pair
	for _, p := range s.polls {
		if !p.model.ended {
			left = append(left, p)
			continue
		}
		got, err := p.pool.end()
		if !errors.Is(err, p.model.err) || err == nil && got.Endpoint != p.model.endpoint {
			s.Fatalf("claim: %v, %v; want %v, %v", got.Endpoint, err, p.model.endpoint, p.model.err)
		}
		if err == nil {
			s.note("  got %v", got.Endpoint)
			s.held = append(s.held, claimed{got, p.model.client})
		}
	}
	s.polls = left
	s.stats(len(s.model.waiting), len(s.model.polls))
}
