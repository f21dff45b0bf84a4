package facilitator

import (
	"context"
	"sync"
	"time"
)

// bounded is context.WithTimeout whose time begins when somebody first asks for Done or
// Deadline, as a store does at once. A pool in memory answers without asking, in less time
// than a timer costs: three of them were a twentieth of a match. It must be ended by stop.
type bounded struct {
	context.Context // the parent
	most            time.Duration

	mu     sync.Mutex
	timed  context.Context // nil until then
	cancel context.CancelFunc
}

func newBounded(parent context.Context, most time.Duration) *bounded {
	return &bounded{Context: parent, most: most}
}

// begun gives what it is from now on.
func (b *bounded) begun() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timed == nil {
		b.timed, b.cancel = context.WithTimeout(b.Context, b.most)
	}
	return b.timed
}

// Deadline implements context.Context.
func (b *bounded) Deadline() (time.Time, bool) { return b.begun().Deadline() }

// Done implements context.Context.
func (b *bounded) Done() <-chan struct{} { return b.begun().Done() }

// Err implements context.Context.
func (b *bounded) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timed == nil {
		return b.Context.Err()
	}
	return b.timed.Err()
}

// stop ends the timer, and with it the context for those who wait for it.
func (b *bounded) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cancel != nil {
		b.cancel()
	}
}
