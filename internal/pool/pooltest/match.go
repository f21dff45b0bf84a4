package pooltest

import (
	"context"
	"fmt"

	"flashproxy/internal/pool"
)

// orderTests: who was registered longest ago comes first.
func orderTests() []test {
	return []test{
		{"nobody", pool.Config{}, func(k *kit) {
			k.none(ws())
			k.stats(0, 0)
		}},
		{"one class", pool.Config{}, func(k *kit) {
			for i := range 20 {
				k.register(fmt.Sprintf("192.0.2.1:%d", i+1))
			}
			k.stats(20, 0)
			for i := range 20 {
				k.take(ws(), fmt.Sprintf("192.0.2.1:%d", i+1))
			}
			k.none(ws())
			k.stats(0, 0)
		}},
		{"several classes", pool.Config{}, func(k *kit) {
			all := []string{
				"tcp 192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1", "192.0.2.3:1", "obfs4|ws 192.0.2.4:1", "tcp 192.0.2.5:1", "[2001:db8::2]:1",
			}
			for _, e := range all {
				k.register(e)
			}
			for _, e := range all {
				k.take(want("ws/6 obfs4|ws/4 ws/4 tcp/4"), e)
			}
			k.none(want("ws/6 obfs4|ws/4 ws/4 tcp/4"))
		}},
		{"what others take between", pool.Config{}, func(k *kit) {
			k.register("tcp 192.0.2.1:1", "192.0.2.1:2")
			k.register("192.0.2.2:1")
			k.register("tcp 192.0.2.3:1")
			k.register("tcp 192.0.2.4:1", "192.0.2.4:2")
			k.take(ws(), "192.0.2.1:2")
			k.take(want("tcp/4"), "tcp 192.0.2.3:1")
			k.take(want("tcp/4"), "tcp 192.0.2.4:1")
			k.take(want("tcp/4 ws/4"), "192.0.2.2:1")
			k.stats(0, 0)
		}},
	}
}

// classTests: a poll gets only what it can take.
func classTests() []test {
	tests := []test{
		{"none", pool.Config{}, func(k *kit) {
			k.register("192.0.2.1:1")
			k.none(pool.Want{})
			k.take(ws(), "192.0.2.1:1")
		}},
		{"one twice", pool.Config{Uses: 2}, func(k *kit) {
			k.register("192.0.2.1:1")
			k.register("192.0.2.2:1")
			k.take(want("ws/4 ws/4 tcp/4 ws/4"), "192.0.2.1:1")
			k.take(want("ws/4 ws/4 tcp/4 ws/4"), "192.0.2.1:1")
			k.take(want("ws/4 ws/4"), "192.0.2.2:1")
		}},
		{"the first endpoint that fits", pool.Config{Uses: 5}, func(k *kit) {
			k.register("tcp 192.0.2.1:1", "obfs4|ws 192.0.2.1:2", "192.0.2.1:3", "[2001:db8::1]:4", "192.0.2.1:5")
			k.take(want("ws/4 ws/6"), "192.0.2.1:3")
			k.take(want("ws/6 ws/4"), "192.0.2.1:3")
			k.take(want("ws/6"), "[2001:db8::1]:4")
			k.take(want("ws/4 obfs4|ws/4"), "obfs4|ws 192.0.2.1:2")
			k.take(want("ws/4 tcp/4"), "tcp 192.0.2.1:1")
			k.stats(0, 0)
		}},
		{"one address, several transports", pool.Config{Uses: 2}, func(k *kit) {
			k.register("tcp 192.0.2.1:1", "192.0.2.1:1", "192.0.2.1:1")
			k.stats(1, 0)
			k.take(ws(), "192.0.2.1:1")
			k.take(want("ws/4 tcp/4"), "tcp 192.0.2.1:1")
			k.none(want("ws/4 tcp/4"))
		}},
		{"to hand out one endpoint uses up all", pool.Config{}, func(k *kit) {
			k.register("tcp 192.0.2.1:1", "192.0.2.1:2", "[2001:db8::1]:3")
			k.take(ws(), "192.0.2.1:2")
			k.none(want("ws/4 tcp/4 ws/6"))
			k.stats(0, 0)
		}},
		{"v4-mapped is IPv4", pool.Config{}, func(k *kit) {
			k.register("[::ffff:192.0.2.1]:1")
			k.none(want("ws/6"))
			c, err := k.pool.Claim(k.Context(), ws())
			if err != nil || c.Endpoint.Addr.Addr().Unmap().String() != "192.0.2.1" {
				k.Fatalf("claim: %v, %v", c.Endpoint, err)
			}
		}},
	}
	for _, endpoint := range []string{"192.0.2.1:1", "[2001:db8::1]:1", "tcp 192.0.2.1:1", "obfs4|ws 192.0.2.1:1", "obfs3|obfs4|ws 192.0.2.1:1"} {
		for _, c := range []string{"ws/4", "ws/6", "tcp/4", "tcp/6", "obfs4|ws/4", "obfs4|ws/6", "obfs3|obfs4|ws/4", "obfs3|ws/4", "WS/4"} {
			tests = append(tests, fitTest(endpoint, c))
		}
	}
	return tests
}

