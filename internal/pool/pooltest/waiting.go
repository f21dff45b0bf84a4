package pooltest

import (
	"fmt"

	"flashproxy/internal/pool"
)

// waitingTests: what comes goes to the poll that has waited longest.
func waitingTests(h Harness) []test {
	tests := append(oneTests(h), severalTests(h)...)
	tests = append(tests, releaseTests(h)...)
	return append(tests, servedWaitingTests(h)...)
}

// oneTests: one poll.
func oneTests(h Harness) []test {
	long := 20 * h.Unit
	return []test{
		{"gets what comes", pool.Config{}, func(k *kit) {
			p := k.start(waiting(ws(), long), 1)
			k.register("192.0.2.1:1")
			c := p.gets("192.0.2.1:1")
			k.none(ws())
			k.stats(1, 0)
			k.commit(c)
			k.stats(0, 0)
		}},
		{"does not wait for what is there", pool.Config{}, func(k *kit) {
			k.register("192.0.2.1:1")
			k.take(waiting(ws(), long), "192.0.2.1:1")
		}},
		{"in two classes gets one", pool.Config{}, func(k *kit) {
			p := k.start(waiting(want("ws/4 tcp/4 ws/4"), long), 1)
			k.register("tcp 192.0.2.1:1")
			p.gets("tcp 192.0.2.1:1")
			k.register("192.0.2.2:1")
			k.take(ws(), "192.0.2.2:1")
		}},
		{"the first endpoint that fits", pool.Config{}, func(k *kit) {
			p := k.start(waiting(want("ws/4 tcp/4"), long), 1)
			k.register("[2001:db8::1]:1", "tcp 192.0.2.1:1", "192.0.2.1:2")
			p.gets("tcp 192.0.2.1:1")
		}},
	}
}

// severalTests: several polls.
func severalTests(h Harness) []test {
	long := 20 * h.Unit
	return []test{
		{"exactly one gets it, the longest waiting", pool.Config{}, func(k *kit) {
			var polls []*poll
			for i := range 10 {
				polls = append(polls, k.start(waiting(ws(), long), i+1))
			}
			for i, p := range polls {
				e := fmt.Sprintf("192.0.2.%d:1", i)
				k.register(e)
				k.commit(p.gets(e))
				k.stats(0, 9-i)
			}
		}},
		{"the longest waiting that fits", pool.Config{}, func(k *kit) {
			var polls []*poll
			for i, w := range []string{"", "tcp/4", "ws/6", "obfs4|ws/4 tcp/4", "ws/6 ws/4", "ws/4", "tcp/4 ws/4"} {
				polls = append(polls, k.start(waiting(want(w), long), i+1))
			}
			for _, i := range []int{4, 5, 6} {
				e := fmt.Sprintf("192.0.2.%d:1", i)
				k.register(e)
				polls[i].gets(e)
			}
			k.register("192.0.2.9:1")
			k.stats(4, 4)
		}},
		{"over several classes", pool.Config{}, func(k *kit) {
			var polls []*poll
			for i, w := range []string{"tcp/4", "ws/6", "tcp/4", "ws/6"} {
				polls = append(polls, k.start(waiting(want(w), long), i+1))
			}
			for i, want := range []string{"tcp 192.0.2.0:1", "[2001:db8::1]:1", "tcp 192.0.2.2:1", "[2001:db8::3]:1"} {
				k.register(fmt.Sprintf("[2001:db8::%d]:1", i), fmt.Sprintf("tcp 192.0.2.%d:1", i))
				polls[i].gets(want)
			}
		}},
		{"each use to another", pool.Config{Uses: 5}, func(k *kit) {
			var polls []*poll
			for i := range 6 {
				polls = append(polls, k.start(waiting(ws(), long), i+1))
			}
			k.register("192.0.2.1:1")
			for _, p := range polls[:5] {
				k.commit(p.gets("192.0.2.1:1"))
			}
			k.stats(0, 1)
			k.register("192.0.2.2:1")
			polls[5].gets("192.0.2.2:1")
			for range 4 {
				k.take(ws(), "192.0.2.2:1")
			}
			k.stats(1, 0)
		}},
	}
}

