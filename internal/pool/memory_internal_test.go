package pool

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/registration"
)

var websocket = registration.Transport{Outer: "websocket"}

// client is a registration with n endpoints of its own.
func client(i, n int) registration.Registration {
	var reg registration.Registration
	for j := range n {
		addr := netip.AddrFrom4([4]byte{198, byte(i >> 16), byte(i >> 8), byte(i)})
		reg.Endpoints = append(reg.Endpoints, registration.Endpoint{Addr: netip.AddrPortFrom(addr, uint16(j+1)), Transport: websocket})
	}
	return reg
}

func register(t *testing.T, m *Memory, reg registration.Registration) {
	t.Helper()
	if err := m.Register(t.Context(), reg); err != nil {
		t.Fatalf("register: %v", err)
	}
}

var websocket4 = Want{Classes: []Class{{websocket, Family4}}}

// sizes gives the lengths of all that grows: registrations, addresses, classes, polls.
func (m *Memory) sizes() [4]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return [4]int{m.count, m.byAddr.count, len(m.byClass), m.waiting}
}

// TestMemoryEndsOnce: a claim ends once, and in its own pool.
func TestMemoryEndsOnce(t *testing.T) {
	m, other := NewMemory(Config{Uses: 3}), NewMemory(Config{})
	defer m.Close()
	defer other.Close()
	register(t, m, client(1, 1))
	register(t, other, client(1, 1))
	c, err := m.Claim(t.Context(), websocket4)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Commit(t.Context(), c); !errors.Is(err, errToken) {
		t.Errorf("commit in another pool: %v; want %v", err, errToken)
	}
	if err := m.Release(t.Context(), Claim{}); !errors.Is(err, errToken) {
		t.Errorf("release of no claim: %v; want %v", err, errToken)
	}
	for range 5 {
		if err := errors.Join(m.Commit(t.Context(), c), m.Release(t.Context(), c)); err != nil {
			t.Errorf("ending a claim again: %v", err)
		}
	}
	for i := range 3 {
		if _, err := m.Claim(t.Context(), websocket4); (err == nil) != (i < 2) {
			t.Errorf("claim %d of 2 that are left: %v", i+1, err)
		}
	}
}

func TestMemoryRefuses(t *testing.T) {
	m := NewMemory(Config{})
	defer m.Close()
	for _, reg := range []registration.Registration{
		{},
		{Endpoints: []registration.Endpoint{{Transport: websocket}}},
		{Endpoints: append(client(1, 1).Endpoints, registration.Endpoint{Addr: netip.AddrPortFrom(netip.Addr{}, 9000), Transport: websocket})},
	} {
		if err := m.Register(t.Context(), reg); !errors.Is(err, errInvalid) {
			t.Errorf("register %v: %v; want %v", reg, err, errInvalid)
		}
	}
	if got := m.sizes(); got != [4]int{} {
		t.Errorf("%v was stored", got)
	}
}

// TestMemorySettle: what was given to a poll whose context has ended, before it
// could look, goes to the next poll; unless it has expired in that very moment.
func TestMemorySettle(t *testing.T) {
	for _, expired := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := NewMemory(Config{TTL: time.Minute})
			defer m.Close()
			want := websocket4
			want.Wait = time.Hour
			first, err := m.claim(t.Context(), &want, new(Claim))
			if err != nil {
				t.Fatal(err)
			}
			second, err := m.claim(t.Context(), &want, new(Claim))
			if err != nil {
				t.Fatal(err)
			}
			register(t, m, client(1, 1))
			if expired {
				m.timer.Stop() // as if it were late
				time.Sleep(time.Minute)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if c, err := m.settle(ctx, first); !errors.Is(err, context.Canceled) || c.Token != nil {
				t.Errorf("the first: %v, %v; want %v", c, err, context.Canceled)
			}
			if c, err := m.settle(t.Context(), second); expired != errors.Is(err, ErrNone) || expired != (c.Token == nil) {
				t.Errorf("the second, expired %v: %v, %v", expired, c, err)
			}
		})
	}
}

// TestMemoryLooksNoFurther: a use goes to the poll behind maxLook-1 that serve
// the client, and not to the one behind maxLook.
func TestMemoryLooksNoFurther(t *testing.T) {
	for ahead, passed := range map[int]bool{maxLook - 1: true, maxLook: false} {
		m := NewMemory(Config{})
		want := websocket4
		want.Wait = time.Hour
		var polls []*waiter
		for i := range ahead + 1 {
			if want.Served = []netip.AddrPort{client(1, 1).Endpoints[0].Addr}; i == ahead {
				want.Served = nil
			}
			w, err := m.claim(t.Context(), &want, new(Claim))
			if err != nil {
				t.Fatal(err)
			}
			polls = append(polls, w)
		}
		register(t, m, client(1, 1))
		if first, last := polls[0].claim.Token != nil, polls[ahead].claim.Token != nil; first == passed || last != passed {
			t.Errorf("behind %d: the first got it: %v, the last: %v", ahead, first, last)
		}
		m.Close()
	}
}

// TestMemoryAllocs: a match allocates the token of the claim, and a
// poll for which nobody is there nothing.
func TestMemoryAllocs(t *testing.T) {
	m := NewMemory(Config{})
	defer m.Close()
	for i := range 1000 {
		register(t, m, client(i, 1))
	}
	ctx, next, port := t.Context(), client(1000, 1), uint16(0)
	if got := testing.AllocsPerRun(1000, func() {
		port++
		next.Endpoints[0].Addr = netip.AddrPortFrom(next.Endpoints[0].Addr.Addr(), port)
		if err := m.Register(ctx, next); err != nil {
			t.Fatal(err)
		}
		c, err := m.Claim(ctx, websocket4)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Commit(ctx, c); err != nil {
			t.Fatal(err)
		}
	}); got != 1 {
		t.Errorf("a match allocates %v times; want 1", got)
	}
	none := Want{Classes: []Class{{websocket, Family6}, {websocket, FamilyNone}}}
	if got := testing.AllocsPerRun(1000, func() {
		if _, err := m.Claim(ctx, none); err != ErrNone {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("a poll for nobody allocates %v times; want none", got)
	}
}
