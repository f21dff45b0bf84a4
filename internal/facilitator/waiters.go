package facilitator

import (
	"context"
	"sync"
)

// waiters are the polls that wait for clients of one table, to be woken when
// another takes its place. A list within them costs a third of what
// context.AfterFunc would for each, whose map of ten thousand is seldom in the cache.
type waiters struct {
	mu    sync.Mutex
	first *waiter
	woken bool
}

// waiter is a place among waiters.
type waiter struct {
	prev, next *waiter
	wake       context.CancelFunc
}

// add makes wake be called for w when all are woken, which may be now. A remove must follow.
func (l *waiters) add(w *waiter, wake context.CancelFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.woken {
		wake()
	}
	*w = waiter{next: l.first, wake: wake}
	if w.next != nil {
		w.next.prev = w
	}
	l.first = w
}

func (l *waiters) remove(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	*w = waiter{}
}

// wakeAll wakes those who are there, and from now on each who comes.
func (l *waiters) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.woken = true
	for w := l.first; w != nil; w = w.next {
		w.wake()
	}
}
