package pool

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/registration"
)

// TestMemoryForgets: no address outlives its TTL for want of operations.
func TestMemoryForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Config{TTL: 4 * time.Minute})
		defer m.Close()
		register(t, m, client(1, 1))
		time.Sleep(time.Minute)
		register(t, m, client(2, 3))
		register(t, m, client(3, 1))
		for _, step := range []struct {
			sleep time.Duration
			want  [4]int
		}{
			{3*time.Minute - 1, [4]int{3, 5, 1, 0}},
			{1, [4]int{2, 4, 1, 0}},
			{time.Minute - 1, [4]int{2, 4, 1, 0}},
			{1, [4]int{}},
		} {
			time.Sleep(step.sleep)
			synctest.Wait()
			if got := m.sizes(); got != step.want {
				t.Fatalf("after %v: %v; want %v", step.sleep, got, step.want)
			}
		}
		if m.timer.Stop() {
			t.Error("the timer of an empty pool runs")
		}
	})
}

// TestMemoryTimer: the timer runs while something waits, and only then.
func TestMemoryTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Config{TTL: 4 * time.Minute})
		if m.timer.Stop() {
			t.Error("the timer of a new pool runs")
		}
		register(t, m, client(1, 1))
		c, err := m.Claim(t.Context(), websocket4)
		if err != nil || m.Commit(t.Context(), c) != nil {
			t.Fatalf("claim and commit: %v", err)
		}
		if m.timer.Stop() {
			t.Error("the timer of a pool that was emptied runs")
		}
		register(t, m, client(1, 1))
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if got := m.sizes(); got != [4]int{} {
			t.Errorf("%v is left", got)
		}
		register(t, m, client(1, 1))
		m.Close()
		if m.timer.Stop() {
			t.Error("the timer of a closed pool runs")
		}
		m.tick() // one that came too late to be stopped
		if got := m.sizes(); got != [4]int{} {
			t.Errorf("%v is left in a closed pool", got)
		}
	})
}

// TestMemoryNames: the names of transports that polls and registrations have
// brought go with them.
func TestMemoryNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Config{})
		defer m.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range 100 {
			tr := registration.Transport{Inner: fmt.Sprint(i), Outer: "tcp"}
			go m.Claim(ctx, Want{Classes: []Class{{tr, Family4}, {tr, Family6}, {websocket, Family4}}, Wait: time.Hour})
		}
		synctest.Wait()
		if got := m.sizes(); got != [4]int{0, 0, 201, 100} {
			t.Errorf("%v with polls that wait", got)
		}
		register(t, m, client(1, 1))
		synctest.Wait()
		if got := m.sizes(); got != [4]int{1, 1, 199, 99} {
			t.Errorf("%v after one was answered", got)
		}
		register(t, m, registration.Registration{Endpoints: []registration.Endpoint{
			{Addr: netip.MustParseAddrPort("198.51.100.1:1"), Transport: registration.Transport{Outer: "other"}}}})
		cancel()
		synctest.Wait()
		time.Sleep(DefaultTTL)
		synctest.Wait()
		if got := m.sizes(); got != [4]int{} {
			t.Errorf("%v is left", got)
		}
	})
}

// TestMemoryKeepsNoMessage: a name of a few bytes must not keep alive the
// message of 100 KiB that it was cut from.
func TestMemoryKeepsNoMessage(t *testing.T) {
	m := NewMemory(Config{})
	defer m.Close()
	heap := func() int64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	before := heap()
	for i := range 50 {
		body := fmt.Sprintf("client=192.0.2.1:%d&client-transport=%d|tcp%d&x=%s", i+1, i, i, strings.Repeat("x", 100_000))
		reg, err := registration.Parse([]byte(body), netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		register(t, m, reg)
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("50 registrations keep %d bytes", grown)
	}
	runtime.KeepAlive(m)
}
