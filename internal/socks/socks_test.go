package socks

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
	"flashproxy/internal/netwait"
)

// newTest returns a listener in memory and what dials it, for a synctest bubble.
func newTest(t *testing.T, o Options) (*Listener, func(send string) net.Conn) {
	t.Helper()
	ln := memnet.Listen(netip.MustParseAddrPort("127.0.0.1:9001"))
	l := NewListener(ln, o)
	return l, func(send string) net.Conn {
		t.Helper()
		c, err := ln.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, send); err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// request5 speaks SOCKS5 as Tor does, up to the request, and returns what the
// peer says until then.
func request5(t *testing.T, c net.Conn, args string) {
	t.Helper()
	if args == "" {
		exchange(t, c, "\x05\x01\x00", "\x05\x00")
	} else {
		user, password := args[:min(255, len(args))], args[min(255, len(args)):]
		if password == "" {
			password = "\x00"
		}
		exchange(t, c, "\x05\x02\x00\x02", "\x05\x02")
		exchange(t, c, "\x01"+string([]byte{byte(len(user))})+user+string([]byte{byte(len(password))})+password, "\x01\x00")
	}
	if _, err := io.WriteString(c, "\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50"); err != nil {
		t.Fatal(err)
	}
}

func exchange(t *testing.T, c net.Conn, send, want string) {
	t.Helper()
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	expect(t, c, want)
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

const request4 = "\x04\x01\x00\x50\xc0\x00\x02\x01\x00"

func TestRequests(t *testing.T) {
	const granted4, rejected4 = "\x00\x5a\x00\x00\x00\x00\x00\x00", "\x00\x5b\x00\x00\x00\x00\x00\x00"
	const granted5, rejected5 = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", "\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00"
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name              string
		send              string // SOCKS4
		args5             string // SOCKS5, when send is empty
		target            string
		args              Args
		granted, rejected string
	}{
		{"SOCKS4", request4, "", "192.0.2.1:80", nil, granted4, rejected4},
		{"SOCKS4 arguments", "\x04\x01\x00\x50\x00\x00\x01\x00url=http://a/?b=c\\;d;n=1;n=2\x00", "", "0.0.1.0:80",
			Args{"url": {"http://a/?b=c;d"}, "n": {"1", "2"}}, granted4, rejected4},
		{"SOCKS4a", "\x04\x01\x01\xbb\x00\x00\x00\x07k=v\x00relay.example\x00", "", "relay.example:443", Args{"k": {"v"}}, granted4, rejected4},
		{"SOCKS5", "", "", "192.0.2.1:80", nil, granted5, rejected5},
		{"SOCKS5 arguments", "", "url=http://a/?b=c\\;d;n=1;n=2", "192.0.2.1:80", Args{"url": {"http://a/?b=c;d"}, "n": {"1", "2"}}, granted5, rejected5},
		{"SOCKS5 long arguments", "", "k=" + long, "192.0.2.1:80", Args{"k": {long}}, granted5, rejected5},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, dial := newTest(t, Options{})
				defer l.Close()
				for _, answer := range []struct {
					give func(*Conn) error
					want string
				}{{(*Conn).Grant, c.granted}, {(*Conn).Reject, c.rejected}} {
					peer := dial(c.send)
					if c.send == "" {
						request5(t, peer, c.args5)
					}
					conn, err := l.Accept()
					if err != nil {
						t.Fatal(err)
					}
					if conn.Target() != c.target || !maps.EqualFunc(conn.Args(), c.args, slices.Equal) {
						t.Errorf("target %q, args %q", conn.Target(), conn.Args())
					}
					time.Sleep(time.Hour) // the time limit is for the handshake only
					if err := answer.give(conn); err != nil {
						t.Error(err)
					}
					expect(t, peer, answer.want)
					checkStream(t, conn, peer)
				}
			})
		})
	}
}

