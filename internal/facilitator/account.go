package facilitator

import (
	"net/netip"
	"net/url"

	"flashproxy/internal/registration"
)

// account is what is known of a relay beyond its line of the file, and stays when the
// file is read again.
type account struct {
	given  share
	health health
}

// give counts that the relay is given.
func (r *countedRelay) give(to sighting) {
	n := 1
	if r.health.suspect {
		n = suspectCost
	}
	r.given = r.given.plus(n, r.Weight)
	r.health.gave(to)
}

// inherit takes over the accounts of the relays that stay. One that is new begins where
// the others are: it shall not get everybody until it has caught up with months.
func (t *table) inherit(old *table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	type place struct {
		registration.Transport
		registration.RelayAddr
	}
	known := make(map[place]*countedRelay)
	for _, relays := range old.byInner {
		for _, r := range relays {
			known[place{r.Transport, r.Addr}] = r
		}
	}
	for _, relays := range t.byInner {
		var stay, come []*countedRelay
		for _, r := range relays {
			was, ok := known[place{r.Transport, r.Addr}]
			if !ok {
				come = append(come, r)
				continue
			}
			r.account = was.account
			r.given = r.given.scaled(was.Weight, r.Weight)
			stay = append(stay, r)
		}
		for _, r := range come {
			r.join(stay)
		}
	}
}

// join puts the relay where those are that can stand in for it, those of the same reach: at the
// least of them. Without any it is put at the greatest of all: it gets what they cannot take, and
// otherwise waits for its turn.
func (r *countedRelay) join(others []*countedRelay) {
	var least, greatest *countedRelay
	for _, o := range others {
		if o == r {
			continue
		}
		if greatest == nil || greatest.given.less(greatest.Weight, o.given, o.Weight) {
			greatest = o
		}
		if o.reach() == r.reach() && (least == nil || o.given.less(o.Weight, least.given, least.Weight)) {
			least = o
		}
	}
	if least == nil {
		least = greatest
	}
	if least != nil {
		r.given = least.given.scaled(least.Weight, r.Weight)
	}
}

// verdict is what has become of a relay.
type verdict struct {
	registration.Relay
	suspect bool
}

// recover finds the relays with an inner transport that have ceased to be suspect.
func (t *table) recover(inner string, now int) (recovered []verdict) {
	for _, r := range t.byInner[inner] {
		if !r.health.suspect || !r.health.judge(now) {
			continue
		}
		// What it was given as a suspect counted for more than it was.
		counted := r.given
		if r.join(t.byInner[inner]); counted.less(r.Weight, r.given, r.Weight) {
			r.given = counted
		}
		recovered = append(recovered, verdict{r.Relay, false})
	}
	return recovered
}

// report takes down that a proxy could not open these relays.
func (t *table) report(from sighting, relays []registration.RelayAddr) (changed []verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, addr := range relays {
		for _, r := range t.byAddr[addr] {
			if r.health.report(from); r.health.judge(from.step) {
				changed = append(changed, verdict{r.Relay, r.health.suspect})
			}
		}
	}
	return changed
}

// pick chooses a relay with an inner transport for a poll.
func (s *Server) pick(inner string, q *question) *registration.Relay {
	relay, recovered := s.table.Load().pick(inner, q.outers, q.family, s.watch.sight(q.source))
	s.tell(recovered)
	return relay
}

// reported takes down which relays a proxy could not open.
func (s *Server) reported(source netip.Addr, relays []registration.RelayAddr) {
	if len(relays) > 0 {
		s.tell(s.table.Load().report(s.watch.sight(source), relays))
	}
}

// tell tells the operator of relays that are suspect now, or no longer. How many said so is
// not told: it could be one whom somebody knows.
func (s *Server) tell(changed []verdict) {
	for _, v := range changed {
		at := &url.URL{Scheme: v.Transport.Outer, Host: v.Addr.String()}
		if v.suspect {
			s.log.Warn("proxies cannot reach a relay; it is given less until they can", "line", v.Line, "relay", at)
		} else {
			s.log.Info("proxies no longer fail to reach a relay; it is given as before", "line", v.Line, "relay", at)
		}
	}
}
