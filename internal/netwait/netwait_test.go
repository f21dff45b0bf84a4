//go:build unix

package netwait

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
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

// lender counts what it has lent.
type lender struct {
	buf            [512]byte
	part           [1][]byte
	borrowed, lent int
}

func (l *lender) Borrow() []byte { l.borrowed++; l.lent++; return l.buf[:] }
func (l *lender) Return()        { l.lent-- }
func (l *lender) Parts() Parts   { return l.part[:0] }

// A late read holds nothing while it waits, sees what was there before, and ends
// as a Read does.
func TestLate(t *testing.T) {
	a, b := tcpPair(t)
	late := Late(b).ReadLate
	l := &lender{}
	type result struct {
		data string
		err  error
	}
	done := make(chan result)
	read := func() {
		data, err := late(l)
		done <- result{string(data.Join()), err}
	}
	for _, ahead := range []bool{false, true} {
		if ahead {
			a.Write([]byte("abc"))
		}
		go read()
		if !ahead {
			a.Write([]byte("abc"))
		}
		if r := <-done; r.data != "abc" || r.err != nil || l.lent != 1 {
			t.Fatalf("read %q, %v with %d lent", r.data, r.err, l.lent)
		}
		l.Return()
	}
	b.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	go read()
	if r := <-done; !errors.Is(r.err, os.ErrDeadlineExceeded) || l.lent != 0 {
		t.Fatalf("past the deadline: %v with %d lent", r.err, l.lent)
	}
	b.SetReadDeadline(time.Time{})
	a.Close()
	go read()
	if r := <-done; r.err != io.EOF || l.lent != 0 {
		t.Fatalf("at the end: %v with %d lent", r.err, l.lent)
	}
	b.Close()
	go read()
	if r := <-done; !errors.Is(r.err, net.ErrClosed) || l.lent != 0 {
		t.Fatalf("closed: %v with %d lent", r.err, l.lent)
	}
}

// A reset gives the error that Read gives.
func TestLateReset(t *testing.T) {
	a, b := tcpPair(t)
	a.(*net.TCPConn).SetLinger(0)
	a.Close()
	_, err := Late(b).ReadLate(&lender{})
	if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "read" || op.Addr == nil || !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("a reset gives %v", err)
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
