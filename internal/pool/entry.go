package pool

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"flashproxy/internal/registration"
)

// entry is a waiting registration.
type entry struct {
	age       node[entry]   // its place in Memory.entries
	expires   time.Duration // since Memory.start
	left      int32         // uses that are not committed; 0 when it waits no more
	held      int32         // those of them that are claimed now
	endpoints []endpoint
}

// endpoint is one of the alternatives of an entry.
type endpoint struct {
	addr  netip.AddrPort
	class *class
	place node[entry] // in class.regs; only the first endpoint of each class has one
}

// hold is the Token of a Claim. It is empty once the claim has ended.
type hold struct {
	pool  *Memory
	entry *entry
}

// end empties h and gives its entry, unless it was empty or the entry waits no
// more: it has expired or was replaced.
func (h *hold) end() *entry {
	e := h.entry
	h.entry = nil
	if e == nil || e.left == 0 {
		return nil
	}
	return e
}

// free tells whether there is a use that nobody holds.
func (e *entry) free() bool { return e.left > e.held }

// newEntry makes an entry with n endpoints. Nearly all have one: that is a
// single allocation.
func newEntry(n int) *entry {
	if n != 1 {
		return &entry{endpoints: make([]endpoint, n)}
	}
	both := new(struct {
		entry
		only [1]endpoint
	})
	both.endpoints = both.only[:]
	return &both.entry
}

// plain is a with a v4-mapped address as the IPv4 address that it is, so that
// equal addresses are equal keys.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// add lines up a new registration behind all others.
func (m *Memory) add(reg registration.Registration) *entry {
	e := newEntry(len(reg.Endpoints))
	e.left = int32(min(m.config.Uses, math.MaxInt32))
	e.expires = time.Since(m.start) + m.config.TTL
	m.seq++
	m.entries.append(&e.age, e, m.seq)
	m.count++
	for i, given := range reg.Endpoints {
		ep := &e.endpoints[i]
		ep.addr = plain(given.Addr)
		ep.class = m.classFor(ClassOf(given))
		m.byAddr[ep.addr] = e
		if !slices.ContainsFunc(e.endpoints[:i], func(o endpoint) bool { return o.class == ep.class }) {
			ep.class.add(&ep.place, e)
		}
	}
	m.wind()
	return e
}

// remove ends the wait of e. Claims of it that are held then mean nothing.
func (m *Memory) remove(e *entry) {
	for i := range e.endpoints {
		ep := &e.endpoints[i]
		delete(m.byAddr, ep.addr)
		if ep.place.item != nil {
			ep.class.remove(&ep.place)
			m.forget(ep.class)
		}
	}
	m.entries.remove(&e.age)
	m.count--
	e.left = 0
	m.wind()
}

// oldest gives the registration that a poll gets now, or nil. It passes at most
// as many free ones as the poll serves clients.
func (m *Memory) oldest(classes []Class, served set) *entry {
	var space [8]*node[entry] // on the stack; more classes than that are rare
	lines := merge[entry](space[:0])
	for _, c := range classes {
		if found := m.classes[c]; found != nil {
			lines = append(lines, found.oldestFree())
		}
	}
	var second *entry
	for e := lines.next(); e != nil; e = lines.next() {
		switch {
		case !e.free():
		case !served.hasAny(e):
			return e
		case second == nil:
			second = e
		}
	}
	return second
}

// hold takes a free use of e, which has an endpoint in one of the classes.
func (m *Memory) hold(e *entry, classes []Class) Claim {
	i := slices.IndexFunc(e.endpoints, func(ep endpoint) bool {
		return slices.Contains(classes, ep.class.Class)
	})
	ep := &e.endpoints[i]
	e.held++
	return Claim{
		Endpoint: registration.Endpoint{Addr: ep.addr, Transport: ep.class.Transport},
		Token:    &hold{m, e},
	}
}

// release puts what h holds back; it goes to a waiting poll if it can.
func (m *Memory) release(h *hold) {
	e := h.end()
	if e == nil {
		return
	}
	e.held--
	for i := range e.endpoints {
		if ep := &e.endpoints[i]; ep.place.item != nil {
			ep.class.restore(&ep.place)
		}
	}
	m.offer(e)
}

// commit uses up what h holds.
func (m *Memory) commit(h *hold) {
	e := h.end()
	if e == nil {
		return
	}
	e.held--
	e.left--
	if e.left == 0 {
		m.remove(e)
	}
}
