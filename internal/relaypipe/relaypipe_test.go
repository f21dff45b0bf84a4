package relaypipe

import (
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

func TestBothWays(t *testing.T) {
	for _, tt := range []struct {
		name                     string
		size                     int
		viewA, viewB             view
		nearBuffer, farBuffer    int
		nearMaxRead, farMaxReads int
	}{
		{"plain", 2 << 20, whole, whole, memnet.DefaultBuffer, memnet.DefaultBuffer, 0, 0},
		{"cannot wait", 2 << 20, noWait, whole, memnet.DefaultBuffer, memnet.DefaultBuffer, 0, 0},
		{"in parts", 2 << 20, inParts, inParts, memnet.DefaultBuffer, memnet.DefaultBuffer, 0, 0},
		{"in parts one way", 2 << 20, inParts, whole, memnet.DefaultBuffer, memnet.DefaultBuffer, 0, 0},
		{"byte by byte", 100 << 10, whole, noWait, memnet.DefaultBuffer, memnet.DefaultBuffer, 1, 1},
		{"messages", 1 << 20, noWait, whole, memnet.DefaultBuffer, memnet.DefaultBuffer, 514, 0},
		{"slow far ends", 1 << 20, whole, noWait, memnet.DefaultBuffer, 700, 0, 100},
		{"small buffers", 100 << 10, noWait, whole, 5, 7, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				for near, far := range map[*memnet.Conn]*memnet.Conn{r.nearA: r.a, r.nearB: r.b} {
					near.SetReadBuffer(tt.nearBuffer)
					far.SetReadBuffer(tt.farBuffer)
					near.SetMaxRead(tt.nearMaxRead)
					far.SetMaxRead(tt.farMaxReads)
				}
				r.run(Options{IdleTimeout: time.Hour}, tt.viewA, tt.viewB)
				exchange(t, r.a, r.b, tt.size)
				r.endedClean(tt.size, tt.size)
			})
		})
	}
}

// A message is forwarded at once when nothing else is there to go with it.
func TestNothingIsDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPlain(t, Options{})
		for range 10 {
			send(t, r.a, []byte("ping"))
			expect(t, r.b, []byte("ping"))
			send(t, r.b, []byte("pong"))
			expect(t, r.a, []byte("pong"))
		}
		if d := time.Since(r.start); d != 0 {
			t.Errorf("took %v", d)
		}
		r.a.CloseWrite()
		r.b.CloseWrite()
		r.endedClean(40, 40)
	})
}

func TestHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPlain(t, Options{})
		send(t, r.a, []byte("question"))
		r.a.CloseWrite()
		expect(t, r.b, []byte("question"))
		expectEnd(t, r.b)
		r.running()
		time.Sleep(24 * time.Hour)
		send(t, r.b, []byte("answer"))
		expect(t, r.a, []byte("answer"))
		r.running()
		r.b.CloseWrite()
		expectEnd(t, r.a)
		r.endedClean(8, 6)
	})
}

// What a side wrote just before it closed is delivered, also to a slow reader.
func TestCloseLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name         string
		viewA, viewB view
	}{
		{"both can half-close", whole, whole},
		{"the source cannot", noHalf, whole},
		{"the source cannot wait either", bare, whole},
		{"the destination cannot", whole, noHalf},
		{"neither can", bare, bare},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.b.SetReadBuffer(10)
				r.run(Options{}, tt.viewA, tt.viewB)
				data := noise(1, 60<<10) // what the buffers before the pipe hold
				send(t, r.a, data)
				r.a.Close()
				r.running()
				expect(t, r.b, data)
				expectEnd(t, r.b)
				r.b.Close()
				r.endedClean(len(data), 0)
			})
		})
	}
}

// A connection that cannot half-close is gone at its end: the pipe ends, too.
func TestEndWithoutHalfClose(t *testing.T) {
	for _, tt := range []struct {
		name         string
		viewA, viewB view
	}{
		{"the source cannot", noHalf, whole},
		{"the destination cannot", whole, noHalf},
		{"neither can, nor wait", bare, bare},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t).run(Options{}, tt.viewA, tt.viewB)
				send(t, r.a, []byte("bye"))
				r.a.CloseWrite()
				expect(t, r.b, []byte("bye"))
				expectEnd(t, r.b)
				r.endedClean(3, 0)
			})
		})
	}
}

// A source that has only stopped talking still gets what was read for it, even
// if the pipe must end because the other side cannot half-close.
func TestEndDeliversTheWayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.a.SetReadBuffer(10)
		r.run(Options{}, whole, noHalf)
		data := noise(1, 20<<10)
		send(t, r.b, data)
		r.running() // all of it is read, and a does not take it
		r.a.CloseWrite()
		r.running()
		send(t, r.b, []byte("too late"))
		r.running()
		expect(t, r.a, data)
		expectEnd(t, r.a)
		expectEnd(t, r.b)
		r.endedClean(0, len(data))
	})
}
