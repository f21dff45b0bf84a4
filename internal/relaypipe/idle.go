package relaypipe

import (
	"context"
	"sync/atomic"
	"time"
)

// activity remembers when bytes last moved, either way.
type activity struct {
	start time.Time
	last  atomic.Int64 // since start
	on    bool         // nobody asks for it otherwise, and reading the clock is not free
}

func (a *activity) touch() {
	if a.on {
		a.last.Store(int64(time.Since(a.start)))
	}
}

// idle returns how long no byte has moved.
func (a *activity) idle() time.Duration {
	return time.Since(a.start) - time.Duration(a.last.Load())
}

// wait returns when ctx is done, or with ErrIdle when nothing moved for limit.
// Bytes that move do not touch the timer: it fires and looks at the time of the
// last of them.
func (a *activity) wait(ctx context.Context, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			left := limit - a.idle()
			if left <= 0 {
				return ErrIdle
			}
			timer.Reset(left)
		}
	}
}
