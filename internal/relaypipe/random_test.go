package relaypipe

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

// TestRandomEnds does what two peers and a caller may do, at random and at once:
// whatever it was, Run ends when both peers have gone, gives back what it had,
// and delivered no more than was sent.
func TestRandomEnds(t *testing.T) {
	views := []view{whole, noHalf, noWait, bare, inParts}
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			r := newRig(t)
			for _, c := range []*memnet.Conn{r.a, r.b, r.nearA, r.nearB} {
				c.SetReadBuffer(64 << rng.IntN(12))
			}
			r.run(Options{IdleTimeout: time.Minute}, views[rng.IntN(len(views))], views[rng.IntN(len(views))])
			var wg sync.WaitGroup
			var sent [2]int
			for i, c := range []*memnet.Conn{r.a, r.b} {
				rng := rand.New(rand.NewPCG(seed, uint64(1+i)))
				wg.Go(func() { sent[i] = misbehave(c, rng) })
				wg.Go(func() { drain(c) })
			}
			if rng.IntN(8) == 0 {
				r.cancel(errors.New("asked to stop"))
			}
			r.ended()
			wg.Wait()
			if r.stats.AToB > int64(sent[0]) || r.stats.BToA > int64(sent[1]) {
				t.Errorf("seed %d: delivered %+v of %v", seed, r.stats, sent)
			}
		})
	}
}

// misbehave writes for a while, ends in one of the possible ways, and returns
// how much it has written.
func misbehave(c *memnet.Conn, rng *rand.Rand) (sent int) {
	p := make([]byte, 1<<17)
	for rng.IntN(10) > 0 {
		n, _ := c.Write(p[:rng.IntN(1<<rng.IntN(18))])
		sent += n
		if rng.IntN(3) == 0 {
			time.Sleep(time.Duration(rng.IntN(40)) * time.Second)
		}
	}
	switch rng.IntN(4) {
	case 0:
		c.Abort()
	case 1:
		c.Close()
	case 2:
		c.CloseWrite()
	}
	return sent
}

// drain reads to the end, then closes, as a peer does that keeps to the rules.
func drain(c net.Conn) {
	defer c.Close()
	for p := make([]byte, 1<<15); ; {
		if _, err := c.Read(p); err != nil {
			return
		}
	}
}
