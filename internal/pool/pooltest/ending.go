package pooltest

import (
	"context"
	"fmt"
	"runtime"

	"flashproxy/internal/pool"
)

// endingTests: nothing is lost with a poll that ends.
func endingTests(h Harness) []test {
	return []test{
		{"the wait", pool.Config{}, func(k *kit) {
			a := k.start(waiting(ws(), 2*h.Unit), 1)
			b := k.start(waiting(want("ws/4 tcp/4"), 4*h.Unit), 2)
			k.sleep(2*h.Unit - h.Tick)
			if a.ended() {
				k.Fatal("a poll ended before its wait")
			}
			k.sleep(h.Tick)
			a.fails(pool.ErrNone)
			k.stats(0, 1)
			k.sleep(2 * h.Unit)
			b.fails(pool.ErrNone)
			k.stats(0, 0)
			k.register("192.0.2.1:1")
			k.take(ws(), "192.0.2.1:1")
		}},
		{"no wait", pool.Config{}, func(k *kit) {
			k.none(ws())
			k.none(waiting(ws(), -1))
		}},
		{"until then", pool.Config{}, func(k *kit) {
			then := make(chan struct{})
			a := k.start(until(waiting(ws(), 9*h.Unit), then), 1)
			b := k.start(waiting(ws(), 9*h.Unit), 2)
			close(then)
			a.fails(pool.ErrNone)
			k.stats(0, 1)
			k.register("192.0.2.1:1")
			b.gets("192.0.2.1:1")
			k.begin(k.Context(), until(waiting(ws(), h.Unit), then)).fails(pool.ErrNone)
			k.register("192.0.2.2:1")
			k.take(until(ws(), then), "192.0.2.2:1")
		}},
		{"cancelled", pool.Config{}, func(k *kit) {
			a := k.start(waiting(ws(), 9*h.Unit), 1)
			b := k.start(waiting(ws(), 9*h.Unit), 2)
			a.cancel()
			a.fails(context.Canceled)
			k.stats(0, 1)
			k.register("192.0.2.1:1")
			b.gets("192.0.2.1:1")
		}},
		{"past its deadline", pool.Config{}, func(k *kit) {
			ctx, cancel := context.WithTimeout(k.Context(), 2*h.Unit)
			defer cancel()
			a := k.begin(ctx, waiting(ws(), 9*h.Unit))
			k.sleep(2 * h.Unit)
			a.fails(context.DeadlineExceeded)
			k.stats(0, 0)
			k.register("192.0.2.1:1")
			k.take(ws(), "192.0.2.1:1")
		}},
		{"cancelled before it began", pool.Config{}, func(k *kit) {
			ctx, cancel := context.WithCancel(k.Context())
			cancel()
			k.begin(ctx, waiting(ws(), h.Unit)).fails(context.Canceled)
			k.register("192.0.2.1:1")
			k.begin(ctx, ws()).fails(context.Canceled)
			if err := k.pool.Register(ctx, reg("192.0.2.2:1")); err != context.Canceled {
				k.Fatalf("register: %v; want %v", err, context.Canceled)
			}
			k.stats(1, 0)
			k.take(ws(), "192.0.2.1:1")
		}},
		{"given and cancelled at once", pool.Config{}, func(k *kit) {
			givenAndEnded(k, func(p *poll, _ chan struct{}) { p.cancel() })
		}},
		{"given and then at once", pool.Config{}, func(k *kit) {
			givenAndEnded(k, func(_ *poll, then chan struct{}) { close(then) })
		}},
	}
}

// givenAndEnded races the end of a poll with what comes for it: the poll has
// it, or else the next poll gets it.
func givenAndEnded(k *kit, end func(p *poll, then chan struct{})) {
	for i := range 200 {
		e := fmt.Sprintf("192.0.2.1:%d", i+1)
		then := make(chan struct{})
		a := k.start(until(waiting(ws(), 9*k.h.Unit), then), 1)
		b := k.start(waiting(ws(), 9*k.h.Unit), 2)
		go end(a, then)
		for range i % 4 {
			runtime.Gosched()
		}
		k.register(e)
		if c, err := a.end(); err == nil {
			k.check(c, e)
			k.release(c)
		}
		k.commit(b.gets(e))
		k.stats(0, 0)
	}
}

