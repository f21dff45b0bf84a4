package pooltest

import (
	"fmt"
	"time"

	"flashproxy/internal/pool"
)

// expiryTests: nobody waits longer than TTL.
func expiryTests(h Harness) []test {
	ttl := 4 * h.Unit
	config := pool.Config{TTL: ttl, Uses: 2, MaxRegistrations: 3}
	return append(claimedExpiryTests(ttl, config), []test{
		{"to the moment", config, func(k *kit) {
			k.register("192.0.2.1:1")
			k.sleep(ttl - h.Tick)
			k.release(k.claim(ws(), "192.0.2.1:1"))
			k.stats(1, 0)
			k.sleep(h.Tick)
			k.none(ws())
			k.stats(0, 0)
		}},
		{"each at its time", config, func(k *kit) {
			for i := range 3 {
				k.register(fmt.Sprintf("192.0.2.%d:1", i))
				k.sleep(h.Unit)
			}
			for i := range 3 {
				k.stats(3-i, 0)
				k.release(k.claim(ws(), fmt.Sprintf("192.0.2.%d:1", i)))
				k.sleep(h.Unit)
			}
			k.stats(0, 0)
		}},
		{"makes room", config, func(k *kit) {
			k.register("192.0.2.1:1")
			k.sleep(h.Unit)
			k.register("192.0.2.2:1")
			k.register("192.0.2.3:1")
			k.sleep(ttl - h.Unit)
			k.register("192.0.2.4:1")
			k.take(ws(), "192.0.2.2:1")
			k.stats(3, 0)
		}},
		{"a new one is a new one", config, func(k *kit) {
			k.register("192.0.2.1:1")
			k.take(ws(), "192.0.2.1:1")
			k.sleep(ttl)
			k.register("192.0.2.1:1")
			k.take(ws(), "192.0.2.1:1")
			k.take(ws(), "192.0.2.1:1")
			k.stats(0, 0)
		}},
	}...)
}

// claimedExpiryTests: it does not matter who holds what expires.
func claimedExpiryTests(ttl time.Duration, config pool.Config) []test {
	return []test{
		{"while claimed: a commit", config, func(k *kit) {
			k.register("192.0.2.1:1")
			c := k.claim(ws(), "192.0.2.1:1")
			k.sleep(ttl)
			k.stats(0, 0)
			k.register("192.0.2.1:1")
			k.commit(c)
			k.take(ws(), "192.0.2.1:1")
			k.take(ws(), "192.0.2.1:1")
			k.none(ws())
		}},
		{"while claimed: a release", config, func(k *kit) {
			k.register("192.0.2.1:1")
			c := k.claim(ws(), "192.0.2.1:1")
			p := k.start(waiting(want("tcp/4"), 2*ttl), 1)
			k.sleep(ttl)
			k.register("tcp 192.0.2.2:1")
			p.gets("tcp 192.0.2.2:1")
			k.release(c)
			k.none(ws())
		}},
		{"nothing that has expired is released to a poll", config, func(k *kit) {
			k.register("192.0.2.1:1")
			a, b := k.claim(ws(), "192.0.2.1:1"), k.claim(ws(), "192.0.2.1:1")
			p := k.start(waiting(ws(), 2*ttl), 1)
			k.sleep(ttl)
			k.release(a)
			k.release(b)
			k.stats(0, 1)
			k.register("192.0.2.2:1")
			p.gets("192.0.2.2:1")
		}},
	}
}
