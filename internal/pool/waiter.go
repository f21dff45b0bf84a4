package pool

import "net/netip"

// maxLook is how many waiting polls that list a client as served are passed over
// for one that does not. That many proxies of one client are beyond what a
// client asks for, and looking at them takes some microseconds.
const maxLook = 64

// waiter is a waiting poll.
type waiter struct {
	classes []Class
	served  set
	places  []ref // where it stands, in each of its classes
	waiting ref   // in Memory.polls; 0 when it stands nowhere
	// claim is what it was given, if its Token is not nil.
	claim Claim
	ended chan struct{} // closed when it stands nowhere any more

	// Room for what most polls need, so that it need not be allocated.
	hold hold
	room [2]ref // for places
}

// place is where a waiter stands in one class.
type place struct {
	*waiter
	class ref
}

// set is what a poll serves. Of the few hundred that a poll may list, a look
// over all for each registration would be felt.
type set map[address]struct{}

func newSet(addrs []netip.AddrPort) set {
	if len(addrs) == 0 {
		return nil
	}
	s := make(set, len(addrs))
	for _, a := range addrs {
		s[addressOf(a)] = struct{}{}
	}
	return s
}

// hasAny tells whether any endpoint of the entry r is in s.
func (m *Memory) hasAny(s set, r ref) bool {
	if len(s) == 0 {
		return false
	}
	for p := m.entry(r).first; p != 0; p = m.endpoints.at(p).item.more {
		if _, ok := s[m.endpoints.at(p).item.addr]; ok {
			return true
		}
	}
	return false
}

// enqueue makes a poll wait, behind all others.
func (m *Memory) enqueue(want *Want, served set) *waiter {
	w := &waiter{
		classes: want.Classes,
		served:  served,
		ended:   make(chan struct{}),
	}
	w.places = append(w.room[:0], make([]ref, len(want.Classes))...)
	m.seq++
	m.waiting++
	var n *node[*waiter]
	w.waiting, n = m.polls.take()
	n.item = w
	m.polls.append(&m.line, w.waiting, m.seq)
	for i, c := range want.Classes {
		r, n := m.places.take()
		w.places[i], n.item = r, place{w, m.classFor(c)}
		m.places.append(&m.class(n.item.class).polls, r, m.seq)
	}
	return w
}

// dequeue ends the wait of w, which waits.
func (m *Memory) dequeue(w *waiter) {
	for _, r := range w.places {
		class := m.places.at(r).item.class
		m.places.remove(&m.class(class).polls, r)
		m.places.give(r)
		m.forget(class)
	}
	m.polls.remove(&m.line, w.waiting)
	m.polls.give(w.waiting)
	m.waiting--
	w.waiting = 0
	close(w.ended)
}

// giveUp is called by the timer of w, when it has waited as long as it wanted to.
func (m *Memory) giveUp(w *waiter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.waiting != 0 {
		m.dequeue(w)
	}
}

// offer gives the free uses of the entry r to waiting polls.
func (m *Memory) offer(r ref) {
	for m.entry(r).free() {
		w := m.longest(r)
		if w == nil {
			return
		}
		m.dequeue(w)
		m.hold(&w.claim, &w.hold, r, w.classes)
	}
}

// longest gives the poll that a use of the entry r goes to, or nil.
func (m *Memory) longest(r ref) *waiter {
	var space [8]ref
	lines := merge(space[:0])
	for p := m.entry(r).first; p != 0; p = m.endpoints.at(p).item.more {
		if n := m.endpoints.at(p); n.seq != 0 {
			lines = append(lines, m.class(n.item.class).polls.head)
		}
	}
	first := m.places.next(lines)
	if first == 0 {
		return nil
	}
	p := first
	for range maxLook {
		if p == 0 {
			break
		}
		if w := m.places.at(p).item.waiter; !m.hasAny(w.served, r) {
			return w
		}
		p = m.places.next(lines)
	}
	return m.places.at(first).item.waiter
}
