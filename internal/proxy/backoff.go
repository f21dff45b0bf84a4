package proxy

import (
	"math/rand/v2"
	"time"
)

// backoff says how long to pause after each failure in a row: base, then twice
// as long each time up to limit, each with jitter, so that the proxies of a
// facilitator that was away do not come back all at once.
type backoff struct {
	base, limit time.Duration
	next        time.Duration // before jitter; 0: no failure yet
}

func (b *backoff) fail() time.Duration {
	d := max(b.next, b.base)
	b.next = min(2*d, b.limit)
	return jitter(d)
}

func (b *backoff) reset() { b.next = 0 }

// jitter gives between three and five quarters of d.
func jitter(d time.Duration) time.Duration {
	return d - d/4 + rand.N(d/2+1)
}
