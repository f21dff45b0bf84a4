package client

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
	"flashproxy/internal/netwait"
)

// page lends one buffer.
type page struct {
	t    *testing.T
	buf  [512]byte
	lent bool
}

func (p *page) Borrow() []byte {
	if p.lent {
		p.t.Error("borrowed twice")
	}
	p.lent = true
	return p.buf[:]
}

func (p *page) Parts() netwait.Parts { return make(netwait.Parts, 0, 1) }

func (p *page) Return() {
	if !p.lent {
		p.t.Error("returned what was not borrowed")
	}
	p.lent = false
}

// What comes before, while and after a held connection is linked comes once and in
// order, whichever way it is read, and whether or not the connection can wait.
func TestHeldKeepsTheStream(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			peer, near := memnet.Pipe()
			near.SetMaxRead(rnd.IntN(2) * (1 + rnd.IntN(600)))
			var c net.Conn = near
			if seed%2 == 1 {
				c = struct{ net.Conn }{near}
			}
			data := make([]byte, rnd.IntN(3*heldBytes))
			rand.NewChaCha8([32]byte{byte(seed)}).Read(data)
			var wg sync.WaitGroup
			wg.Go(func() {
				for rest := data; len(rest) > 0; {
					n := min(1+rnd.IntN(1500), len(rest))
					peer.Write(rest[:n])
					rest = rest[n:]
					time.Sleep(time.Duration(rnd.IntN(3)) * time.Second)
				}
				peer.Close()
			})
			h := hold(&wg, c)
			time.Sleep(time.Duration(seed) * time.Second / 4)
			got, err := readHeld(h, &page{t: t}, rand.New(rand.NewPCG(seed, 1)))
			if !bytes.Equal(got, data) || err != io.EOF {
				t.Errorf("seed %d: %d bytes of %d, or others; %v", seed, len(got), len(data), err)
			}
			wg.Wait()
			if !h.lost.Load() {
				t.Errorf("seed %d: the peer's end was not seen", seed)
			}
			h.Close()
		})
	}
}

func readHeld(h *held, p *page, rnd *rand.Rand) (all []byte, err error) {
	late := netwait.Late(h).ReadLate
	for {
		var b []byte
		if rnd.IntN(2) == 0 {
			var parts netwait.Parts
			if parts, err = late(p); err == nil {
				b = bytes.Clone(parts.Join())
				p.Return()
			}
		} else {
			b = make([]byte, 1+rnd.IntN(1000))
			var n int
			n, err = h.Read(b)
			b = b[:n]
		}
		if all = append(all, b...); err != nil {
			return all, err
		}
	}
}
