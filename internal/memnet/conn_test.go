package memnet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/netwait"

	"golang.org/x/net/nettest"
)

var _ netwait.Waiter = (*Conn)(nil)

func TestConn(t *testing.T) {
	for _, tt := range []struct {
		name            string
		buffer, maxRead int
	}{
		{"default", DefaultBuffer, 0},
		{"one byte a read", DefaultBuffer, 1},
		// Less than one of the suite's messages would block it: it writes a whole
		// message to an echo before it reads any of it back.
		{"small buffer", 64, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				a, b := Pipe()
				for _, c := range []*Conn{a, b} {
					c.SetReadBuffer(tt.buffer)
					c.SetMaxRead(tt.maxRead)
				}
				return a, b, func() { a.Close(); b.Close() }, nil
			})
		})
	}
}

func mustWrite(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("write %d bytes: %d, %v", len(s), n, err)
	}
}

func mustReadAll(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got, err := io.ReadAll(c)
	if string(got) != want || err != nil {
		t.Fatalf("read %q, %v; want %q and the end of the stream", got, err, want)
	}
}

func TestHalfClose(t *testing.T) {
	a, b := Pipe()
	mustWrite(t, a, "last words")
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	mustReadAll(t, b, "last words")
	if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Fatalf("write after CloseWrite: %v", err)
	}
	mustWrite(t, b, "answer")
	b.Close()
	mustReadAll(t, a, "answer")
	if err := a.CloseWrite(); err != nil {
		t.Fatalf("CloseWrite again: %v", err)
	}
}

func TestClose(t *testing.T) {
	a, b := Pipe()
	mustWrite(t, a, "kept")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"read":         second(a.Read(make([]byte, 1))),
		"write":        second(a.Write([]byte("x"))),
		"wait":         a.WaitRead(),
		"close":        a.Close(),
		"half-close":   a.CloseWrite(),
		"set deadline": a.SetDeadline(time.Now()),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write to the closed peer: %v", err)
	}
	mustReadAll(t, b, "kept")
}

func second(_ int, err error) error { return err }

func TestAbort(t *testing.T) {
	a, b := Pipe()
	mustWrite(t, a, "lost")
	a.Abort()
	if err := b.WaitRead(); err != nil {
		t.Errorf("wait on a reset connection: %v; it is for Read to tell", err)
	}
	for name, err := range map[string]error{
		"read":  second(b.Read(make([]byte, 4))),
		"write": second(b.Write([]byte("x"))),
	} {
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s after the peer's Abort: %v", name, err)
		}
	}
}

// A writer blocks when the buffer is full, durably, and goes on with each read.
func TestFullBufferBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		b.SetReadBuffer(10)
		done := make(chan error, 1)
		go func() {
			_, err := a.Write(bytes.Repeat([]byte("x"), 25))
			done <- err
		}()
		for _, want := range []int{10, 10, 5} {
			synctest.Wait()
			if b.Buffered() != want {
				t.Fatalf("%d bytes buffered; want %d", b.Buffered(), want)
			}
			if n, err := b.Read(make([]byte, 100)); n != want || err != nil {
				t.Fatalf("read %d, %v; want %d", n, err, want)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestMaxRead(t *testing.T) {
	a, b := Pipe()
	b.SetMaxRead(2)
	mustWrite(t, a, "abc")
	p := make([]byte, 10)
	for _, want := range []string{"ab", "c"} {
		if n, err := b.Read(p); string(p[:n]) != want || err != nil {
			t.Fatalf("read %q, %v; want %q", p[:n], err, want)
		}
	}
}

// Deadlines wake each kind of waiting call, at their time, and not once they
// were moved or taken away.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		b.SetReadBuffer(1)
		start := time.Now()
		calls := map[string]func() error{
			"read":  func() error { return second(a.Read(make([]byte, 1))) },
			"wait":  a.WaitRead,
			"write": func() error { return second(a.Write([]byte("xx"))) },
		}
		type result struct {
			name string
			err  error
			at   time.Duration
		}
		results := make(chan result, len(calls))
		a.SetDeadline(start.Add(time.Second))
		for name, call := range calls {
			go func() { results <- result{name, call(), time.Since(start)} }()
		}
		synctest.Wait()
		a.SetDeadline(time.Time{})
		time.Sleep(5 * time.Second)
		a.SetDeadline(start.Add(7 * time.Second))
		for range calls {
			r := <-results
			if !errors.Is(r.err, os.ErrDeadlineExceeded) || r.at != 7*time.Second {
				t.Errorf("%s ended after %v: %v", r.name, r.at, r.err)
			}
		}
	})
}

// WaitRead returns for data, for the end of the stream, and takes nothing.
func TestWaitRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		waited := make(chan error, 1)
		go func() { waited <- b.WaitRead() }()
		synctest.Wait()
		select {
		case err := <-waited:
			t.Fatalf("wait ended with nothing to read: %v", err)
		default:
		}
		mustWrite(t, a, "x")
		if err := <-waited; err != nil {
			t.Fatal(err)
		}
		a.Close()
		if err := b.WaitRead(); err != nil {
			t.Fatal(err)
		}
		mustReadAll(t, b, "x")
		if err := b.WaitRead(); err != nil {
			t.Fatalf("wait at the end of the stream: %v", err)
		}
	})
}

func TestAddrs(t *testing.T) {
	x, y := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("[2001:db8::1]:2")
	a, b := PipeAddrs(x, y)
	for _, tt := range []struct {
		got  net.Addr
		want netip.AddrPort
	}{
		{a.LocalAddr(), x}, {a.RemoteAddr(), y}, {b.LocalAddr(), y}, {b.RemoteAddr(), x},
	} {
		if tcp, ok := tt.got.(*net.TCPAddr); !ok || tcp.AddrPort() != tt.want {
			t.Errorf("address %v (%T); want %v", tt.got, tt.got, tt.want)
		}
	}
}
