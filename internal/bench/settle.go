package main

import (
	"context"
	"time"
)

// collector makes the garbage collectors of ours and of the yardstick, which decide
// alike how much garbage may lie around, leave little: what is measured is what
// is in use. By default there may be as much again.
const collector = "GOGC=20"

const (
	// settleStep and settleTime: memory is settled when it has not moved by a
	// hundredth for so long. The runtime gives back what it collected bit by bit.
	settleStep = 50 * time.Millisecond
	settleTime = 500 * time.Millisecond
	// settleLimit is for a process that never rests.
	settleLimit = 4 * time.Second
)

// settled gives the memory of a process once it stays the same.
func settled(ctx context.Context, pid int) (float64, error) {
	limit := time.Now().Add(settleLimit)
	was, since := 0.0, time.Now()
	for {
		now, err := memory(pid)
		switch {
		case err != nil:
			return 0, err
		case now < was*0.99 || now > was*1.01:
			was, since = now, time.Now()
		case time.Since(since) >= settleTime, time.Now().After(limit):
			return now, nil
		}
		select {
		case <-time.After(settleStep):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// growth gives by how much the memory of a process grows for each of n things.
func growth(ctx context.Context, pid, n int, add func() error) (float64, error) {
	before, err := settled(ctx, pid)
	if err != nil {
		return 0, err
	}
	if err := add(); err != nil {
		return 0, err
	}
	after, err := settled(ctx, pid)
	return (after - before) / float64(n), err
}
