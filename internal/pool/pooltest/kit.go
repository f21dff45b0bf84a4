package pooltest

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// kit is what one test has at hand.
type kit struct {
	*testing.T
	h    Harness
	pool pool.Pool
}

// patience is how often what is awaited is looked for.
const patience = 10_000

// endpoint reads "TRANSPORT ADDR:PORT", or only the last with the transport "ws".
func endpoint(s string) registration.Endpoint {
	name, addr, ok := strings.Cut(s, " ")
	if !ok {
		name, addr = "ws", s
	}
	t, err := registration.ParseTransport(name)
	if err != nil {
		panic(err)
	}
	return registration.Endpoint{Addr: netip.MustParseAddrPort(addr), Transport: t}
}

// reg makes a registration of endpoints as endpoint reads them.
func reg(endpoints ...string) registration.Registration {
	var r registration.Registration
	for _, s := range endpoints {
		r.Endpoints = append(r.Endpoints, endpoint(s))
	}
	return r
}

// class reads "TRANSPORT/FAMILY".
func class(s string) pool.Class {
	name, family, _ := strings.Cut(s, "/")
	t, err := registration.ParseTransport(name)
	if err != nil {
		panic(err)
	}
	return pool.Class{Transport: t, Family: map[string]pool.Family{"4": pool.Family4, "6": pool.Family6}[family]}
}

// want is a poll for the classes in s, parted by blanks.
func want(s string) pool.Want {
	var w pool.Want
	for _, c := range strings.Fields(s) {
		w.Classes = append(w.Classes, class(c))
	}
	return w
}

// serving is w with served clients.
func serving(w pool.Want, served ...string) pool.Want {
	for _, s := range served {
		w.Served = append(w.Served, netip.MustParseAddrPort(s))
	}
	return w
}

// waiting is w with a wait.
func waiting(w pool.Want, d time.Duration) pool.Want {
	w.Wait = d
	return w
}

// until is w that waits no longer than until then is closed.
func until(w pool.Want, then <-chan struct{}) pool.Want {
	w.Until = then
	return w
}

// ws is what most tests ask for.
func ws() pool.Want { return want("ws/4") }

func (k *kit) register(endpoints ...string) {
	k.Helper()
	if err := k.pool.Register(k.Context(), reg(endpoints...)); err != nil {
		k.Fatalf("register %v: %v", endpoints, err)
	}
}

// claim takes what is there at once, which must be the endpoint.
func (k *kit) claim(w pool.Want, endpoint string) pool.Claim {
	k.Helper()
	c, err := k.pool.Claim(k.Context(), w)
	if err != nil {
		k.Fatalf("claim: %v; want %s", err, endpoint)
	}
	k.check(c, endpoint)
	return c
}

func (k *kit) check(c pool.Claim, want string) {
	k.Helper()
	if c.Endpoint != endpoint(want) {
		k.Fatalf("claimed %s %s; want %s", c.Endpoint.Transport, c.Endpoint.Addr, want)
	}
}

// none checks that nobody is there for w at once.
func (k *kit) none(w pool.Want) {
	k.Helper()
	w.Wait = 0
	if c, err := k.pool.Claim(k.Context(), w); !errors.Is(err, pool.ErrNone) {
		k.Fatalf("claim: %v, %v; want %v", c.Endpoint, err, pool.ErrNone)
	}
}

func (k *kit) commit(c pool.Claim) {
	k.Helper()
	if err := k.pool.Commit(k.Context(), c); err != nil {
		k.Fatalf("commit %v: %v", c.Endpoint, err)
	}
}

func (k *kit) release(c pool.Claim) {
	k.Helper()
	if err := k.pool.Release(k.Context(), c); err != nil {
		k.Fatalf("release %v: %v", c.Endpoint, err)
	}
}

// take claims and commits.
func (k *kit) take(w pool.Want, endpoint string) {
	k.Helper()
	k.commit(k.claim(w, endpoint))
}

func (k *kit) stats(registrations, polls int) {
	k.Helper()
	got, err := k.pool.Stats(k.Context())
	if want := (pool.Stats{Registrations: registrations, Polls: polls}); err != nil || got != want {
		k.Fatalf("stats: %+v, %v; want %+v", got, err, want)
	}
}

func (k *kit) sleep(d time.Duration) { k.h.Sleep(d) }

// await waits until ok holds; what says what that means.
func (k *kit) await(what string, ok func() bool) {
	k.Helper()
	for range patience {
		if ok() {
			return
		}
		k.h.Settle()
	}
	k.Fatalf("waited in vain until %s", what)
}

// noneLeft waits until no more goroutines are left than there were. One that
// has ended is counted for a moment more, which may be long in which the system runs
// something else, and in a bubble no time passes meanwhile: hence the many yields.
func (k *kit) noneLeft(before int) {
	k.Helper()
	for range 1_000_000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	k.await("no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

// poll is a claim that is under way.
type poll struct {
	k      *kit
	cancel context.CancelFunc
	done   chan struct{} // closed when the next two are set
	claim  pool.Claim
	err    error
}

// start begins a claim that is the last of so many to wait.
func (k *kit) start(w pool.Want, polls int) *poll {
	k.Helper()
	p := k.begin(k.Context(), w)
	k.await("the poll waits", func() bool {
		s, err := k.pool.Stats(k.Context())
		return err == nil && s.Polls == polls
	})
	return p
}

// begin begins a claim and does not look what comes of it. Its context ends with
// the test.
func (k *kit) begin(ctx context.Context, w pool.Want) *poll {
	p := &poll{k: k, done: make(chan struct{})}
	ctx, p.cancel = context.WithCancel(ctx)
	go func() {
		defer close(p.done)
		p.claim, p.err = k.pool.Claim(ctx, w)
	}()
	k.Cleanup(func() { p.cancel(); <-p.done })
	return p
}

// end waits until the poll ends and gives its outcome.
func (p *poll) end() (pool.Claim, error) {
	p.k.Helper()
	p.k.await("a poll ends", p.ended)
	return p.claim, p.err
}

// ended tells whether the poll has ended.
func (p *poll) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// gets checks that the poll ends with the endpoint.
func (p *poll) gets(endpoint string) pool.Claim {
	p.k.Helper()
	c, err := p.end()
	if err != nil {
		p.k.Fatalf("a waiting poll: %v; want %s", err, endpoint)
	}
	p.k.check(c, endpoint)
	return c
}

// fails checks that the poll ends with an error.
func (p *poll) fails(want error) {
	p.k.Helper()
	if c, err := p.end(); !errors.Is(err, want) {
		p.k.Fatalf("a waiting poll: %v, %v; want %v", c.Endpoint, err, want)
	}
}
