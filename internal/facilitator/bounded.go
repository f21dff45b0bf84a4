package facilitator

import (
	"context"
	"sync"
	"time"
)

// bounded is context.WithTimeout whose timer starts when somebody asks for
// Done. A pool in memory answers without asking, in less time than a timer
// costs: three of them were a twentieth of a match. It must be ended by stop.
type bounded struct {
	context.Context // the parent
	until           time.Time

	mu     sync.Mutex
	timed  context.Context // nil until Done
	cancel context.CancelFunc
}

func newBounded(parent context.Context, d time.Duration) *bounded {
	return &bounded{Context: parent, until: time.Now().Add(d)}
}

// Deadline implements context.Context.
func (b *bounded) Deadline() (time.Time, bool) { return b.until, true }

// Done implements context.Context.
func (b *bounded) Done() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timed == nil {
		b.timed, b.cancel = context.WithDeadline(b.Context, b.until)
	}
	return b.timed.Done()
}

// Err implements context.Context.
func (b *bounded) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.timed != nil:
		return b.timed.Err()
	case b.Context.Err() != nil:
		return b.Context.Err()
	case !time.Now().Before(b.until):
		return context.DeadlineExceeded
	}
	return nil
}

// stop ends the timer, and with it the context for those who wait for it.
func (b *bounded) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cancel != nil {
		b.cancel()
	}
}
