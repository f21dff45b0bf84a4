package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// waitingPool is a pool in which many wait, within this process.
type waitingPool struct {
	*pool.Memory
	next uint32
}

func newWaitingPool(ctx context.Context, n int) (*waitingPool, error) {
	p := &waitingPool{Memory: pool.NewMemory(pool.Config{MaxRegistrations: 4_000_000, Uses: 1})}
	for range n {
		if err := p.register(ctx); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

func plainTor() registration.Transport {
	return registration.Transport{Outer: registration.DefaultOuter}
}

// register lets a new client come. Its address is spread, as those of clients are.
func (p *waitingPool) register(ctx context.Context) error {
	p.next++
	a := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, p.next*2654435761))) // odd: no address comes twice
	return p.Register(ctx, registration.Registration{Endpoints: []registration.Endpoint{
		{Addr: netip.AddrPortFrom(a, 9000), Transport: plainTor()},
	}})
}

// match is one of each: a client comes, and a poll takes the oldest.
func (p *waitingPool) match(ctx context.Context) error {
	if err := p.register(ctx); err != nil {
		return err
	}
	c, err := p.Claim(ctx, pool.Want{Classes: []pool.Class{{Transport: plainTor(), Family: pool.Family4}}})
	if err != nil {
		return err
	}
	return p.Commit(ctx, c)
}

// matches measures n matches, in microseconds each.
func (p *waitingPool) matches(n int) measurement {
	return func(ctx context.Context) ([]float64, error) {
		start := time.Now()
		for range n {
			if err := p.match(ctx); err != nil {
				return nil, err
			}
		}
		return []float64{time.Since(start).Seconds() * 1e6 / float64(n)}, nil
	}
}

// poolMatch is how the cost of a match grows with those that wait, and what each
// that waits takes of the heap.
func poolMatch(ctx context.Context, b *bench) ([]line, error) {
	few, err := newWaitingPool(ctx, 1000)
	if err != nil {
		return nil, err
	}
	defer few.Close()
	var lines []line
	for _, n := range []int{100_000, 1_000_000} {
		before := heap()
		many, err := newWaitingPool(ctx, n)
		if err != nil {
			return nil, err
		}
		size := (heap() - before) / float64(n)
		y, o, err := b.compare(ctx, few.matches(pick(b, 100_000, 20_000)), many.matches(pick(b, 100_000, 20_000)))
		many.Close()
		if err != nil {
			return nil, err
		}
		lines = append(lines, line{what: fmt.Sprintf("pool match, %d to 1000 waiting", n), unit: "us", yard: y[0], ours: o[0], goal: atMost(2)})
		if n == 1_000_000 {
			lines = append(lines, line{what: fmt.Sprintf("pool, heap of each of %d waiting", n), unit: "B", ours: []float64{size}, goal: atMost(400).itself()})
		}
	}
	return lines, nil
}

// heap is what is alive of this process's.
func heap() float64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc)
}
