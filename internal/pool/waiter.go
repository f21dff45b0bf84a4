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
	places  []place
	claim   Claim         // guarded by Memory.mu, written once, before
	given   chan struct{} // is closed
}

// place is where a waiter stands in one class.
type place struct {
	node[waiter]
	class *class
}

// set is what a poll serves. Of the few hundred that a poll may list, a look
// over all for each registration would be felt.
type set map[netip.AddrPort]struct{}

func newSet(addrs []netip.AddrPort) set {
	if len(addrs) == 0 {
		return nil
	}
	s := make(set, len(addrs))
	for _, a := range addrs {
		s[plain(a)] = struct{}{}
	}
	return s
}

// hasAny tells whether any endpoint of e is in s.
func (s set) hasAny(e *entry) bool {
	if len(s) == 0 {
		return false
	}
	for i := range e.endpoints {
		if _, ok := s[e.endpoints[i].addr]; ok {
			return true
		}
	}
	return false
}

// enqueue makes a poll wait, behind all others.
func (m *Memory) enqueue(classes []Class, served set) *waiter {
	w := &waiter{
		classes: classes,
		served:  served,
		places:  make([]place, len(classes)),
		given:   make(chan struct{}),
	}
	m.seq++
	m.waiting++
	for i, c := range classes {
		p := &w.places[i]
		p.class = m.classFor(c)
		p.class.polls.append(&p.node, w, m.seq)
	}
	return w
}

// dequeue ends the wait of w.
func (m *Memory) dequeue(w *waiter) {
	m.waiting--
	for i := range w.places {
		p := &w.places[i]
		p.class.polls.remove(&p.node)
		m.forget(p.class)
	}
}

// offer gives the free uses of e to waiting polls.
func (m *Memory) offer(e *entry) {
	for e.free() {
		w := m.longest(e)
		if w == nil {
			return
		}
		m.dequeue(w)
		w.claim = m.hold(e, w.classes)
		close(w.given)
	}
}

// longest gives the poll that a use of e goes to, or nil.
func (m *Memory) longest(e *entry) *waiter {
	var space [8]*node[waiter]
	lines := merge[waiter](space[:0])
	for i := range e.endpoints {
		if ep := &e.endpoints[i]; ep.place.item != nil {
			lines = append(lines, ep.class.polls.head)
		}
	}
	first := lines.next()
	w := first
	for range maxLook {
		if w == nil {
			return first
		}
		if !w.served.hasAny(e) {
			return w
		}
		w = lines.next()
	}
	return first
}
