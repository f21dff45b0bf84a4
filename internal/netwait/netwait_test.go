//go:build unix

package netwait

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func tcpPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// Data that was already there when the last Read left it must be seen again:
// an edge-triggered wait alone would sleep here for ever.
func TestReadableSeesWhatIsLeft(t *testing.T) {
	a, b := tcpPair(t)
	wait := Readable(b)
	if _, err := a.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	for _, want := range "abc" {
		if err := wait(); err != nil {
			t.Fatalf("wait: %v", err)
		}
		if _, err := io.ReadFull(b, one); err != nil || one[0] != byte(want) {
			t.Fatalf("read %q, %v; want %q", one, err, want)
		}
	}
	a.Close()
	if err := wait(); err != nil {
		t.Fatalf("wait at the end of the stream: %v", err)
	}
	if n, err := b.Read(one); n != 0 || err != io.EOF {
		t.Fatalf("read %d, %v; want the end of the stream", n, err)
	}
}

func TestReadableEnds(t *testing.T) {
	_, b := tcpPair(t)
	wait := Readable(b)
	b.SetReadDeadline(time.Now().Add(-time.Second))
	if err := wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("wait past the deadline: %v", err)
	}
	b.SetReadDeadline(time.Time{})
	done := make(chan error)
	go func() { done <- wait() }()
	b.Close()
	if err := <-done; err == nil {
		t.Fatal("wait on a closed connection: no error")
	}
}

func TestReadableCannotTell(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if Readable(a) != nil {
		t.Fatal("a pipe has no readiness")
	}
}
