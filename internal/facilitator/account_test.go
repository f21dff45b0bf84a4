package facilitator

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// ring is tables that follow each other, as those of a Server do, and who is given what
// of them.
type ring struct {
	t     *testing.T
	table *table
	watch watch
}

func newRing(t *testing.T, lines ...string) *ring {
	r := &ring{t: t, watch: newWatch()}
	r.load(lines...)
	t.Cleanup(func() { r.table.replace() })
	return r
}

// load is a relay file with these lines.
func (r *ring) load(lines ...string) {
	r.t.Helper()
	relays, err := registration.ParseRelays(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		r.t.Fatal(err)
	}
	old := r.table
	r.table = newTable(context.Background(), relays, nil, old)
	if old != nil {
		old.replace()
	}
}

// give gives a source one relay and tells of it by its line.
func (r *ring) give(from netip.Addr, outers ...string) int {
	if outers == nil {
		outers = []string{"websocket"}
	}
	relay, _ := r.table.pick("", outers, pool.FamilyOf(from), r.watch.sight(from))
	return relay.Line
}

// given counts n givings to one source by line, from 1.
func (r *ring) given(n int, outers ...string) map[int]int {
	counts := make(map[int]int)
	for range n {
		counts[r.give(proxy4.Addr(), outers...)]++
	}
	return counts
}

func (r *ring) want(what string, got, want map[int]int) {
	r.t.Helper()
	if !reflect.DeepEqual(got, want) {
		r.t.Errorf("%s: given by line %v, want %v", what, got, want)
	}
}

func TestWeights(t *testing.T) {
	r := newRing(t, "websocket 1.0.0.1", "websocket 1.0.0.2 weight=2", "websocket 1.0.0.3 weight=5")
	for round := range 1000 {
		r.want("a round", r.given(8), map[int]int{1: 1, 2: 2, 3: 5})
		if t.Failed() {
			t.Fatal(round)
		}
	}
	r = newRing(t, "websocket 1.0.0.1 weight=1000", "websocket 1.0.0.2 weight=999", "websocket 1.0.0.3 weight=7")
	r.want("large weights", r.given(20060), map[int]int{1: 10000, 2: 9990, 3: 70})
}

// Whatever the weights are, nobody is ever more than one giving ahead of its share, and in
// the end it is exact.
func TestSharesAreExact(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		weights, sum := make([]int, 1+rnd.IntN(6)), 0
		for i := range weights {
			weights[i] = 1 + rnd.IntN(40)
			sum += weights[i]
		}
		shares, counts := make([]share, len(weights)), make([]int, len(weights))
		for n := range 3 * sum {
			best := 0
			for i := range shares {
				if shares[i].less(weights[i], shares[best], weights[best]) {
					best = i
				}
			}
			shares[best] = shares[best].plus(1, weights[best])
			counts[best]++
			// Before it, the least of all was at n/sum rounds at most.
			if (counts[best]-1)*sum > n*weights[best] {
				t.Fatalf("weights %v: after %d givings %v", weights, n+1, counts)
			}
		}
		for i, w := range weights {
			if counts[i] != 3*w {
				t.Fatalf("weights %v: after three rounds %v", weights, counts)
			}
		}
	}
}

func TestSharesOutliveTheFile(t *testing.T) {
	r := newRing(t, "websocket 1.0.0.1", "websocket 1.0.0.2")
	r.given(1001)
	r.load("", "websocket 1.0.0.2", "websocket 1.0.0.1") // lines 2 and 3
	r.want("who was behind is first", r.given(1), map[int]int{2: 1})
	r.want("and then all is even", r.given(100), map[int]int{2: 50, 3: 50})

	r.load("websocket 1.0.0.3", "websocket 1.0.0.2", "websocket 1.0.0.1")
	r.want("a new one is one of three", r.given(300), map[int]int{1: 100, 2: 100, 3: 100})

	r.load("websocket 1.0.0.3 weight=2", "websocket 1.0.0.2", "websocket 1.0.0.1 weight=3")
	r.want("other weights", r.given(600), map[int]int{1: 200, 2: 100, 3: 300})

	r.load("websocket 1.0.0.1")
	r.load("websocket 1.0.0.1", "websocket 1.0.0.2")
	r.want("one that was away for a while", r.given(100), map[int]int{1: 50, 2: 50})
}

