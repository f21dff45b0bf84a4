package relaypipe

import (
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

// watch calls f, once, when nothing has moved for limit, unless stop is called before;
// never for a limit of 0. Bytes that move do not touch the timer: it fires and looks at the time of the
// last of them.
func (a *activity) watch(limit time.Duration, f func()) (stop func() bool) {
	if limit <= 0 {
		return func() bool { return false }
	}
	var timer *time.Timer
	ready := make(chan struct{}) // timer is set
	timer = time.AfterFunc(limit, func() {
		<-ready
		if left := limit - a.idle(); left > 0 {
			timer.Reset(left)
			return
		}
		f()
	})
	close(ready)
	return timer.Stop
}