// checkStream sends a byte each way, half-closes each way, and closes.
func checkStream(t *testing.T, conn *Conn, peer net.Conn) {
	t.Helper()
	if _, err := io.WriteString(conn, "from here"); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(peer); string(b) != "from here" || err != nil {
		t.Fatalf("peer reads %q, %v", b, err)
	}
	if _, err := io.WriteString(peer, "from there"); err != nil {
		t.Fatal(err)
	}
	peer.Close()
	if err := netwait.Readable(conn)(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); string(b) != "from there" || err != nil {
		t.Fatalf("read %q, %v", b, err)
	}
	conn.Close()
}

// One byte at a time is a request like any other.
func TestByteByByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial := newTest(t, Options{})
		defer l.Close()
		peer := dial("")
		defer peer.Close()
		for _, b := range []byte(request4) {
			time.Sleep(time.Second)
			if _, err := peer.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	})
}

func TestSlowPeerDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial := newTest(t, Options{})
		defer l.Close()
		start := time.Now()
		for range maxWaiting - 1 {
			defer dial("\x05").Close()
		}
		defer dial(request4).Close()
		conn, err := l.Accept()
		if err != nil || time.Since(start) != 0 {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		conn.Close()
	})
}

func (l *Listener) handshakes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.shaking)
}

// Slow peers in any number cost the others one time limit, and the process no
// more than maxWaiting connections.
func TestManySlowPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial := newTest(t, Options{})
		defer l.Close()
		start := time.Now()
		for range maxWaiting {
			defer dial("\x04").Close()
		}
		synctest.Wait()
		if n := l.handshakes(); n != maxWaiting {
			t.Fatalf("%d handshakes", n)
		}
		peers := make(chan net.Conn, 1)
		go func() { peers <- dial(request4) }()
		conn, err := l.Accept()
		if err != nil || time.Since(start) != handshakeTimeout {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		conn.Close()
		(<-peers).Close()
	})
}

// Close ends what waits at each stage: for a slot, in a handshake, for Accept.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dial := newTest(t, Options{})
		kept := dial(request4)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		var peers []net.Conn
		for i := range maxWaiting {
			peers = append(peers, dial([]string{request4, "\x04"}[i%2]))
		}
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		for _, p := range peers {
			io.Copy(io.Discard, p) // ends, as they are closed
			p.Close()
		}
		if err := conn.Grant(); err != nil {
			t.Errorf("an accepted connection was closed too: %v", err)
		}
		expect(t, kept, "\x00\x5a\x00\x00\x00\x00\x00\x00")
		conn.Close()
		kept.Close()
	})
}

// flaky fails with each error once before it goes on.
type flaky struct {
	net.Listener
	errs []error
}

func (f *flaky) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: f.Addr(), Err: err}
	}
	return f.Listener.Accept()
}

func TestTemporaryErrorsAreSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := memnet.Listen(netip.MustParseAddrPort("127.0.0.1:9001"))
		var errs []error
		for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
			errs = append(errs, e, e)
		}
		start := time.Now()
		l := NewListener(&flaky{ln, errs}, Options{})
		defer l.Close()
		peer, err := ln.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		if _, err := io.WriteString(peer, request4); err != nil {
			t.Fatal(err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// 5, 10, … 640 ms, then 1 s twice.
		if d := time.Since(start); d != 1275*time.Millisecond+2*maxBackoff {
			t.Errorf("accepted after %v", d)
		}
	})
}

func TestFinalErrorIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := memnet.Listen(netip.MustParseAddrPort("127.0.0.1:9001"))
		l := NewListener(&flaky{ln, []error{syscall.EINVAL}}, Options{})
		for range 2 {
			if _, err := l.Accept(); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%v", err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Close while the accept loop pauses.
func TestCloseDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := memnet.Listen(netip.MustParseAddrPort("127.0.0.1:9001"))
		l := NewListener(&flaky{ln, []error{syscall.EMFILE}}, Options{})
		synctest.Wait()
		start := time.Now()
		if err := l.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A connection without half-close or readiness says so.
func TestPlainConnBelow(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := newConn(a, "", nil, nil)
	if err := c.CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("CloseWrite: %v", err)
	}
	if _, err := c.SyscallConn(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SyscallConn: %v", err)
	}
	if err := c.WaitRead(); err != nil {
		t.Errorf("WaitRead: %v", err)
	}
}
