package relaypipe

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestIdle(t *testing.T) {
	const limit = 10 * time.Second
	for _, tt := range []struct {
		name string
		act  func(r *rig) // leaves the pipe idle
	}{
		{"nothing ever", func(r *rig) {}},
		{"one way for a long time", func(r *rig) {
			for range 20 {
				time.Sleep(limit - 1)
				send(r.t, r.a, []byte("x"))
				expect(r.t, r.b, []byte("x"))
			}
		}},
		{"the other way", func(r *rig) {
			for range 20 {
				time.Sleep(limit * 2 / 3)
				send(r.t, r.b, []byte("x"))
				expect(r.t, r.a, []byte("x"))
			}
		}},
		{"after a half-close", func(r *rig) {
			time.Sleep(limit / 2)
			send(r.t, r.a, []byte("x"))
			r.a.CloseWrite()
			expect(r.t, r.b, []byte("x"))
			expectEnd(r.t, r.b)
		}},
		// What nobody takes is no activity, however much the sender offers.
		{"reader stopped", func(r *rig) {
			time.Sleep(limit / 2)
			r.b.SetReadBuffer(1)
			send(r.t, r.a, make([]byte, bufferSize))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startPlain(t, Options{IdleTimeout: limit})
				tt.act(r)
				r.running()
				idleFrom := time.Now()
				if err := r.ended(); err != ErrIdle {
					t.Errorf("end: %v; want ErrIdle", err)
				}
				if d := time.Since(idleFrom); d != limit {
					t.Errorf("ended after %v of idleness; want %v", d, limit)
				}
			})
		})
	}
}

// A slow reader keeps the pipe: bytes move.
func TestSlowIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.b.SetReadBuffer(1 << 10)
		r.run(Options{IdleTimeout: 2 * time.Minute}, whole, whole)
		data := noise(1, 3*bufferSize)
		go func() {
			r.a.Write(data)
			r.a.Close()
		}()
		for rest := data; len(rest) > 0; {
			time.Sleep(time.Second)
			n := min(len(rest), 1<<10)
			expect(t, r.b, rest[:n])
			rest = rest[n:]
		}
		expectEnd(t, r.b)
		r.b.Close()
		r.endedClean(len(data), 0)
	})
}