// boundTests: what does not fit is refused.
func boundTests(h Harness) []test {
	return []test{
		{"full", pool.Config{MaxRegistrations: 2, TTL: 4 * h.Unit}, func(k *kit) {
			k.register("192.0.2.1:1", "tcp 192.0.2.1:2")
			k.register("192.0.2.2:1")
			full := func() {
				k.Helper()
				if err := k.pool.Register(k.Context(), reg("tcp 192.0.2.9:1")); err != pool.ErrFull {
					k.Fatalf("register: %v; want %v", err, pool.ErrFull)
				}
				k.stats(2, 0)
			}
			full()
			c := k.claim(ws(), "192.0.2.1:1")
			full()
			k.release(c)
			k.take(want("tcp/4"), "tcp 192.0.2.1:2")
			k.none(want("tcp/4"))
			k.register("192.0.2.3:1")
			full()
			k.register("192.0.2.3:1", "192.0.2.2:1") // merges two
			k.register("192.0.2.4:1")
			full()
			k.sleep(4 * h.Unit)
			k.register("192.0.2.5:1")
			k.stats(1, 0)
		}},
		{"busy", pool.Config{MaxWaiting: 2}, func(k *kit) {
			long := 9 * h.Unit
			a := k.start(waiting(ws(), long), 1)
			b := k.start(waiting(want("tcp/4"), long), 2)
			k.begin(k.Context(), waiting(ws(), long)).fails(pool.ErrBusy)
			k.begin(k.Context(), waiting(want("ws/6"), long)).fails(pool.ErrBusy)
			k.none(ws())
			k.stats(0, 2)
			k.register("[2001:db8::1]:1")
			k.take(waiting(want("ws/6"), long), "[2001:db8::1]:1")
			k.register("192.0.2.1:1")
			a.gets("192.0.2.1:1")
			c := k.start(waiting(ws(), long), 2)
			b.cancel()
			b.fails(context.Canceled)
			k.start(waiting(want("tcp/4"), long), 2)
			k.begin(k.Context(), waiting(ws(), long)).fails(pool.ErrBusy)
			k.register("192.0.2.2:1")
			c.gets("192.0.2.2:1")
		}},
	}
}

// closeTests: the end.
func closeTests(h Harness) []test {
	return []test{
		{"every method", pool.Config{}, func(k *kit) {
			k.register("192.0.2.1:1")
			k.register("192.0.2.2:1")
			a, b := k.claim(ws(), "192.0.2.1:1"), k.claim(ws(), "192.0.2.2:1")
			if err := k.pool.Close(); err != nil {
				k.Fatalf("close: %v", err)
			}
			_, statsErr := k.pool.Stats(k.Context())
			_, claimErr := k.pool.Claim(k.Context(), ws())
			_, waitErr := k.pool.Claim(k.Context(), waiting(ws(), h.Unit))
			for what, err := range map[string]error{
				"register": k.pool.Register(k.Context(), reg("192.0.2.3:1")),
				"claim":    claimErr,
				"wait":     waitErr,
				"commit":   k.pool.Commit(k.Context(), a),
				"release":  k.pool.Release(k.Context(), b),
				"stats":    statsErr,
				"close":    k.pool.Close(),
			} {
				if err != pool.ErrClosed {
					k.Errorf("%s: %v; want %v", what, err, pool.ErrClosed)
				}
			}
		}},
		{"with waiting polls", pool.Config{TTL: 4 * h.Unit}, func(k *kit) {
			before := runtime.NumGoroutine()
			k.register("tcp 192.0.2.1:1")
			var polls []*poll
			for i := range 20 {
				polls = append(polls, k.start(waiting(ws(), 9*h.Unit), i+1))
			}
			if err := k.pool.Close(); err != nil {
				k.Fatalf("close: %v", err)
			}
			for _, p := range polls {
				p.fails(pool.ErrClosed)
			}
			k.noneLeft(before)
		}},
	}
}