// fitTest tests whether a poll for a class gets an endpoint exactly when it
// should, at once and when it waits.
func fitTest(e, c string) test {
	return test{fmt.Sprintf("%s for %s", e, c), pool.Config{}, func(k *kit) {
		k.register(e)
		if pool.ClassOf(endpoint(e)) == class(c) {
			k.take(want(c), e)
			p := k.start(waiting(want(c), 20*k.h.Unit), 1)
			k.register(e)
			p.gets(e)
			return
		}
		k.none(want(c))
		p := k.start(waiting(want(c), 20*k.h.Unit), 1)
		k.register(e)
		k.stats(1, 1)
		p.cancel()
		p.fails(context.Canceled)
	}}
}

// servedTests: who is served already comes last.
func servedTests() []test {
	first := "192.0.2.1:1"
	three := func(k *kit) {
		k.register(first)
		k.register("192.0.2.2:1")
		k.register("tcp 192.0.2.3:1", "192.0.2.3:2")
	}
	return []test{
		{"the oldest", pool.Config{}, func(k *kit) {
			three(k)
			k.take(serving(ws(), first), "192.0.2.2:1")
			k.take(serving(ws(), first), "192.0.2.3:2")
			k.take(serving(ws(), first), first)
		}},
		{"all: the oldest first", pool.Config{}, func(k *kit) {
			three(k)
			w := serving(ws(), "192.0.2.3:2", "192.0.2.2:1", first, first)
			k.take(w, first)
			k.take(w, "192.0.2.2:1")
			k.take(w, "192.0.2.3:2")
			k.none(w)
		}},
		{"by an endpoint that does not fit", pool.Config{}, func(k *kit) {
			k.register("tcp 192.0.2.3:1", "192.0.2.3:2")
			k.register(first)
			k.take(serving(ws(), "192.0.2.3:1"), first)
			k.take(serving(ws(), "192.0.2.3:1"), "192.0.2.3:2")
		}},
		{"another port is another client", pool.Config{}, func(k *kit) {
			three(k)
			k.take(serving(ws(), "192.0.2.1:2"), first)
		}},
		{"v4-mapped", pool.Config{}, func(k *kit) {
			three(k)
			k.take(serving(ws(), "[::ffff:192.0.2.1]:1"), "192.0.2.2:1")
		}},
		{"of another class: no matter", pool.Config{}, func(k *kit) {
			three(k)
			k.take(serving(want("tcp/4"), first, "198.51.100.1:1"), "tcp 192.0.2.3:1")
		}},
		{"hundreds", pool.Config{}, func(k *kit) {
			w := want("ws/4 tcp/4")
			for i := range 256 {
				e := fmt.Sprintf("192.0.2.1:%d", i+1)
				w = serving(w, e)
				k.register(e)
			}
			k.register("192.0.2.2:1")
			k.take(w, "192.0.2.2:1")
			k.take(w, first)
		}},
	}
}
