package relaypipe

import (
	"bytes"
	"context"
	"errors"
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

// A view of a connection shows less than all that it can do.
type view func(net.Conn) net.Conn

func whole(c net.Conn) net.Conn   { return c }
func noHalf(c net.Conn) net.Conn  { return waiter{c} }             // as a WebSocket
func noWait(c net.Conn) net.Conn  { return closer{c} }             // as TLS
func bare(c net.Conn) net.Conn    { return struct{ net.Conn }{c} } // neither
func inParts(c net.Conn) net.Conn { return parted{c, c.(halfCloser)} }

type (
	waiter struct{ net.Conn }
	closer struct{ net.Conn }
	parted struct {
		net.Conn
		halfCloser
	}
)

func (c waiter) WaitRead() error   { return c.Conn.(netwait.Waiter).WaitRead() }
func (c closer) CloseWrite() error { return c.Conn.(halfCloser).CloseWrite() }

// ReadLate leaves a gap before each part, of which there are more than a list has room for when
// much has come.
func (c parted) ReadLate(l netwait.Lender) (netwait.Parts, error) {
	if err := c.Conn.(netwait.Waiter).WaitRead(); err != nil {
		return nil, err
	}
	buf := l.Borrow()
	data := make([]byte, len(buf)/2)
	n, err := c.Read(data)
	if err != nil {
		l.Return()
		return nil, err
	}
	parts := l.Parts()
	for data = data[:n]; len(data) > 0; {
		m := min(1+len(data)%1000, len(data))
		copy(buf, "-")
		copy(buf[1:], data[:m])
		parts = parts.Add(buf[1 : 1+m])
		buf, data = buf[1+m:], data[m:]
	}
	return parts, nil
}

// WriteParts writes each by itself.
func (c parted) WriteParts(parts netwait.Parts) (all int, err error) {
	for b := parts.Next(bufferSize); len(b) > 0 && err == nil; b = parts.Next(bufferSize) {
		var n int
		n, err = c.Write(b)
		all += n
	}
	return all, err
}

// rig is a pipe between two connections in memory, whose other ends, a and b,
// the test has. To be used inside a synctest bubble.
type rig struct {
	t            *testing.T
	a, b         *memnet.Conn // the test's ends
	nearA, nearB *memnet.Conn // the pipe's ends
	buffers      bufferPool
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
		p := newPipe(viewA(r.nearA), viewB(r.nearB), o, &r.buffers)
		p.start(ctx)
		p.aToB.copy()
		r.stats, r.err = p.wait()
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
	if n := r.buffers.out.Load(); n != 0 {
		r.t.Errorf("%d buffers are still out", n)
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
