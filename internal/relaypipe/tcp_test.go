package relaypipe

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
)

func tcpPair(tb testing.TB) (a, b *net.TCPConn) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// overTCP is a rig on loopback; wait returns what Run does, and checks that
// both connections are closed then.
func overTCP(t *testing.T, ctx context.Context) (a, b *net.TCPConn, wait func() (Stats, error)) {
	a, nearA := tcpPair(t)
	nearB, b := tcpPair(t)
	type result struct {
		stats Stats
		err   error
	}
	done := make(chan result, 1)
	go func() {
		stats, err := Run(ctx, nearA, nearB, Options{})
		done <- result{stats, err}
	}()
	return a, b, func() (Stats, error) {
		t.Helper()
		r := <-done
		for _, c := range []net.Conn{nearA, nearB} {
			if err := c.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Run left a connection open: %v", err)
			}
		}
		return r.stats, r.err
	}
}

func TestTCPBothWays(t *testing.T) {
	a, b, wait := overTCP(t, t.Context())
	const size = 5 << 20
	exchange(t, a, b, size)
	if stats, err := wait(); err != nil || stats != (Stats{size, size}) {
		t.Errorf("delivered %+v, %v", stats, err)
	}
}

func TestTCPHalfClose(t *testing.T) {
	a, b, wait := overTCP(t, t.Context())
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expectEnd(t, b)
	data := noise(1, 1<<20)
	go func() {
		b.Write(data)
		b.Close() // right after the last byte
	}()
	expect(t, a, data)
	expectEnd(t, a)
	if stats, err := wait(); err != nil || stats != (Stats{BToA: 1 << 20}) {
		t.Errorf("delivered %+v, %v", stats, err)
	}
}

// Blocked in a read one way and in a write the other.
func TestTCPContext(t *testing.T) {
	cause := errors.New("asked to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	a, b, wait := overTCP(t, ctx)
	data := make([]byte, 64<<20) // more than the sockets of both legs buffer
	wrote := make(chan error, 1)
	go func() {
		_, err := a.Write(data)
		wrote <- err
	}()
	expect(t, b, data[:1]) // it flows
	cancel(cause)
	if _, err := wait(); err != cause {
		t.Errorf("end: %v; want the cause of the context", err)
	}
	if err := <-wrote; err == nil {
		t.Error("64 MB were written to a pipe that ended")
	}
}

// A reset is no clean end: bytes may be lost.
func TestTCPReset(t *testing.T) {
	a, b, wait := overTCP(t, t.Context())
	send(t, a, []byte("x"))
	expect(t, b, []byte("x"))
	a.SetLinger(0)
	a.Close()
	if _, err := wait(); !errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix(err.Error(), "read a: ") {
		t.Errorf("end: %v; want read a: the reset", err)
	}
}

func TestTCPNoAllocations(t *testing.T) {
	a, b, wait := overTCP(t, t.Context())
	msg := make([]byte, 514)
	if n := testing.AllocsPerRun(1000, func() {
		send(t, a, msg)
		fill(t, b, msg)
	}); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
	a.Close()
	b.Close()
	wait()
}