// releaseTests: what is released goes to a waiting poll too.
func releaseTests(h Harness) []test {
	long := 20 * h.Unit
	return []test{
		{"gets what is released", pool.Config{}, func(k *kit) {
			k.register("tcp 192.0.2.1:1", "192.0.2.1:2")
			c := k.claim(ws(), "192.0.2.1:2")
			k.start(waiting(want("ws/6"), long), 1)
			p := k.start(waiting(want("tcp/4"), long), 2)
			q := k.start(waiting(ws(), long), 3)
			k.release(c)
			c = p.gets("tcp 192.0.2.1:1")
			k.stats(1, 2)
			k.release(c)
			k.commit(q.gets("192.0.2.1:2"))
			k.stats(0, 1)
		}},
		{"what was given and released keeps its age", pool.Config{TTL: 4 * h.Unit}, func(k *kit) {
			p := k.start(waiting(ws(), long), 1)
			k.register("192.0.2.1:1")
			c := p.gets("192.0.2.1:1")
			k.sleep(h.Unit)
			k.register("192.0.2.2:1")
			k.release(c)
			k.release(k.claim(ws(), "192.0.2.1:1"))
			k.sleep(3 * h.Unit)
			k.take(ws(), "192.0.2.2:1")
			k.none(ws())
		}},
		{"nothing comes of a commit", pool.Config{}, func(k *kit) {
			k.register("192.0.2.1:1")
			c := k.claim(ws(), "192.0.2.1:1")
			k.start(waiting(ws(), long), 1)
			k.commit(c)
			k.stats(0, 1)
		}},
	}
}

// servedWaitingTests: a poll that serves the client gets it when no other fits.
func servedWaitingTests(h Harness) []test {
	long := 20 * h.Unit
	e := "192.0.2.1:1"
	return []test{
		{"served: another that fits", pool.Config{}, func(k *kit) {
			a := k.start(waiting(serving(ws(), e), long), 1)
			b := k.start(waiting(serving(ws(), e, "192.0.2.2:1"), long), 2)
			c := k.start(waiting(ws(), long), 3)
			k.register(e)
			c.gets(e)
			k.register("192.0.2.2:1")
			a.gets("192.0.2.2:1")
			k.stats(2, 1)
			k.register("192.0.2.2:1")
			b.gets("192.0.2.2:1")
		}},
		{"served: no other fits", pool.Config{}, func(k *kit) {
			k.start(waiting(want("tcp/4"), long), 1)
			a := k.start(waiting(serving(ws(), e), long), 2)
			k.start(waiting(serving(ws(), e), long), 3)
			k.register(e)
			a.gets(e)
			k.stats(1, 2)
		}},
		{"served: by another endpoint", pool.Config{}, func(k *kit) {
			a := k.start(waiting(serving(ws(), "192.0.2.9:9"), long), 1)
			b := k.start(waiting(ws(), long), 2)
			k.register(e, "tcp 192.0.2.9:9")
			b.gets(e)
			k.register("tcp 192.0.2.9:9", e)
			a.gets(e)
		}},
		{"served: the last uses", pool.Config{Uses: 3}, func(k *kit) {
			a := k.start(waiting(serving(ws(), e), long), 1)
			b := k.start(waiting(serving(ws(), e), long), 2)
			c := k.start(waiting(ws(), long), 3)
			d := k.start(waiting(ws(), long), 4)
			k.register(e)
			for _, p := range []*poll{a, c, d} {
				k.commit(p.gets(e))
			}
			k.stats(0, 1)
			k.register(e)
			b.gets(e)
		}},
		{"served: released", pool.Config{}, func(k *kit) {
			k.register(e)
			held := k.claim(ws(), e)
			a := k.start(waiting(serving(ws(), e), long), 1)
			b := k.start(waiting(ws(), long), 2)
			k.release(held)
			k.release(b.gets(e))
			a.gets(e)
		}},
	}
}
