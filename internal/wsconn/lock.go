package wsconn

import "sync"

// lock is a mutex made of a condition: testing/synctest sees that who waits for it
// is blocked, so that time goes on in tests of whatever uses this package.
type lock struct {
	mu   sync.Mutex
	free sync.Cond
	held bool
}

// init must be called before all else.
func (l *lock) init() { l.free.L = &l.mu }

func (l *lock) lock() {
	l.mu.Lock()
	for l.held {
		l.free.Wait()
	}
	l.held = true
	l.mu.Unlock()
}

func (l *lock) unlock() {
	l.mu.Lock()
	l.held = false
	l.mu.Unlock()
	l.free.Signal()
}

// isHeld tells how it is at this moment.
func (l *lock) isHeld() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}
