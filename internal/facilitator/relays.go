package facilitator

import (
	"context"
	"slices"
	"sync"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// table is the relays of one moment. It is replaced, never changed, but for the
// counts of what each relay was given.
type table struct {
	// ctx ends when another table has taken this one's place, or the server stops.
	ctx     context.Context
	replace context.CancelFunc

	size    int
	inners  map[reach][]string         // inner transports that lead to a relay
	byInner map[string][]*countedRelay // in the order of the relay file
	clients map[string]bool            // the outer transports that clients may have

	mu sync.Mutex // of the counts
}

// reach is one way for a proxy to get to a relay.
type reach struct {
	outer  string
	family pool.Family
}

type countedRelay struct {
	registration.Relay
	given int
}

func newTable(ctx context.Context, relays []registration.Relay, clients map[string]bool) *table {
	t := &table{
		size:    len(relays),
		inners:  make(map[reach][]string),
		byInner: make(map[string][]*countedRelay),
		clients: clients,
	}
	t.ctx, t.replace = context.WithCancel(ctx)
	for _, r := range relays {
		inner := r.Transport.Inner
		t.byInner[inner] = append(t.byInner[inner], &countedRelay{Relay: r})
		at := reach{r.Transport.Outer, pool.FamilyOf(r.Addr.IP)}
		if !slices.Contains(t.inners[at], inner) {
			t.inners[at] = append(t.inners[at], inner)
		}
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
func (t *table) classes(outers []string, f pool.Family) []pool.Class {
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

// pick takes the relay that was given least, of those with the inner transport
// that such a proxy reaches; of equals the first.
func (t *table) pick(inner string, outers []string, f pool.Family) (registration.Relay, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var best *countedRelay
	for _, r := range t.byInner[inner] {
		if best != nil && best.given <= r.given {
			continue
		}
		if slices.Contains(outers, r.Transport.Outer) && slices.Contains(families(f), pool.FamilyOf(r.Addr.IP)) {
			best = r
		}
	}
	if best == nil {
		return registration.Relay{}, false
	}
	best.given++
	return best.Relay, true
}