// A relay that is new has its turn also where others are reached otherwise, and were given
// less: the few who have IPv6, or none yet.
func TestNewRelayOfAnotherKind(t *testing.T) {
	r := newRing(t, "websocket 1.0.0.1", "websocket [2620:fe::1]")
	r.given(1000)
	r.give(proxy6.Addr())
	r.load("websocket 1.0.0.1", "websocket [2620:fe::1]", "websocket 1.0.0.2")
	r.want("beside a rare one", r.given(100), map[int]int{1: 50, 3: 50})

	r.load("websocket 1.0.0.1", "websocket [2620:fe::1]", "websocket 1.0.0.2", "wss relay.example")
	r.want("the first of its kind", r.given(1000, "websocket", "wss"), map[int]int{1: 334, 3: 333, 4: 333})
	r.want("who can take only that", r.given(10, "wss"), map[int]int{4: 10})
}

// somebody is the nth of many proxies, each in a network of its own.
func somebody(n int) netip.Addr { return netip.AddrFrom4([4]byte{9, byte(n >> 8), byte(n), 7}) }

// dead is a relay that nobody reaches: whoever was given it reports it in the next poll.
type dead struct {
	addr registration.RelayAddr
	line int
}

// polls lets each of n proxies poll once, a second apart in all, and tells what they were
// given. Those that get the dead one say so, at once.
func (r *ring) polls(n int, d *dead) map[int]int {
	counts := make(map[int]int)
	for i := range n {
		from := somebody(i)
		line := r.give(from)
		counts[line]++
		if d != nil && line == d.line {
			r.table.report(r.watch.sight(from), []registration.RelayAddr{d.addr})
		}
		time.Sleep(time.Second)
	}
	return counts
}

func relayAt(t *testing.T, s string) registration.RelayAddr {
	t.Helper()
	a, err := registration.ParseRelayAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestDeadRelay: two relays, one of which dies, and comes back.
func TestDeadRelay(t *testing.T) {
	for _, proxies := range []int{12, 50, 300} {
		synctest.Test(t, func(t *testing.T) {
			r := newRing(t, "websocket 1.0.0.1", "websocket 1.0.0.2")
			r.want("while all is well", r.polls(proxies, nil), map[int]int{1: proxies / 2, 2: proxies / 2})
			d := &dead{relayAt(t, "1.0.0.2:9902"), 2}
			for range 1 + 400/proxies { // until it is known: a third of all sources
				r.polls(proxies, d)
			}
			var got, all int
			for range 1 + 300/proxies {
				counts := r.polls(proxies, d)
				got, all = got+counts[2], all+counts[1]+counts[2]
			}
			if got*10 > all || got == 0 {
				t.Errorf("%d proxies: a dead relay is given %d of %d times", proxies, got, all)
			}
			time.Sleep(healthSteps * healthStep)
			r.polls(proxies, nil)
			counts := r.polls(1000, nil)
			if counts[1] != 500 {
				t.Errorf("%d proxies: it is back, and given by line %v", proxies, counts)
			}
		})
	}
}

// makeSuspect has the relay at addr, which was given to them all, reported by many.
func (r *ring) makeSuspect(addr string) {
	r.t.Helper()
	for i := range 20 {
		r.table.report(r.watch.sight(somebody(i)), []registration.RelayAddr{relayAt(r.t, addr)})
	}
}

// A relay that is back does not wait until the others have had what it was charged with.
func TestRecoveredRelayIsNotInDebt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, "websocket 1.0.0.1 weight=1000", "websocket 1.0.0.2")
		for range 20_020 / 20 {
			for i := range 20 {
				r.give(somebody(i))
			}
		}
		r.makeSuspect("1.0.0.2:9902")
		r.want("suspect, and given once", r.given(1), map[int]int{1: 1})
		for r.give(proxy4.Addr()) != 2 {
		}
		time.Sleep(healthSteps * healthStep)
		if counts := r.given(2002); counts[2] < 2 {
			t.Errorf("recovered, and given by line %v", counts)
		}
	})
}

// Nor does it lose what it has to come.
func TestRecoveredRelayKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, "websocket 1.0.0.1", "wss 1.0.0.2")
		for i := range 20 {
			r.give(somebody(i), "wss")
		}
		r.makeSuspect("1.0.0.2:9902")
		r.given(1000) // only the other can be
		time.Sleep(healthSteps * healthStep)
		r.want("it is far behind", r.given(900, "websocket", "wss"), map[int]int{2: 900})
	})
}

