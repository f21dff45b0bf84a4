package pool

import (
	"math"
	"slices"
	"time"

	"flashproxy/internal/registration"
)

// entry is a waiting registration. Its node stands in Memory.age.
type entry struct {
	expires time.Duration // since Memory.start
	left    int32         // uses that are not committed
	held    int32         // those of them that are claimed now
	first   ref           // of its endpoints, linked by more
}

// endpoint is one of the alternatives of an entry. The first of each class
// stands in class.regs.
type endpoint struct {
	addr  address
	entry ref
	class ref
	more  ref
}

// hold is the Token of a Claim. It is empty once the claim has ended.
type hold struct {
	pool  *Memory
	entry ref
	seq   uint64 // of the entry: its number may be another's by now
}

// free tells whether there is a use that nobody holds.
func (e *entry) free() bool { return e.left > e.held }

func (m *Memory) entry(r ref) *entry { return &m.entries.at(r).item }

// end empties h and gives its entry, or 0 if it was empty or the entry waits no
// more: it has expired or was replaced.
func (m *Memory) end(h *hold) ref {
	r := h.entry
	h.entry = 0
	if r != 0 && m.entries.at(r).seq != h.seq {
		return 0
	}
	return r
}

// add lines up a new registration behind all others.
func (m *Memory) add(reg registration.Registration) ref {
	r, n := m.entries.take()
	m.seq++
	n.item.expires = m.now + m.config.TTL
	n.item.left = int32(min(m.config.Uses, math.MaxInt32))
	m.entries.append(&m.age, r, m.seq)
	m.count++
	for _, given := range slices.Backward(reg.Endpoints) {
		p, ep := m.endpoints.take()
		ep.item = endpoint{addr: addressOf(given.Addr), entry: r, class: m.classFor(ClassOf(given)), more: n.item.first}
		n.item.first = p
		m.byAddr.add(ep.item.addr, p)
	}
	for p := n.item.first; p != 0; p = m.endpoints.at(p).item.more {
		if m.firstOf(r, m.endpoints.at(p).item.class) == p {
			m.stand(p, m.seq)
		}
	}
	m.wind()
	return r
}

// firstOf gives the first endpoint of the entry r in a class.
func (m *Memory) firstOf(r, class ref) ref {
	p := m.entry(r).first
	for m.endpoints.at(p).item.class != class {
		p = m.endpoints.at(p).item.more
	}
	return p
}

// remove ends the wait of the entry r. Claims of it that are held then mean nothing.
func (m *Memory) remove(r ref) {
	for p := m.entry(r).first; p != 0; {
		n := m.endpoints.at(p)
		more := n.item.more
		m.byAddr.remove(n.item.addr, p)
		if n.seq != 0 {
			m.leave(p)
		}
		m.endpoints.give(p)
		p = more
	}
	m.entries.remove(&m.age, r)
	m.entries.give(r)
	m.count--
	m.wind()
}

// oldest gives the registration that a poll gets now, or 0. It passes at most
// as many free ones as the poll serves clients.
func (m *Memory) oldest(classes []Class, served set) ref {
	var space [8]ref // on the stack; more classes than that are rare
	lines := merge(space[:0])
	for i := range classes {
		if found := m.byClass[classes[i]]; found != 0 {
			lines = append(lines, m.oldestFree(m.class(found)))
		}
	}
	var second ref
	for p := m.endpoints.next(lines); p != 0; p = m.endpoints.next(lines) {
		r := m.endpoints.at(p).item.entry
		switch {
		case !m.entry(r).free():
		case !m.hasAny(served, r):
			return r
		case second == 0:
			second = r
		}
	}
	return second
}

// hold makes claim one of a free use of the entry r, which has an endpoint in one
// of the classes, and h its token.
func (m *Memory) hold(claim *Claim, h *hold, r ref, classes []Class) {
	n := m.entries.at(r)
	n.item.held++
	ep := &m.endpoints.at(n.item.first).item
	for !slices.Contains(classes, m.class(ep.class).Class) {
		ep = &m.endpoints.at(ep.more).item
	}
	claim.Endpoint = registration.Endpoint{Addr: ep.addr.addrPort(), Transport: m.class(ep.class).Transport}
	*h = hold{m, r, n.seq}
	claim.Token = h
}

// release puts what h holds back; it goes to a waiting poll if it can.
func (m *Memory) release(h *hold) {
	r := m.end(h)
	if r == 0 {
		return
	}
	e := m.entry(r)
	e.held--
	for p := e.first; p != 0; p = m.endpoints.at(p).item.more {
		if m.endpoints.at(p).seq != 0 {
			m.restore(p)
		}
	}
	m.offer(r)
}

// commit uses up what h holds.
func (m *Memory) commit(h *hold) {
	r := m.end(h)
	if r == 0 {
		return
	}
	e := m.entry(r)
	e.held--
	if e.left--; e.left == 0 {
		m.remove(r)
	}
}
