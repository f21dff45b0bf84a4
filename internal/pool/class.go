package pool

import (
	"strings"

	"flashproxy/internal/registration"
)

// class is where the registrations and the polls of one Class stand in line.
// There is one in Memory.classes for each Class that somebody stands in.
type class struct {
	Class
	regs  line // of Memory.endpoints
	polls line // of Memory.places
	// first is where to begin looking in regs: no entry before it has a free
	// use. It passes each entry that is held once, where a look from the head
	// would pass all of them each time.
	first ref
}

// classFor gives the class c, made if need be. The copy of the transport's name
// keeps alive nothing of the message that it came in, and is the only one in the pool.
func (m *Memory) classFor(c Class) ref {
	if found := m.byClass[c]; found != 0 {
		return found
	}
	c.Transport = registration.Transport{
		Inner: strings.Clone(c.Transport.Inner),
		Outer: strings.Clone(c.Transport.Outer),
	}
	r, made := m.classes.take()
	made.item.Class = c
	m.byClass[c] = r
	return r
}

func (m *Memory) class(r ref) *class { return &m.classes.at(r).item }

// forget drops a class when nobody stands in it: anybody can name a new transport,
// so names must not pile up.
func (m *Memory) forget(r ref) {
	if c := m.class(r); c.regs.head == 0 && c.polls.head == 0 {
		delete(m.byClass, c.Class)
		m.classes.give(r)
	}
}

// stand puts the endpoint r at the end of its class.
func (m *Memory) stand(r ref, seq uint64) {
	c := m.class(m.endpoints.at(r).item.class)
	m.endpoints.append(&c.regs, r, seq)
	if c.first == 0 {
		c.first = r
	}
}

// leave takes the endpoint r out of its class.
func (m *Memory) leave(r ref) {
	n := m.endpoints.at(r)
	c := m.class(n.item.class)
	if c.first == r {
		c.first = n.next
	}
	m.endpoints.remove(&c.regs, r)
	m.forget(n.item.class)
}

// restore makes the endpoint r, whose entry has a free use again, be seen.
func (m *Memory) restore(r ref) {
	n := m.endpoints.at(r)
	c := m.class(n.item.class)
	if c.first == 0 || n.seq < m.endpoints.at(c.first).seq {
		c.first = r
	}
}

// oldestFree gives the endpoint in c of the oldest entry with a free use, or 0.
func (m *Memory) oldestFree(c *class) ref {
	for c.first != 0 {
		n := m.endpoints.at(c.first)
		if m.entry(n.item.entry).free() {
			break
		}
		c.first = n.next
	}
	return c.first
}
