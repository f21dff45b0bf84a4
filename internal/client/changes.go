package client

import "sync"

// changes wakes whoever waits for something to change.
type changes struct {
	mu   sync.Mutex
	next chan struct{} // closed, and made anew, at each change
}

func newChanges() *changes { return &changes{next: make(chan struct{})} }

// wait gives a channel that is closed at the next change. Who wants to miss none
// asks for it first and looks then.
func (c *changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

func (c *changes) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.next)
	c.next = make(chan struct{})
}
