package pooltest

import (
	"fmt"

	"flashproxy/internal/pool"
)

// useTests: each registration is given Uses times.
func useTests(h Harness) []test {
	var tests []test
	for _, uses := range []int{1, 2, 5} {
		for _, t := range usesTests(uses) {
			tests = append(tests, test{
				fmt.Sprintf("%d/%s", uses, t.name),
				pool.Config{Uses: uses, TTL: 4 * h.Unit},
				func(k *kit) { two(k); t.run(k) },
			})
		}
	}
	return append(tests, placeTests()...)
}

// usesTests: what is the same for any number of uses, with two clients.
func usesTests(uses int) []test {
	const first, second = "192.0.2.1:1", "192.0.2.2:1"
	all := func(k *kit) (claims []pool.Claim) {
		for range uses {
			claims = append(claims, k.claim(ws(), first))
		}
		return claims
	}
	return []test{
		{name: "one after the other", run: func(k *kit) {
			for range uses {
				k.stats(2, 0)
				k.take(ws(), first)
			}
			k.stats(1, 0)
			k.take(ws(), second)
		}},
		{name: "all at once", run: func(k *kit) {
			claims := all(k)
			k.claim(ws(), second)
			for _, c := range claims {
				k.stats(2, 0) // what is claimed waits still
				k.commit(c)
			}
			k.stats(1, 0)
		}},
		{name: "released", run: func(k *kit) {
			claims := all(k)
			last := k.claim(ws(), second)
			k.release(claims[0])
			claims[0] = k.claim(ws(), first) // where it was: before the second
			k.release(last)
			for _, c := range claims {
				k.release(c)
			}
			k.stats(2, 0)
			for range uses {
				k.take(ws(), first)
			}
			k.take(ws(), second)
		}},
		{name: "released with its age", run: func(k *kit) {
			c := k.claim(ws(), first)
			k.sleep(3 * k.h.Unit)
			k.release(c)
			k.sleep(k.h.Unit)
			k.stats(0, 0)
		}},
	}
}

// placeTests: a use that was released is where it was.
func placeTests() []test {
	four := func(k *kit) {
		for i := range 4 {
			k.register(fmt.Sprintf("192.0.2.%d:1", i), fmt.Sprintf("tcp 192.0.2.%d:2", i))
		}
	}
	return []test{
		{"released in the middle", pool.Config{}, func(k *kit) {
			four(k)
			a, b, c := k.claim(ws(), "192.0.2.0:1"), k.claim(ws(), "192.0.2.1:1"), k.claim(ws(), "192.0.2.2:1")
			k.release(b)
			k.take(want("tcp/4"), "tcp 192.0.2.1:2")
			k.release(c)
			k.release(a)
			k.take(want("tcp/4"), "tcp 192.0.2.0:2")
			k.take(ws(), "192.0.2.2:1")
			k.take(ws(), "192.0.2.3:1")
		}},
		{"released when all are held", pool.Config{}, func(k *kit) {
			four(k)
			var held []pool.Claim
			for i := range 4 {
				held = append(held, k.claim(ws(), fmt.Sprintf("192.0.2.%d:1", i)))
			}
			k.none(ws())
			k.register("192.0.2.9:1")
			k.release(held[3])
			k.release(held[1])
			k.commit(held[0])
			k.take(ws(), "192.0.2.1:1")
			k.take(ws(), "192.0.2.3:1")
			k.take(ws(), "192.0.2.9:1")
			k.release(held[2])
			k.take(ws(), "192.0.2.2:1")
		}},
	}
}
