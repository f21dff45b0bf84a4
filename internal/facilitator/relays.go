package facilitator

import (
	"context"
	"slices"
	"sync"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// table is the relays of one moment. It is replaced, never changed, but for the
// accounts of its relays.
type table struct {
	// ctx ends when another table has taken this one's place, or the server stops.
	ctx     context.Context
	replace context.CancelFunc

	size    int
	inners  map[reach][]string         // inner transports that lead to a relay
	byInner map[string][]*countedRelay // in the order of the relay file
	byAddr  map[registration.RelayAddr][]*countedRelay
	clients map[string]bool        // the outer transports that clients may have
	alone   map[reach][]pool.Class // what classes gives for one outer transport

	mu *sync.Mutex // of the accounts; tables share both
}

// reach is one way for a proxy to get to a relay.
type reach struct {
	outer  string
	family pool.Family
}

type countedRelay struct {
	registration.Relay
	*account
}

func (r *countedRelay) reach() reach {
	return reach{r.Transport.Outer, pool.FamilyOf(r.Addr.IP)}
}

// newTable makes a table that takes over from old, which may be nil.
func newTable(ctx context.Context, relays []registration.Relay, clients map[string]bool, old *table) *table {
	t := &table{
		size:    len(relays),
		inners:  make(map[reach][]string),
		byInner: make(map[string][]*countedRelay),
		byAddr:  make(map[registration.RelayAddr][]*countedRelay),
		clients: clients,
		alone:   make(map[reach][]pool.Class),
		mu:      new(sync.Mutex),
	}
	t.ctx, t.replace = context.WithCancel(ctx)
	for _, r := range relays {
		r.Weight = max(r.Weight, 1)
		inner, counted := r.Transport.Inner, &countedRelay{r, new(account)}
		t.byInner[inner] = append(t.byInner[inner], counted)
		t.byAddr[r.Addr] = append(t.byAddr[r.Addr], counted)
		at := counted.reach()
		if !slices.Contains(t.inners[at], inner) {
			t.inners[at] = append(t.inners[at], inner)
		}
	}
	for outer := range clients {
		for _, f := range []pool.Family{pool.FamilyNone, pool.Family4, pool.Family6} {
			t.alone[reach{outer, f}] = t.classesOf([]string{outer}, f)
		}
	}
	if old != nil {
		t.mu = old.mu
		t.inherit(old)
	}
	return t
}

// families are those that a proxy can reach: its own, and what has none (a relay
// by name, a client without an address). A proxy whose own is not known gets the latter only,
// since a guess that is wrong would use up a client for nothing.
func families(f pool.Family) []pool.Family {
	if f == pool.FamilyNone {
		return []pool.Family{pool.FamilyNone}
	}
	return []pool.Family{f, pool.FamilyNone}
}

// classes are the clients that a proxy can take which opens outers and has
// family f: those for which there is a relay too (doc/protocol.md, "Matching").
// Most proxies open one, for which they are there already; they are not to be changed.
func (t *table) classes(outers []string, f pool.Family) []pool.Class {
	if len(outers) == 1 {
		if known, ok := t.alone[reach{outers[0], f}]; ok {
			return known
		}
	}
	return t.classesOf(outers, f)
}

func (t *table) classesOf(outers []string, f pool.Family) []pool.Class {
	var inners []string
	for _, outer := range outers {
		for _, family := range families(f) {
			for _, inner := range t.inners[reach{outer, family}] {
				if !slices.Contains(inners, inner) {
					inners = append(inners, inner)
				}
			}
		}
	}
	var classes []pool.Class
	for _, outer := range outers {
		if !t.clients[outer] {
			continue // nobody can have registered it
		}
		for _, inner := range inners {
			for _, family := range families(f) {
				classes = append(classes, pool.Class{
					Transport: registration.Transport{Inner: inner, Outer: outer},
					Family:    family,
				})
			}
		}
	}
	return classes
}

// pick takes the relay that was given least for its weight, of those with the inner
// transport that such a proxy reaches; of equals the first; nil if there is none. It also gives
// those that have recovered meanwhile.
func (t *table) pick(inner string, outers []string, f pool.Family, to sighting) (*registration.Relay, []verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	recovered := t.recover(inner, to.step)
	var best *countedRelay
	for _, r := range t.byInner[inner] {
		if best != nil && !r.given.less(r.Weight, best.given, best.Weight) {
			continue
		}
		if slices.Contains(outers, r.Transport.Outer) && slices.Contains(families(f), pool.FamilyOf(r.Addr.IP)) {
			best = r
		}
	}
	if best == nil {
		return nil, recovered
	}
	best.give(to)
	return &best.Relay, recovered
}
