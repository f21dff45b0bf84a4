package facilitator

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"
)

// What makes a relay suspect. A proxy that says that it could not open a relay may
// lie, or be the one whose network fails; and one that is silent has perhaps not got as
// far as the relay, since its client was not there, or is of 2015 and reports nothing.
const (
	// healthStep is how finely time is told apart here, and healthSteps are how many are
	// remembered. A proxy reports within two minutes: it dials the client and the relay,
	// half a minute each, and a poll that was held meanwhile lasts one.
	healthStep  = time.Minute
	healthSteps = 10
	// minReports is how many sources must agree: more than one liar has.
	minReports = 3
	// reportShare is the part of the sources that must have reported: one in
	// reportShare, and more. A half would let a dead relay pass where half of the clients
	// are not there.
	reportShare = 3
	// maxHealthSources bounds what is kept of one relay, 4 KiB. Beyond, it is a sample that
	// nobody can choose to be in, and 256 tell a third from a fifth or a half.
	maxHealthSources = 256
	// suspectCost is as how many givings one of a suspect relay counts: it gets a 16th of
	// its share, since otherwise nobody would see that it is back.
	suspectCost = 16
)

// source is who polls, and sighting is who and when. The id tells nobody who it was.
type (
	source   uint64
	sighting struct {
		source source
		step   int // from 1
	}
)

// watch makes sightings.
type watch struct {
	seed  maphash.Seed
	start time.Time
}

func newWatch() watch { return watch{maphash.MakeSeed(), time.Now()} }

// sight notes that a proxy at a polls now. One source is an IPv4 /24 or an IPv6 /48: what
// one may have for a moment's rent, and yet few have a neighbour in it who is a proxy
// too. All whose address is not known are one.
func (w watch) sight(a netip.Addr) sighting {
	bits := 48
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // the zero Prefix for the zero Addr
	b := p.Addr().As16()
	return sighting{source(maphash.Bytes(w.seed, b[:])), 1 + int(time.Since(w.start)/healthStep)}
}

// health is which sources were given a relay lately, and which of them reported that they
// could not open it. The zero value knows of none.
type health struct {
	suspect bool
	givings []giving // by source, ascending
	reports int      // how many of them have one
	swept   int      // the step of the last sweep
}

// giving is when a source was last given the relay, and last reported it. Steps begin with
// 1: 0 is never.
type giving struct {
	source          source
	given, reported int32
}

func isRecent(step int32, now int) bool { return step > 0 && now-int(step) < healthSteps }

// gave notes that the relay was given to a source.
func (h *health) gave(to sighting) {
	h.sweep(to.step)
	i, found := h.find(to.source)
	switch {
	case found:
		h.givings[i].given = int32(to.step)
		return
	case i == maxHealthSources:
		return // the sample is of the smallest ids
	case len(h.givings) == maxHealthSources:
		last := len(h.givings) - 1
		h.forget(h.givings[last])
		h.givings = h.givings[:last]
	}
	h.givings = slices.Insert(h.givings, i, giving{source: to.source, given: int32(to.step)})
}

// report notes that a source could not open the relay. One that was not given it lately
// has no say.
func (h *health) report(from sighting) {
	h.sweep(from.step)
	i, found := h.find(from.source)
	if !found {
		return
	}
	if h.givings[i].reported == 0 {
		h.reports++
	}
	h.givings[i].reported = int32(from.step)
}

// judge says whether the relay has become suspect, or has ceased to be.
func (h *health) judge(now int) (changed bool) {
	h.sweep(now)
	was := h.suspect
	h.suspect = h.reports >= minReports && h.reports*reportShare > len(h.givings)
	return h.suspect != was
}

// sweep forgets what is too old.
func (h *health) sweep(now int) {
	if now <= h.swept {
		return
	}
	h.swept = now
	h.givings = slices.DeleteFunc(h.givings, func(g giving) bool {
		if !isRecent(g.given, now) {
			h.forget(g)
			return true
		}
		return false
	})
	for i := range h.givings {
		if g := &h.givings[i]; g.reported > 0 && !isRecent(g.reported, now) {
			h.forget(*g)
			g.reported = 0
		}
	}
}

func (h *health) forget(g giving) {
	if g.reported > 0 {
		h.reports--
	}
}

func (h *health) find(s source) (int, bool) {
	return slices.BinarySearchFunc(h.givings, s, func(g giving, s source) int { return cmp.Compare(g.source, s) })
}
