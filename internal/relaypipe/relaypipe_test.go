package relaypipe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
	"flashproxy/internal/netwait"
)

// A view of a connection shows less than all that it can do.
type view func(net.Conn) net.Conn

func whole(c net.Conn) net.Conn  { return c }
func noHalf(c net.Conn) net.Conn { return waiter{c} }             // as a WebSocket
func noWait(c net.Conn) net.Conn { return closer{c} }             // as TLS
func bare(c net.Conn) net.Conn   { return struct{ net.Conn }{c} } // neither

type (
	waiter struct{ net.Conn }
	closer struct{ net.Conn }
)

func (c waiter) WaitRead() error   { return c.Conn.(netwait.Waiter).WaitRead() }
func (c closer) CloseWrite() error { return c.Conn.(halfCloser).CloseWrite() }

// rig is a pipe between two connections in memory, whose other ends, a and b,
// the test has. To be used inside a synctest bubble.
type rig struct {
	t            *testing.T
	a, b         *memnet.Conn // the test's ends
	nearA, nearB *memnet.Conn // the pipe's ends
	rings        ringPool
	cancel       context.CancelCauseFunc
	start        time.Time
	done         chan struct{}
	stats        Stats // when done
	err          error // when done
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, done: make(chan struct{}), start: time.Now()}
	r.a, r.nearA = memnet.Pipe()
	r.nearB, r.b = memnet.Pipe()
	return r
}

// run starts the pipe between these views of its ends.
func (r *rig) run(o Options, viewA, viewB view) *rig {
	ctx, cancel := context.WithCancelCause(context.Background())
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.stats, r.err = newPipe(ctx, viewA(r.nearA), viewB(r.nearB), o, &r.rings).run()
	}()
	r.t.Cleanup(func() { // leaves nothing behind when a test gave up
		cancel(errors.New("test ended"))
		r.a.Close()
		r.b.Close()
		<-r.done
	})
	return r
}

func startPlain(t *testing.T, o Options) *rig {
	return newRig(t).run(o, whole, whole)
}

// ended waits for the end of the pipe and checks what holds at every end.
func (r *rig) ended() error {
	r.t.Helper()
	<-r.done
	for name, c := range map[string]*memnet.Conn{"a": r.nearA, "b": r.nearB} {
		if err := c.WaitRead(); !errors.Is(err, net.ErrClosed) {
			r.t.Errorf("the pipe left %s open: %v", name, err)
		}
	}
	if n := r.rings.out.Load(); n != 0 {
		r.t.Errorf("%d rings are still out", n)
	}
	return r.err
}

func (r *rig) endedClean(aToB, bToA int) {
	r.t.Helper()
	if err := r.ended(); err != nil {
		r.t.Errorf("end: %v; want a clean one", err)
	}
	if want := (Stats{AToB: int64(aToB), BToA: int64(bToA)}); r.stats != want {
		r.t.Errorf("delivered %+v; want %+v", r.stats, want)
	}
}

// running checks that the pipe goes on, once all has settled.
func (r *rig) running() {
	r.t.Helper()
	synctest.Wait()
	select {
	case <-r.done:
		r.t.Fatalf("the pipe ended: %v", r.err)
	default:
	}
}

func send(t *testing.T, c net.Conn, p []byte) {
	t.Helper()
	if n, err := c.Write(p); n != len(p) || err != nil {
		t.Fatalf("write %d bytes: %d, %v", len(p), n, err)
	}
}

func expect(t *testing.T, c net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %d bytes, %v, equal: %v; want %d", n, err, bytes.Equal(got[:n], want[:n]), len(want))
	}
}

func expectEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read %d bytes, %v; want the end of the stream", n, err)
	}
}

func noise(seed uint64, n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed)}).Read(p)
	return p
}

// exchange sends data both ways at once in pieces of random sizes, half-closes,
// and checks that each end receives what the other sent and then its end.
func exchange(t *testing.T, a, b net.Conn, size int) {
	t.Helper()
	var wg sync.WaitGroup
	for seed, ends := range [][2]net.Conn{{a, b}, {b, a}} {
		data := noise(uint64(seed), size)
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(seed), 0))
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 1+rng.IntN(1<<rng.IntN(18)))
				if _, err := ends[0].Write(rest[:n]); err != nil {
					t.Errorf("write: %v", err)
					return
				}
				rest = rest[n:]
			}
			if err := ends[0].(halfCloser).CloseWrite(); err != nil {
				t.Errorf("half-close: %v", err)
			}
		})
		wg.Go(func() {
			got, err := io.ReadAll(ends[1])
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("received %d bytes, %v, equal: %v; want %d", len(got), err, bytes.Equal(got, data), len(data))
			}
		})
	}
	wg.Wait()
}

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
				data := noise(1, 100<<10) // what the pipe and the buffers before it hold
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

