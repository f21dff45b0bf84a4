package main

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// flowing lets data flow for a moment before it is looked at.
const flowing = 300 * time.Millisecond

// fairness lets all ends send messages of size bytes as fast as they can, for a while
// and no certain number, and gives what the slowest pair got in a window of time, for
// what the pair in the middle got.
func (f *fleet) fairness(ctx context.Context, size int, window time.Duration) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() {
		done <- inParallel(2*len(f.pairs), func(i int) error {
			from, to := f.pairs[i/2][i%2], f.pairs[i/2][1-i%2]
			return from.flow(ctx, to, size, &stop)
		})
	}()
	time.Sleep(flowing)
	before := f.totals()
	time.Sleep(window)
	after := f.totals()
	stop.Store(true)
	defer context.AfterFunc(ctx, f.close)() // so that senders end too
	if err := <-done; err != nil {
		return 0, err
	}
	moved := make([]float64, len(before))
	for i := range before {
		moved[i] = after[i] - before[i]
	}
	if slices.Max(moved) == 0 {
		return 0, errors.New("nothing moves")
	}
	return slices.Min(moved) / max(1, median(moved)), nil
}

// totals is what each pair's ends have received.
func (f *fleet) totals() []float64 {
	all := make([]float64, len(f.pairs))
	for i, p := range f.pairs {
		all[i] = float64(p[0].total() + p[1].total())
	}
	return all
}