// When all are reported, all are given as if none were.
func TestAllDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := []string{"websocket 1.0.0.1", "websocket 1.0.0.2 weight=2", "websocket 1.0.0.3 weight=5"}
		r := newRing(t, lines...)
		all := []registration.RelayAddr{relayAt(t, "1.0.0.1:9902"), relayAt(t, "1.0.0.2:9902"), relayAt(t, "1.0.0.3:9902")}
		for range 16 {
			for i := range 20 {
				r.give(somebody(i))
			}
		}
		for i := range 20 {
			r.table.report(r.watch.sight(somebody(i)), all)
		}
		for line, relay := range r.table.byInner[""] {
			if !relay.health.suspect {
				t.Errorf("line %d is not suspect", line+1)
			}
		}
		r.want("all are suspect", r.given(8000), map[int]int{1: 1000, 2: 2000, 3: 5000})
	})
}

// The history of a relay is not lost with the file's old version.
func TestSuspicionOutlivesTheFile(t *testing.T) {
	r := newRing(t, "websocket 1.0.0.1", "websocket 1.0.0.2")
	for i := range 20 {
		r.give(somebody(i))
	}
	r.makeSuspect("1.0.0.2:9902")
	r.load("websocket 1.0.0.2", "websocket 1.0.0.3", "websocket 1.0.0.1")
	if counts := r.given(330); counts[1] != 10 || counts[2] != 160 || counts[3] != 160 {
		t.Errorf("given by line %v", counts)
	}
}

// Polls, reports and new files come at any time, and from anywhere.
func TestSetRelaysMeanwhile(t *testing.T) {
	s := New(Config{Outers: []string{"websocket"}})
	defer s.Stop()
	addr := relayAt(t, "1.0.0.1:9902")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			q := &question{outers: []string{"websocket"}, family: pool.Family4, source: somebody(i)}
			for range 1000 {
				s.pick("", q)
				s.reported(q.source, []registration.RelayAddr{addr})
			}
		})
	}
	for n := range 200 {
		s.SetRelays([]registration.Relay{{Transport: registration.Transport{Outer: "websocket"}, Addr: addr, Weight: 1 + n%9}})
	}
	wg.Wait()
	if relay := s.pick("", &question{outers: []string{"websocket"}, family: pool.Family4}); relay == nil || relay.Addr != addr {
		t.Errorf("given %v", relay)
	}
}

// One source changes nothing by what it reports, however often, of whom, and whatever the
// others do that is not reporting.
func TestOneLiarChangesNothing(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 3))
			lines := []string{"websocket 1.0.0.1 weight=3", "websocket 1.0.0.2", "websocket 1.0.0.3 weight=2", "websocket [2620:fe::1]", "tcp 1.0.0.2:9902"}
			lines = lines[:2+rnd.IntN(4)]
			var relays []registration.RelayAddr
			for _, l := range lines {
				addr, _, _ := strings.Cut(strings.Fields(l)[1], " ")
				if !strings.HasSuffix(addr, ":9902") {
					addr += ":9902"
				}
				relays = append(relays, relayAt(t, addr))
			}
			quiet, lied := newRing(t, lines...), newRing(t, lines...)
			for range 2000 {
				// The liar has all addresses of one network.
				from := netip.AddrFrom4([4]byte{9, 1, 1, byte(rnd.IntN(256))})
				if rnd.IntN(4) == 0 {
					from = somebody(rnd.IntN(6))
				}
				for range rnd.IntN(3) {
					liar := netip.AddrFrom4([4]byte{9, 1, 1, byte(rnd.IntN(256))})
					rnd.Shuffle(len(relays), func(i, j int) { relays[i], relays[j] = relays[j], relays[i] })
					if changed := lied.table.report(lied.watch.sight(liar), relays); changed != nil {
						t.Fatalf("seed %d: changed %v", seed, changed)
					}
				}
				if a, b := quiet.give(from, "websocket", "tcp"), lied.give(from, "websocket", "tcp"); a != b {
					t.Fatalf("seed %d: a liar made line %d of %d", seed, b, a)
				}
				if rnd.IntN(10) == 0 {
					time.Sleep(time.Duration(rnd.Int64N(int64(2 * healthStep))))
				}
			}
		})
	}
}

// What it costs to choose a relay for a match: for sources that come again, and for more
// than are remembered.
func BenchmarkPick(b *testing.B) {
	for name, sources := range map[string]int{"few sources": 100, "many sources": 1 << 16} {
		b.Run(name, func(b *testing.B) {
			relays, err := registration.ParseRelays(strings.NewReader("websocket 1.0.0.1\nwebsocket 1.0.0.2\nwebsocket 1.0.0.3"))
			if err != nil {
				b.Fatal(err)
			}
			table, w, outers := newTable(context.Background(), relays, nil, nil), newWatch(), []string{"websocket"}
			defer table.replace()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				from := somebody(n % sources)
				n++
				table.pick("", outers, pool.FamilyOf(from), w.sight(from))
			}
		})
	}
}
