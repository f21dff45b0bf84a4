//go:build unix

package netwait

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// More than the system's buffers hold arrives whole, with a deadline in the middle.
func TestWriter(t *testing.T) {
	a, b := tcpPair(t)
	w := Writer(a)
	if w == io.Writer(a) {
		t.Fatal("a TCP connection is written as any other")
	}
	data := make([]byte, 16<<20)
	for i := range data {
		data[i] = byte(i / 251)
	}
	a.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	n, err := w.Write(data)
	if !errors.Is(err, os.ErrDeadlineExceeded) || n <= 0 || n >= len(data) {
		t.Fatalf("to a peer that does not read: wrote %d, %v", n, err)
	}
	a.SetWriteDeadline(time.Time{})
	type result struct {
		n   int
		err error
	}
	done := make(chan result)
	go func() {
		m, err := w.Write(data[n:])
		a.Close()
		done <- result{m, err}
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes came, %v; or they were others", len(got), err)
	}
	if r := <-done; r.err != nil || n+r.n != len(data) {
		t.Fatalf("wrote %d and %d, %v", n, r.n, r.err)
	}
	if n, err := w.Write(nil); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Fatalf("closed: wrote %d, %v", n, err)
	}
}

// What ends a Write has the form that a net.Conn gives it.
func TestWriterEnds(t *testing.T) {
	a, b := tcpPair(t)
	b.(*net.TCPConn).SetLinger(0)
	b.Close()
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("the reset has not come: %v", err)
	}
	_, err := Writer(a).Write([]byte("x"))
	_, want := a.Write([]byte("x"))
	if err == nil || err.Error() != want.Error() || !errors.Is(err, syscall.EPIPE) {
		t.Fatalf("after a reset: %v; want %v", err, want)
	}
	a.Close()
	_, err = Writer(a).Write([]byte("x"))
	if _, want = a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) || !errors.Is(want, net.ErrClosed) {
		t.Fatalf("closed: %v; want %v", err, want)
	}
}

// What is no TCP connection is written by its own Write.
func TestWriterOthers(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if Writer(a) != io.Writer(a) {
		t.Fatal("a pipe has another writer than itself")
	}
}

// A read and a write allocate nothing.
func TestAllocs(t *testing.T) {
	a, b := tcpPair(t)
	w, r, l := Writer(a), Late(b), &lender{}
	message := []byte("abc")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := w.Write(message); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ReadLate(l); err != nil {
			t.Fatal(err)
		}
		l.Return()
	}); n != 0 {
		t.Errorf("a message allocates %v times", n)
	}
}
