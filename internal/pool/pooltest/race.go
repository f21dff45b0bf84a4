package pooltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"flashproxy/internal/pool"
)

// raceTests: many at once.
func raceTests(h Harness) []test {
	const few = 8 // polls may wait, fewer than there are claimers
	return []test{
		{"nothing lost, nothing twice: one use", pool.Config{Uses: 1, MaxWaiting: few}, func(k *kit) { balance(k, 1) }},
		{"nothing lost, nothing twice: three uses", pool.Config{Uses: 3, MaxWaiting: few}, func(k *kit) { balance(k, 3) }},
		{"given when the wait ends", pool.Config{}, func(k *kit) {
			for i := range 20 {
				e := fmt.Sprintf("192.0.2.1:%d", i+1)
				p := k.start(waiting(ws(), h.Unit), 1)
				k.sleep(h.Unit)
				k.register(e)
				if c, err := p.end(); err == nil {
					k.check(c, e)
					k.release(c)
				} else if !errors.Is(err, pool.ErrNone) {
					k.Fatalf("a waiting poll: %v; want %v", err, pool.ErrNone)
				}
				k.take(ws(), e)
				k.stats(0, 0)
			}
		}},
		{"everything, and the end", pool.Config{TTL: h.Unit, Uses: 2, MaxRegistrations: 6, MaxWaiting: 4}, everything},
	}
}

// ledger counts how often each client was given away.
type ledger struct {
	mu        sync.Mutex
	committed []int // by client
	left      int
	end       context.CancelFunc // called when none is left
}

func (l *ledger) add(c pool.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.committed[c.Endpoint.Addr.Port()-1]++
	if l.left--; l.left == 0 {
		l.end()
	}
}

// balance lets clients register while polls claim them, give up at random
// moments and release at random. In the end each use must have been committed once,
// or be there to be claimed.
func balance(k *kit, uses int) {
	const clients, registrars, claimers = 300, 3, 16
	ctx, end := context.WithCancel(k.Context())
	defer end()
	l := &ledger{committed: make([]int, clients), left: clients * uses, end: end}
	var wg sync.WaitGroup
	for n := range registrars {
		wg.Go(func() {
			for i := n; i < clients; i += registrars {
				r := reg(fmt.Sprintf("192.0.2.1:%d", i+1), fmt.Sprintf("tcp 192.0.2.2:%d", i+1))
				if err := k.pool.Register(ctx, r); err != nil {
					k.Errorf("register: %v", err)
				}
				runtime.Gosched()
			}
		})
	}
	for n := range claimers {
		wg.Go(func() { claimer(ctx, k, l, rand.New(rand.NewPCG(uint64(n), 0))) })
	}
	wg.Wait()
	for {
		c, err := k.pool.Claim(k.Context(), want("ws/4 tcp/4"))
		if err != nil {
			break
		}
		k.commit(c)
		l.add(c)
	}
	k.stats(0, 0)
	for i, n := range l.committed {
		if n != uses {
			k.Errorf("client %d was given away %d times; want %d", i+1, n, uses)
		}
	}
}

// claimer polls until ctx ends, or a bounded number of times. Every other poll
// is cancelled, sooner or later.
func claimer(ctx context.Context, k *kit, l *ledger, random *rand.Rand) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 500 {
		w := want([]string{"ws/4", "tcp/4", "ws/4 tcp/4"}[random.IntN(3)])
		w.Wait = []time.Duration{0, k.h.Unit / 2}[random.IntN(2)]
		ctx, cancel := context.WithCancel(ctx)
		if pause := random.IntN(20); pause < 10 {
			wg.Go(func() {
				for range pause {
					runtime.Gosched()
				}
				cancel()
			})
		}
		c, err := k.pool.Claim(ctx, w)
		cancel()
		switch {
		case err == nil && random.IntN(3) == 0:
			err = k.pool.Release(k.Context(), c)
		case err == nil:
			if err = k.pool.Commit(k.Context(), c); err == nil {
				l.add(c)
			}
		case allowed(err, pool.ErrNone, pool.ErrBusy, context.Canceled):
			err = nil
		}
		if err != nil {
			k.Errorf("%v", err)
		}
	}
}

// everything calls all methods at once, with clients that expire, are refreshed
// and merged, and closes the pool when half of it is done.
func everything(k *kit) {
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 0))
			for i := range 400 {
				if n == 0 && i == 200 {
					if err := k.pool.Close(); err != nil {
						k.Errorf("close: %v", err)
					}
				}
				if err := anything(k, random); !allowed(err, nil, pool.ErrNone, pool.ErrBusy, pool.ErrFull, pool.ErrClosed, context.DeadlineExceeded) {
					k.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
	if err := anything(k, rand.New(rand.NewPCG(0, 0))); !errors.Is(err, pool.ErrClosed) {
		k.Errorf("after the end: %v; want %v", err, pool.ErrClosed)
	}
	k.noneLeft(before)
}

// anything calls one method at random.
func anything(k *kit, random *rand.Rand) error {
	client := func() string {
		return fmt.Sprintf("%s 192.0.2.1:%d", []string{"ws", "tcp"}[random.IntN(2)], random.IntN(9)+1)
	}
	switch random.IntN(8) {
	case 0, 1:
		return k.pool.Register(k.Context(), reg(client()))
	case 2:
		return k.pool.Register(k.Context(), reg(client(), client(), client()))
	case 3:
		_, err := k.pool.Stats(k.Context())
		return err
	}
	ctx, cancel := context.WithTimeout(k.Context(), k.h.Unit/64)
	defer cancel()
	w := want([]string{"ws/4", "tcp/4", "ws/4 tcp/4"}[random.IntN(3)])
	w.Wait = []time.Duration{0, k.h.Unit / 128, k.h.Unit}[random.IntN(3)]
	c, err := k.pool.Claim(ctx, serving(w, "192.0.2.1:1", "192.0.2.1:2"))
	if err != nil {
		return err
	}
	if random.IntN(2) == 0 {
		return k.pool.Release(k.Context(), c)
	}
	return k.pool.Commit(k.Context(), c)
}

// allowed tells whether err is one of those, of which one may be nil.
func allowed(err error, those ...error) bool {
	for _, e := range those {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
