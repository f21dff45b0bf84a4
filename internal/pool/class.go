package pool

import (
	"strings"

	"flashproxy/internal/registration"
)

// class is where the registrations and the polls of one Class stand in line.
// There is one in Memory.classes for each Class that somebody stands in.
type class struct {
	Class
	regs  list[entry]
	polls list[waiter]
	// first is where to begin looking in regs: no entry before it has a free
	// use. It passes each entry that is held once, where a look from the head
	// would pass all of them each time.
	first *node[entry]
}

// classFor gives the class c, made if need be. The copy of the transport's name
// keeps alive nothing of the message that it came in, and is the only one in the pool.
func (m *Memory) classFor(c Class) *class {
	if found := m.classes[c]; found != nil {
		return found
	}
	c.Transport = registration.Transport{
		Inner: strings.Clone(c.Transport.Inner),
		Outer: strings.Clone(c.Transport.Outer),
	}
	made := &class{Class: c}
	m.classes[c] = made
	return made
}

// forget drops c when nobody stands in it: anybody can name a new transport, so
// names must not pile up.
func (m *Memory) forget(c *class) {
	if c.regs.head == nil && c.polls.head == nil {
		delete(m.classes, c.Class)
	}
}

// add puts the place n of e at the end.
func (c *class) add(n *node[entry], e *entry) {
	c.regs.append(n, e, e.age.seq)
	if c.first == nil {
		c.first = n
	}
}

// remove takes the place n out.
func (c *class) remove(n *node[entry]) {
	if c.first == n {
		c.first = n.next
	}
	c.regs.remove(n)
}

// restore makes the place n, whose entry has a free use again, be seen.
func (c *class) restore(n *node[entry]) {
	if c.first == nil || n.seq < c.first.seq {
		c.first = n
	}
}

// oldestFree gives the place of the oldest entry with a free use, or nil.
func (c *class) oldestFree() *node[entry] {
	for c.first != nil && !c.first.item.free() {
		c.first = c.first.next
	}
	return c.first
}
