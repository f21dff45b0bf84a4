// Package pooltest is the contract of package pool as tests, one suite for every
// pool. It knows pools by their interface only: what is special to one pool is
// tested beside it.
package pooltest

import (
	"testing"
	"time"

	"flashproxy/internal/pool"
)

// Harness is how the suite gets its pools and its time.
type Harness struct {
	// New makes an empty pool with these settings, for one test, which closes it.
	New func(t *testing.T, c pool.Config) pool.Pool
	// Bubble runs one test where time passes as Sleep says; synctest.Test does
	// for a pool that lives in one process. Nil means in real time.
	Bubble func(t *testing.T, f func(t *testing.T))
	// Sleep lets d pass, as time.Sleep does.
	Sleep func(d time.Duration)
	// Settle lets what is under way go on. It is called again and again until
	// what is awaited is there: synctest.Wait, or a short sleep.
	Settle func()
	// Unit is what the tests count time in: a hundred operations must take less
	// than half of it.
	Unit time.Duration
	// Tick is the least difference in time that the pool is asked to heed.
	Tick time.Duration
	// Sequences is how many random sequences of operations are tried against
	// the model. Each takes some 25 units of time.
	Sequences int
}

// test is one sentence of the contract.
type test struct {
	name   string
	config pool.Config
	run    func(k *kit)
}

// Run tests whether the pools of h keep the contract.
func Run(t *testing.T, h Harness) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Order", orderTests()},
		{"Classes", classTests()},
		{"Served", servedTests()},
		{"Uses", useTests(h)},
		{"Refresh", refreshTests(h)},
		{"Expiry", expiryTests(h)},
		{"Waiting", waitingTests(h)},
		{"Ending", endingTests(h)},
		{"Bounds", boundTests(h)},
		{"Close", closeTests(h)},
		{"Race", raceTests(h)},
		{"Model", modelTests(h)},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) { h.run(t, test) })
			}
		})
	}
}

func (h Harness) run(t *testing.T, test test) {
	bubble := h.Bubble
	if bubble == nil {
		bubble = func(t *testing.T, f func(*testing.T)) { f(t) }
	}
	bubble(t, func(t *testing.T) {
		k := &kit{T: t, h: h, pool: h.New(t, test.config)}
		defer k.pool.Close()
		test.run(k)
	})
}
