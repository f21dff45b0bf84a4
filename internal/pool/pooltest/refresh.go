package pooltest

import (
	"fmt"

	"flashproxy/internal/pool"
)

// refreshTests: to register an address again replaces what it waited with.
func refreshTests(h Harness) []test {
	return append(againTests(h), mergeTests()...)
}

// two registers two clients.
func two(k *kit) {
	k.register("192.0.2.1:1")
	k.register("192.0.2.2:1")
}

// againTests: a client that is the same but for its transports.
func againTests(h Harness) []test {
	return []test{
		{"never twice", pool.Config{}, func(k *kit) {
			for range 5 {
				k.register("192.0.2.1:1")
				k.stats(1, 0)
			}
			k.take(ws(), "192.0.2.1:1")
			k.none(ws())
		}},
		{"another port is another address", pool.Config{}, func(k *kit) {
			two(k)
			k.register("192.0.2.1:2")
			k.stats(3, 0)
		}},
		{"the new age: order", pool.Config{}, func(k *kit) {
			two(k)
			k.register("192.0.2.1:1")
			k.take(ws(), "192.0.2.2:1")
			k.take(ws(), "192.0.2.1:1")
		}},
		{"the new age: expiry", pool.Config{TTL: 4 * h.Unit}, func(k *kit) {
			two(k)
			k.sleep(3 * k.h.Unit)
			k.register("192.0.2.1:1")
			k.sleep(3 * k.h.Unit)
			k.stats(1, 0)
			k.take(ws(), "192.0.2.1:1")
		}},
		{"the new transports", pool.Config{}, func(k *kit) {
			two(k)
			k.register("tcp 192.0.2.1:1")
			k.take(ws(), "192.0.2.2:1")
			k.none(ws())
			k.take(want("tcp/4"), "tcp 192.0.2.1:1")
		}},
		{"all uses", pool.Config{Uses: 3}, func(k *kit) {
			k.register("192.0.2.1:1")
			k.take(ws(), "192.0.2.1:1")
			k.take(ws(), "192.0.2.1:1")
			k.register("192.0.2.1:1")
			for range 3 {
				k.take(ws(), "192.0.2.1:1")
			}
			k.none(ws())
		}},
	}
}

// mergeTests: addresses that are shared in other ways, and what else a refresh
// meets.
func mergeTests() []test {
	return []test{
		{"v4-mapped is the same", pool.Config{}, func(k *kit) {
			two(k)
			k.register("[::ffff:192.0.2.2]:1")
			k.stats(2, 0)
		}},
		{"one shared address: the others are forgotten", pool.Config{}, func(k *kit) {
			k.register("192.0.2.1:1", "tcp 192.0.2.1:2", "[2001:db8::1]:1")
			k.register("192.0.2.1:1", "tcp 192.0.2.1:3")
			k.none(want("ws/6"))
			k.take(want("tcp/4"), "tcp 192.0.2.1:3")
			k.stats(0, 0)
			k.register("192.0.2.1:2") // belongs to nobody any more
			k.stats(1, 0)
		}},
		{"several merge into one", pool.Config{}, func(k *kit) {
			k.register("192.0.2.1:1", "192.0.2.1:2")
			k.register("192.0.2.2:1")
			k.register("192.0.2.3:1", "tcp 192.0.2.3:2")
			k.register("tcp 192.0.2.1:2", "192.0.2.9:9", "192.0.2.3:2")
			k.stats(2, 0)
			k.take(ws(), "192.0.2.2:1")
			k.take(ws(), "192.0.2.9:9")
			k.stats(0, 0)
		}},
		{"never full", pool.Config{MaxRegistrations: 2}, func(k *kit) {
			two(k)
			for i := range 3 {
				k.register("192.0.2.1:1", fmt.Sprintf("tcp 192.0.2.1:%d", i+2))
				k.register("192.0.2.2:1")
			}
			k.stats(2, 0)
		}},
		{"while claimed: a commit", pool.Config{}, whileClaimed((*kit).commit)},
		{"while claimed: a release", pool.Config{}, whileClaimed((*kit).release)},
		{"to a poll that waits", pool.Config{}, func(k *kit) {
			k.register("192.0.2.1:1")
			held := k.claim(ws(), "192.0.2.1:1")
			p := k.start(waiting(ws(), 20*k.h.Unit), 1)
			k.register("192.0.2.1:1")
			k.commit(p.gets("192.0.2.1:1"))
			k.release(held)
			k.stats(0, 0)
		}},
	}
}

// whileClaimed tests that what ends a claim does nothing to what has replaced
// the claimed registration: neither takes one of its uses nor gives it one.
func whileClaimed(end func(*kit, pool.Claim)) func(*kit) {
	return func(k *kit) {
		k.register("192.0.2.1:1")
		before := k.claim(ws(), "192.0.2.1:1")
		k.none(ws())
		k.register("192.0.2.1:1")
		after := k.claim(ws(), "192.0.2.1:1")
		end(k, before)
		k.stats(1, 0)
		k.none(ws())
		k.release(after)
		k.take(ws(), "192.0.2.1:1")
		k.none(ws())
	}
}
