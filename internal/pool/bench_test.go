package pool_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// crowd is a pool in which many wait, and a source of clients that are not there.
type crowd struct {
	*pool.Memory
	next uint32
	reg  registration.Registration
}

func newCrowd(b *testing.B, c pool.Config) *crowd {
	c.MaxRegistrations, c.MaxWaiting = 4_000_000, 1_000_000
	m := &crowd{Memory: pool.NewMemory(c)}
	b.Cleanup(func() { m.Close() })
	m.reg.Endpoints = make([]registration.Endpoint, 1)
	return m
}

// transport gives one of the transports that differ by class.
func transport(class int) registration.Transport {
	return registration.Transport{Inner: fmt.Sprint(class), Outer: "websocket"}
}

func wantClass(class int) pool.Want {
	return pool.Want{Classes: []pool.Class{{Transport: transport(class), Family: pool.Family4}}}
}

// register lets a new client come. Its address is spread, as those of clients are.
func (m *crowd) register(b *testing.B, t registration.Transport) {
	m.next++
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], m.next*2654435761) // an odd factor: no address comes twice
	m.reg.Endpoints[0] = registration.Endpoint{Addr: netip.AddrPortFrom(netip.AddrFrom4(a), 9000), Transport: t}
	if err := m.Register(b.Context(), m.reg); err != nil {
		b.Fatal(err)
	}
}

// match is one of each: a client comes, a poll gets the oldest, and has it.
func (m *crowd) match(b *testing.B, t registration.Transport, w pool.Want) {
	m.register(b, t)
	c, err := m.Claim(b.Context(), w)
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Commit(b.Context(), c); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkMatch is one match while others wait in the same class, or in a
// hundred other classes.
func BenchmarkMatch(b *testing.B) {
	for _, where := range []string{"same", "others"} {
		for _, others := range []int{0, 1_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s=%d", where, others), func(b *testing.B) {
				m := newCrowd(b, pool.Config{})
				var classes [100]registration.Transport
				for i := range classes {
					classes[i] = transport(0)
					if where == "others" {
						classes[i] = transport(i + 1)
					}
				}
				for i := range others {
					m.register(b, classes[i%len(classes)])
				}
				t, w := transport(0), wantClass(0)
				b.ReportAllocs()
				for b.Loop() {
					m.match(b, t, w)
				}
			})
		}
	}
}

// BenchmarkMatchHeld is one match while so many claims are held by others, all
// older.
func BenchmarkMatchHeld(b *testing.B) {
	for _, held := range []int{0, 10_000} {
		b.Run(fmt.Sprint(held), func(b *testing.B) {
			m := newCrowd(b, pool.Config{})
			t, w := transport(0), wantClass(0)
			for range held {
				m.register(b, t)
				if _, err := m.Claim(b.Context(), w); err != nil {
					b.Fatal(err)
				}
			}
			m.register(b, t)
			for b.Loop() {
				m.match(b, t, w)
			}
		})
	}
}

// BenchmarkMatchWaiting is one match while polls wait: for the same class, of
// whom one gets it and begins to wait anew; or for a hundred other classes.
func BenchmarkMatchWaiting(b *testing.B) {
	for _, polls := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("same=%d", polls), func(b *testing.B) {
			m := newCrowd(b, pool.Config{})
			matched := make(chan struct{})
			m.wait(b, polls, func(int) pool.Want { return wantClass(0) }, matched)
			t := transport(0)
			b.ReportAllocs()
			for b.Loop() {
				m.register(b, t)
				<-matched
			}
		})
		b.Run(fmt.Sprintf("others=%d", polls), func(b *testing.B) {
			m := newCrowd(b, pool.Config{})
			m.wait(b, polls, func(i int) pool.Want { return wantClass(1 + i%100) }, nil)
			t, w := transport(0), wantClass(0)
			b.ReportAllocs()
			for b.Loop() {
				m.match(b, t, w)
			}
		})
	}
}

// BenchmarkMatchServed is the worst that polls can do: all list the client, and
// hundreds besides.
func BenchmarkMatchServed(b *testing.B) {
	m := newCrowd(b, pool.Config{})
	w := wantClass(0)
	for i := range 255 {
		w.Served = append(w.Served, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), uint16(i+1)))
	}
	client := netip.MustParseAddrPort("198.51.100.1:9000")
	w.Served = append(w.Served, client)
	matched := make(chan struct{})
	m.wait(b, 200, func(int) pool.Want { return w }, matched)
	m.reg.Endpoints[0] = registration.Endpoint{Addr: client, Transport: transport(0)}
	for b.Loop() {
		if err := m.Register(b.Context(), m.reg); err != nil {
			b.Fatal(err)
		}
		<-matched
	}
}

// wait makes polls wait, which say what they get on matched and begin anew.
func (m *crowd) wait(b *testing.B, polls int, want func(int) pool.Want, matched chan<- struct{}) {
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	b.Cleanup(func() { cancel(); wg.Wait() })
	for i := range polls {
		w := want(i)
		w.Wait = time.Hour
		wg.Go(func() {
			for {
				c, err := m.Claim(ctx, w)
				if err != nil {
					return
				}
				if err := m.Commit(ctx, c); err != nil {
					return
				}
				select {
				case matched <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	for {
		s, err := m.Stats(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if s.Polls == polls {
			return
		}
		runtime.Gosched()
	}
}

// BenchmarkMemory is what one waiting registration with one endpoint takes of
// the heap.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	for b.Loop() {
		m := newCrowd(b, pool.Config{})
		before := heap()
		for range n {
			m.register(b, transport(0))
		}
		b.ReportMetric(float64(heap()-before)/n, "B/registration")
		m.Close()
	}
}
