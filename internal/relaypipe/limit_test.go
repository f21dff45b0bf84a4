package relaypipe

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/netwait"

	"golang.org/x/time/rate"
)

// Pipes that share a limiter have its rate together, in equal parts, whichever
// way their bytes go and however they are cut.
func TestSharedLimiter(t *testing.T) {
	const (
		perSecond = 100 << 10
		burst     = 20 << 10
		seconds   = 60
		pipes     = 4
	)
	synctest.Test(t, func(t *testing.T) {
		limiter := rate.NewLimiter(perSecond, burst)
		var wg sync.WaitGroup
		var got [pipes]atomic.Int64
		var rigs [pipes]*rig
		for i := range pipes {
			r := startPlain(t, Options{Limiter: limiter})
			rigs[i] = r
			from, to := r.a, r.b
			if i%2 == 1 {
				from, to = to, from
			}
			wg.Go(func() {
				var err error
				for p := make([]byte, 100<<(3*i)); err == nil; {
					_, err = from.Write(p)
				}
			})
			wg.Go(func() {
				p := make([]byte, 64<<10)
				for {
					n, err := to.Read(p)
					got[i].Add(int64(n))
					if err != nil {
						return
					}
				}
			})
		}
		time.Sleep(seconds * time.Second)
		synctest.Wait()
		total := int64(0)
		for i := range got {
			n := got[i].Load()
			total += n
			if fair := int64(seconds * perSecond / pipes); n < fair*95/100 || n > fair*105/100 {
				t.Errorf("pipe %d got %d bytes; %d is its share", i, n, fair)
			}
		}
		if most := int64(seconds*perSecond + burst); total > most || total < most-pipes*limitedSize {
			t.Errorf("%d bytes in %d s; want %d", total, seconds, most)
		}
		for i, r := range rigs {
			r.cancel(io.EOF)
			if err := r.ended(); err != io.EOF {
				t.Errorf("pipe %d: %v", i, err)
			}
		}
		wg.Wait()
	})
}

// asked is a limiter that lets all through and remembers the most it was asked for.
type asked struct {
	burst int
	most  atomic.Int64
}

func (l *asked) Burst() int { return l.burst }

func (l *asked) WaitN(ctx context.Context, n int) error {
	l.most.Store(max(l.most.Load(), int64(n)))
	return nil
}

func TestBurst(t *testing.T) {
	for _, tt := range []struct{ burst, want int }{
		{1000, 1000},
		{1 << 20, limitedSize},
		{0, limitedSize}, // what rate.NewLimiter(rate.Inf, 0) says
	} {
		synctest.Test(t, func(t *testing.T) {
			l := &asked{burst: tt.burst}
			r := startPlain(t, Options{Limiter: l})
			data := noise(1, 3*bufferSize)
			go func() {
				r.a.Write(data)
				r.a.Close()
			}()
			expect(t, r.b, data)
			r.b.Close()
			r.endedClean(len(data), 0)
			if l.most.Load() != int64(tt.want) {
				t.Errorf("burst %d: asked for %d at once; want %d", tt.burst, l.most.Load(), tt.want)
			}
		})
	}
}

// together may not be written in parts.
type together struct {
	parted
	t *testing.T
}

func (c together) WriteParts(parts netwait.Parts) (int, error) {
	c.t.Error("parts were written that the limiter was not asked for")
	return c.parted.WriteParts(parts)
}

// The limiter has its say also where data come in parts.
func TestLimitedParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &asked{burst: 1000}
		view := func(c net.Conn) net.Conn { return together{parted{c, c.(halfCloser)}, t} }
		r := newRig(t).run(Options{Limiter: l}, view, view)
		exchange(t, r.a, r.b, 200<<10)
		r.endedClean(200<<10, 200<<10)
		if l.most.Load() != 1000 {
			t.Errorf("asked for %d at once; want 1000", l.most.Load())
		}
	})
}
