package wsconn

import "sync"

// lock is a mutex made of a condition: testing/synctest sees that who waits for it
// is blocked, so that time goes on in tests of whatever uses this package. It goes
// from hand to hand, first come, first served: a busy writer keeps no pong waiting.
type lock struct {
	mu    sync.Mutex
	next  sync.Cond // wakes in turn
	users int       // who has it and who waits
}

// init must be called before all else.
func (l *lock) init() { l.next.L = &l.mu }

func (l *lock) lock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users++; l.users > 1 {
		l.next.Wait() // nothing but unlock wakes, and what it gives nobody else can take
	}
}

func (l *lock) unlock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users > 0 {
		l.next.Signal()
	}
}

// isHeld tells how it is at this moment.
func (l *lock) isHeld() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.users > 0
}
