package facilitator

import (
	"net/netip"
	"sync"
	"time"
)

// How much one source may ask for. A source is often not one user: many share
// an IPv4 address behind a carrier's or a university's NAT, so these only stop
// what no crowd does.
const (
	// A client registers once in several minutes, and a few times in a row when
	// its network is bad: 2 a second serve more than 500 users behind one address,
	// and the burst those whose power came back together. In the 10 minutes that a
	// registration lives by default one source can place 1260, a hundredth of the
	// default pool.
	registerRate  = 2
	registerBurst = 60
	// A sealed registration comes from whom it was carried by: a handful of
	// addresses of a CDN or a mail service stand for all their users.
	carriedRate  = 20
	carriedBurst = 600
	// A held poll is a place in the queue for clients. One source with all the
	// places would get all the clients; 64 is more proxies than most networks have,
	// and those beyond lose nothing but the wait.
	maxHeldPerSource = 64
	// A connection is a file descriptor and some 20 KB, for idleTimeout at least if the
	// peer likes. A process has 65,536 descriptors (doc/facilitator.service), which
	// one source shall not take from all others.
	maxConnsPerSource = 1024
)

// maxSources bounds how many sources are remembered, in each of two halves: at about
// 60 bytes each that is 4 MB.
const maxSources = 1 << 15

// sourceKey is what counts as one source: an IPv4 address, or an IPv6 /64, which
// is what one subscriber has at least (RFC 6177), with 2^64 addresses to spend. All whose
// address is not known are one. It has no pointer, so that the collector need not look at
// tables of them.
type sourceKey [16]byte

func keyOf(a netip.Addr) sourceKey {
	a = a.Unmap()
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64) // no error: the bits fit
		a = p.Addr()
	}
	return a.As16()
}

// buckets is a token bucket for each source, of which no more is kept than the time at
// which it will be full: the generic cell rate algorithm (ITU-T I.371, annex A). A
// rate.Limiter for each, in the place of eight bytes, was a fiftieth of a match.
//
// A source is forgotten when its bucket must be full again, which makes no difference, or
// when there are too many, which makes all of them start anew: who has that many addresses
// is not stopped by a limit on each.
type buckets struct {
	each time.Duration // for a token
	all  time.Duration // for a whole bucket

	mu       sync.Mutex // of all below
	start    time.Time  // times are counted from here
	new, old map[sourceKey]time.Duration
	turned   time.Duration // when new became new
}

// newBuckets gives perSecond tokens a second to each bucket, which holds burst.
func newBuckets(perSecond, burst int) *buckets {
	each := time.Second / time.Duration(perSecond)
	return &buckets{each: each, all: each * time.Duration(burst), start: time.Now(), new: make(map[sourceKey]time.Duration)}
}

// take takes a token of a's source, or says how long until there is one.
func (b *buckets) take(a netip.Addr) (wait time.Duration, ok bool) {
	key := keyOf(a)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Since(b.start)
	if len(b.new) >= maxSources || now-b.turned >= b.all {
		b.old, b.new, b.turned = b.new, make(map[sourceKey]time.Duration), now
	}
	full, known := b.new[key]
	if !known {
		full = b.old[key]
	}
	full = max(full, now)
	if wait = full + b.each - now - b.all; wait <= 0 {
		full, wait, ok = full+b.each, 0, true
	}
	b.new[key] = full
	return wait, ok
}

// gauge counts what each source has at a time.
type gauge struct {
	mu sync.Mutex
	n  map[sourceKey]int
}

func newGauge() *gauge { return &gauge{n: make(map[sourceKey]int)} }

// add counts one more for a's source and gives how many it has now. A sub must
// follow.
func (g *gauge) add(a netip.Addr) int {
	key := keyOf(a)
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.n[key] + 1
	g.n[key] = n
	return n
}

func (g *gauge) sub(a netip.Addr) {
	key := keyOf(a)
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := g.n[key]; n > 1 {
		g.n[key] = n - 1
	} else {
		delete(g.n, key)
	}
}
