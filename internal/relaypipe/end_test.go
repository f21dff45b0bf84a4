package relaypipe

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

func TestContext(t *testing.T) {
	cause := errors.New("asked to stop")
	big := make([]byte, 3*bufferSize)
	for _, tt := range []struct {
		name string
		view view
		o    Options
		prep func(r *rig)
	}{
		{"blocked in wait", whole, Options{}, func(r *rig) {}},
		{"blocked in read", bare, Options{}, func(r *rig) {}},
		{"blocked in write", whole, Options{}, func(r *rig) { r.a.Write(big[:100]) }},
		{"blocked in write, buffer full", whole, Options{}, func(r *rig) { go r.a.Write(big) }},
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

// What ends a pipe may have happened before it begins, or happen meanwhile.
func TestEndedFromTheStart(t *testing.T) {
	cause := errors.New("asked to stop before")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, tt := range []struct {
		ctx  context.Context
		o    Options
		want error
	}{
		{cancelled, Options{}, cause},
		{cancelled, Options{Limiter: never{}, IdleTimeout: time.Hour}, cause},
		{t.Context(), Options{IdleTimeout: 1}, ErrIdle},
	} {
		for _, view := range []view{whole, noHalf, noWait, bare} {
			a, nearA := memnet.Pipe()
			nearB, b := memnet.Pipe()
			stats, err := Run(tt.ctx, view(nearA), view(nearB), tt.o)
			if err != tt.want || stats != (Stats{}) {
				t.Errorf("%+v, %v; want %v", stats, err, tt.want)
			}
			expectEnd(t, a)
			expectEnd(t, b)
		}
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

// An error of the side that takes nothing ends the pipe although a Write to it is
// blocked. One of the other side is seen when its bytes are taken.
func TestErrorWhileBlocked(t *testing.T) {
	for _, view := range []view{whole, bare} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.b.SetReadBuffer(1)
			r.run(Options{}, view, view)
			send(t, r.a, noise(1, 10<<10))
			r.running()
			r.a.Abort()
			r.running()
			r.b.Abort()
			if err := r.ended(); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("end: %v; want the reset of b", err)
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