func TestContext(t *testing.T) {
	cause := errors.New("asked to stop")
	big := make([]byte, 3*ringSize)
	for _, tt := range []struct {
		name string
		view view
		o    Options
		prep func(r *rig)
	}{
		{"blocked in wait", whole, Options{}, func(r *rig) {}},
		{"blocked in read", bare, Options{}, func(r *rig) {}},
		{"blocked in write", whole, Options{}, func(r *rig) { r.a.Write(big[:100]) }},
		{"blocked in write, ring full", whole, Options{}, func(r *rig) { go r.a.Write(big) }},
		{"blocked in limiter", whole, Options{Limiter: never{}}, func(r *rig) { r.a.Write(big[:100]) }},
		{"after the end of one way", whole, Options{}, func(r *rig) { r.a.CloseWrite() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.b.SetReadBuffer(1)
				r.run(tt.o, tt.view, tt.view)
				tt.prep(r)
				r.running()
				r.cancel(cause)
				if err := r.ended(); err != cause {
					t.Errorf("end: %v; want the cause of the context", err)
				}
				if d := time.Since(r.start); d != 0 {
					t.Errorf("took %v", d)
				}
			})
		})
	}
}

// never is a limiter that lets nothing through.
type never struct{}

func (never) Burst() int { return 1 << 20 }

func (never) WaitN(ctx context.Context, n int) error {
	<-ctx.Done()
	return ctx.Err()
}

// faulty fails in the way that the test asks for.
type faulty struct {
	*memnet.Conn
	writeErr, closeWriteErr error
}

func (c faulty) Write(p []byte) (int, error) {
	if c.writeErr != nil {
		return 0, c.writeErr
	}
	return c.Conn.Write(p)
}

func (c faulty) CloseWrite() error {
	if c.closeWriteErr != nil {
		return c.closeWriteErr
	}
	return c.Conn.CloseWrite()
}

// An error names the side that it was about.
func TestErrors(t *testing.T) {
	bad := errors.New("bad")
	badWrite := func(c net.Conn) net.Conn { return faulty{Conn: c.(*memnet.Conn), writeErr: bad} }
	badClose := func(c net.Conn) net.Conn { return faulty{Conn: c.(*memnet.Conn), closeWriteErr: bad} }
	for _, tt := range []struct {
		want         string
		is           error
		o            Options
		viewA, viewB view
		act          func(r *rig)
	}{
		{"read a: ", syscall.ECONNRESET, Options{}, whole, whole, func(r *rig) { r.a.Abort() }},
		{"read b: ", syscall.ECONNRESET, Options{}, whole, whole, func(r *rig) { r.b.Abort() }},
		{"read a: ", syscall.ECONNRESET, Options{}, bare, bare, func(r *rig) { r.a.Abort() }},
		{"write a: bad", bad, Options{}, badWrite, whole, func(r *rig) { r.b.Write([]byte("x")) }},
		{"write b: bad", bad, Options{}, whole, badWrite, func(r *rig) { r.a.Write([]byte("x")) }},
		{"half-close a: bad", bad, Options{}, badClose, whole, func(r *rig) { r.b.CloseWrite() }},
		{"half-close b: bad", bad, Options{}, whole, badClose, func(r *rig) { r.a.CloseWrite() }},
		{"rate limit: bad", bad, Options{Limiter: broken{bad}}, whole, whole, func(r *rig) { r.a.Write([]byte("x")) }},
	} {
		t.Run(tt.want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t).run(tt.o, tt.viewA, tt.viewB)
				tt.act(r)
				err := r.ended()
				if err == nil || !strings.HasPrefix(err.Error(), tt.want) || !errors.Is(err, tt.is) {
					t.Errorf("end: %v; want %s…", err, tt.want)
				}
				if r.stats != (Stats{}) {
					t.Errorf("delivered %+v", r.stats)
				}
			})
		})
	}
}

type broken struct{ err error }

func (broken) Burst() int                         { return 1 }
func (l broken) WaitN(context.Context, int) error { return l.err }

// An error on one side ends the pipe although the writer to the other is blocked.
func TestErrorWhileBlocked(t *testing.T) {
	for _, view := range []view{whole, bare} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.b.SetReadBuffer(1)
			r.run(Options{}, view, view)
			send(t, r.a, noise(1, 10<<10))
			r.running()
			r.a.Abort()
			if err := r.ended(); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("end: %v; want the reset of a", err)
			}
		})
	}
}

// slow takes its time to close, as a WebSocket does for its closing handshake.
type slow struct{ *memnet.Conn }

func (c slow) Close() error {
	time.Sleep(3 * time.Second)
	return c.Conn.Close()
}

func TestClosesBothAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lazy := func(c net.Conn) net.Conn { return slow{c.(*memnet.Conn)} }
		r := newRig(t).run(Options{}, lazy, lazy)
		r.cancel(nil)
		if err := r.ended(); !errors.Is(err, context.Canceled) {
			t.Errorf("end: %v", err)
		}
		if d := time.Since(r.start); d != 3*time.Second {
			t.Errorf("closing took %v; want both sides at once, 3s", d)
		}
	})
}
