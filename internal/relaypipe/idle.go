package relaypipe

import (
	"sync"
	"sync/atomic"
	"time"
)

// activity remembers when bytes last moved, either way.
type activity struct {
	start time.Time
	last  atomic.Int64 // since start
	on    bool         // nobody asks for it otherwise, and reading the clock is not free

	mu      sync.Mutex // of the fields below
	timer   *time.Timer
	stopped bool
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

// watch calls idle, once, when nothing has moved for limit, unless stop is called
// before; never for a limit of 0. Bytes that move do not touch the timer: it fires
// and looks at the time of the last of them.
func (a *activity) watch(limit time.Duration, idle func()) {
	if limit <= 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(limit, func() {
		left := limit - a.idle()
		if left <= 0 {
			idle()
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.stopped {
			a.timer.Reset(left)
		}
	})
}

func (a *activity) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	if a.timer != nil {
		a.timer.Stop()
	}
}
