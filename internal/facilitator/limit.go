package facilitator

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
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
// 150 bytes each that is 10 MB.
const maxSources = 1 << 15

// sourceKey is what counts as one source: an IPv4 address, or an IPv6 /64, which
// is what one subscriber has at least (RFC 6177), with 2^64 addresses to spend. All whose
// address is not known are one.
func sourceKey(a netip.Addr) netip.Addr {
	if a = a.Unmap(); !a.Is6() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// buckets is a token bucket for each source. A source is forgotten when its
// bucket must be full again, which makes no difference, or when there are too many,
// which makes all of them start anew: who has that many addresses is not
// stopped by a limit on each.
type buckets struct {
	every rate.Limit
	burst int

	mu       sync.Mutex // of all below
	new, old map[netip.Addr]*rate.Limiter
	turned   time.Time // when new became new
}

func newBuckets(perSecond rate.Limit, burst int) *buckets {
	return &buckets{every: perSecond, burst: burst, new: make(map[netip.Addr]*rate.Limiter), turned: time.Now()}
}

// take takes a token of a's source, or says how long until there is one.
func (b *buckets) take(a netip.Addr) (wait time.Duration, ok bool) {
	now := time.Now()
	limiter := b.of(sourceKey(a), now)
	r := limiter.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	return 0, true
}

func (b *buckets) of(key netip.Addr, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l, ok := b.new[key]; ok {
		return l
	}
	full := time.Duration(float64(b.burst) / float64(b.every) * float64(time.Second))
	if len(b.new) >= maxSources || now.Sub(b.turned) >= full {
		b.old, b.new, b.turned = b.new, make(map[netip.Addr]*rate.Limiter), now
	}
	l, ok := b.old[key]
	if !ok {
		l = rate.NewLimiter(b.every, b.burst)
	}
	b.new[key] = l
	return l
}

// gauge counts what each source has at a time.
type gauge struct {
	mu sync.Mutex
	n  map[netip.Addr]int
}

func newGauge() *gauge { return &gauge{n: make(map[netip.Addr]int)} }

// add counts one more for a's source and gives how many it has now. A sub must
// follow.
func (g *gauge) add(a netip.Addr) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := sourceKey(a)
	g.n[key]++
	return g.n[key]
}

func (g *gauge) sub(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := sourceKey(a)
	if g.n[key]--; g.n[key] == 0 {
		delete(g.n, key)
	}
}
