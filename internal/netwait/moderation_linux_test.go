package netwait

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lowWater is how many bytes the socket must have for its reader to be woken.
func lowWater(t *testing.T, s *socket) (n int) {
	t.Helper()
	if err := s.raw.Control(func(fd uintptr) {
		var err error
		if n, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// busyPair is a pair of which b is read as a busy socket is.
func busyPair(t *testing.T) (a, b net.Conn, s *socket) {
	a, b = tcpPair(t)
	s = Late(b).(*socket)
	s.pace.busy(s.raw)
	return a, b, s
}

// A socket is busy when much comes in small pieces, and only then.
func TestModerationJudges(t *testing.T) {
	for _, tt := range []struct {
		name string
		each int           // bytes of a read
		took time.Duration // all reads
		busy bool
	}{
		{"small and fast", 512, fewReads * 15 * time.Microsecond, true},
		{"small and slow", 512, fewReads * 20 * time.Microsecond, false},
		{"large and fast", small, time.Microsecond, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, b := tcpPair(t)
			s := Late(b).(*socket)
			err := s.raw.Control(func(fd uintptr) {
				for i := range fewReads {
					if s.pace.timer != nil {
						t.Errorf("busy after %d reads", i)
					}
					if i == fewReads-1 {
						s.pace.start = time.Now().Add(-tt.took)
					}
					s.pace.read(s.raw, int(fd), tt.each, bufSize)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if busy := s.pace.timer != nil; busy != tt.busy {
				t.Errorf("busy: %t", busy)
			}
		})
	}
}

const bufSize = 64 << 10

// roomy lends a large buffer.
type roomy struct{ buf [bufSize]byte }

func (l *roomy) Borrow() []byte { return l.buf[:] }
func (l *roomy) Return()        {}
func (l *roomy) Parts() Parts   { return make(Parts, 0, 1) }

// A reader that waits for enough is woken by it, by the end of the stream, by a
// deadline, by Close, and after a while by less; it leaves the socket as it was.
func TestModerationWakes(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(a, b net.Conn) error
		n    int
		err  error
	}{
		{"enough", func(a, b net.Conn) error { return errors.Join(write(a, enough/2), write(a, enough/2)) }, enough, nil},
		{"less", func(a, b net.Conn) error { return write(a, 1) }, 1, nil},
		{"end", func(a, b net.Conn) error { return a.Close() }, 0, io.EOF},
		{"less and end", func(a, b net.Conn) error { return errors.Join(write(a, 1), a.Close()) }, 1, nil},
		{"deadline", func(a, b net.Conn) error { return b.SetReadDeadline(time.Unix(1, 0)) }, 0, os.ErrDeadlineExceeded},
		{"close", func(a, b net.Conn) error { return b.Close() }, 0, net.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 20 {
				a, b, s := busyPair(t)
				done := make(chan error, 1)
				var got Parts
				go func() {
					var err error
					got, err = s.ReadLate(new(roomy))
					done <- err
				}()
				if err := tt.do(a, b); err != nil {
					t.Fatal(err)
				}
				if err := <-done; !errors.Is(err, tt.err) {
					t.Fatalf("%v; want %v", err, tt.err)
				}
				// A late writer, or an early reader, makes it less.
				if n := got.Len(); n > tt.n || tt.n > 0 && n == 0 {
					t.Fatalf("%d bytes; want %d", n, tt.n)
				}
				if tt.err == net.ErrClosed {
					continue
				}
				if n := lowWater(t, s); n > 1 { // 0 is as good
					t.Fatalf("the low-water mark stays at %d", n)
				}
			}
		})
	}
}

func write(c net.Conn, n int) error {
	_, err := c.Write(make([]byte, n))
	return err
}

// A socket where waiting never pays is not waited for any more, and more reads must
// tell that it is busy each time; one wait that pays makes it as before.
func TestModerationGivesUp(t *testing.T) {
	a, _, s := busyPair(t)
	once := func() {
		t.Helper()
		vain := s.pace.vain
		for vain == s.pace.vain && s.pace.timer != nil {
			if err := write(a, 1); err != nil {
				t.Fatal(err)
			}
			// The poller may have told late of what came before the wait.
			if got, err := s.ReadLate(new(roomy)); got.Len() != 1 || err != nil {
				t.Fatalf("%d bytes, %v", got.Len(), err)
			}
		}
	}
	need := int32(fewReads)
	for range 12 {
		for i := range vainWaits {
			if s.pace.timer == nil {
				t.Fatalf("not busy after %d vain waits", i)
			}
			once()
		}
		need = min(2*need, manyReads)
		if s.pace.timer != nil || s.pace.need != need {
			t.Fatalf("busy: %t, after %d reads; want to give up, for %d", s.pace.timer != nil, s.pace.need, need)
		}
		s.pace.busy(s.raw)
	}
	if err := write(a, 2*enough); err != nil {
		t.Fatal(err)
	}
	for total := 0; total < 2*enough; {
		got, err := s.ReadLate(new(roomy))
		if err != nil {
			t.Fatal(err)
		}
		total += got.Len()
	}
	if s.pace.need != fewReads || s.pace.timer == nil {
		t.Errorf("busy: %t, after %d reads; want it busy, for %d", s.pace.timer != nil, s.pace.need, fewReads)
	}
}

// Bytes keep their order, and none is left behind, however they come.
func TestModerationLosesNothing(t *testing.T) {
	a, _, s := busyPair(t)
	data := make([]byte, 8<<20)
	for i := range data {
		data[i] = byte(i / 251)
	}
	go func() {
		defer a.Close()
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(2048))
			if rand.IntN(1000) == 0 {
				n = min(len(rest), 100<<10)
			}
			if _, err := a.Write(rest[:n]); err != nil {
				t.Errorf("write: %v", err)
				return
			}
			rest = rest[n:]
		}
	}()
	var got []byte
	l := new(roomy)
	for {
		b, err := s.ReadLate(l)
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Join()...)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes came of %d, or others", len(got), len(data))
	}
}

// A Unix socket, whose waiting reader the kernel does not wake when the mark changes, is never
// waited for.
func TestModerationIsForTCP(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if isTCP(fds[0]) {
		t.Error("a Unix socket is taken for TCP")
	}
}
