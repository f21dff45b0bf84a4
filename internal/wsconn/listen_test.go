package wsconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

const notFoundHead = "HTTP/1.1 404 Not Found\r\n"

// What comes to a listening port, and what it gets: the beginning of an answer,
// or nothing but the end of the stream, not later than after.
func TestHostileRequests(t *testing.T) {
	good := request()
	for _, tt := range []struct {
		name, input, want string
		after             time.Duration
	}{
		{"plain GET", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", notFoundHead, 0},
		{"GET of HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 404 Not Found\r\n", 0},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", notFoundHead, 0},
		{"POST", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b", notFoundHead, 0},
		{"POST without its body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", notFoundHead, 10 * time.Second},
		{"OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", notFoundHead, 0},
		{"two requests", strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 2), notFoundHead, 0},
		{"POST that upgrades", strings.Replace(good, "GET", "POST", 1), notFoundHead, 0},
		{"HTTP/1.0 that upgrades", strings.Replace(good, "HTTP/1.1", "HTTP/1.0", 1), "HTTP/1.0 404 Not Found\r\n", 0},
		{"other path", strings.Replace(good, "GET /", "GET /x", 1), notFoundHead, 0},
		{"with a body", request("Content-Length: 1") + "x", notFoundHead, 0},
		{"with a chunked body", request("Transfer-Encoding: chunked") + "1\r\nx\r\n0\r\n\r\n", notFoundHead, 0},
		{"version 8", strings.Replace(good, "Version: 13", "Version: 8", 1), notFoundHead, 0},
		{"no version", strings.Replace(good, "Sec-WebSocket-Version", "X", 1), notFoundHead, 0},
		{"no key", strings.Replace(good, "Sec-WebSocket-Key", "X", 1), notFoundHead, 0},
		{"short key", strings.Replace(good, "dGhlIHNhbXBsZSBub25jZQ==", "dGhl", 1), notFoundHead, 0},
		{"no Upgrade", strings.Replace(good, "Upgrade: websocket", "Upgrade: h2c", 1), notFoundHead, 0},
		{"no Connection", strings.Replace(good, "keep-alive, Upgrade", "keep-alive", 1), notFoundHead, 0},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 ", 0},
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", 0},
		{"long request line", "GET /" + strings.Repeat("x", 1<<20), "HTTP/1.1 431 ", time.Second},
		{"long header", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20), "HTTP/1.1 431 ", time.Second},
		{"many headers", "GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 1<<17), "HTTP/1.1 431 ", time.Second},
		{"nothing", "", "", 10 * time.Second},
		{"no end", good[:len(good)-2], "", 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memory()
				l := listen(t, n, ListenOptions{})
				peer, err := n.dial(context.Background())
				must(t, err)
				go io.WriteString(peer, tt.input)
				start := time.Now()
				must(t, peer.SetReadDeadline(start.Add(time.Minute)))
				got, err := io.ReadAll(peer)
				if !strings.HasPrefix(string(got), tt.want) || len(tt.want) == 0 && len(got) > 0 {
					t.Errorf("answer %.200q, %v; want %q", got, err, tt.want)
				}
				if d := time.Since(start); d > tt.after {
					t.Errorf("it took %v", d)
				}
				for _, word := range []string{"ocket", "Server:", "Upgrade", "Go"} {
					if bytes.Contains(got, []byte(word)) {
						t.Errorf("%s in the answer %q", word, got)
					}
				}
				if strings.HasPrefix(tt.want, "HTTP/1.1 404") && bytes.Count(got, []byte("HTTP/1.1 ")) != 1 {
					t.Errorf("answer %q", got)
				}
				peer.Close()
				synctest.Wait()
				checkEmpty(t, l)
				testEcho(t, n, l)
			})
		})
	}
}

// checkEmpty checks that nothing is pending any more.
func checkEmpty(t *testing.T, l *Listener) {
	t.Helper()
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	if len(l.gate.places) > 0 || len(l.gate.perAddr) > 0 {
		t.Errorf("pending: %d, of %d addresses", len(l.gate.places), len(l.gate.perAddr))
	}
}

// testEcho checks that the listener goes on.
func testEcho(t *testing.T, n network, l *Listener) {
	t.Helper()
	testEchoBy(t, l, "ws://peer.example", dialOptions(n, DialOptions{}))
}

func testEchoBy(t *testing.T, l *Listener, url string, o DialOptions) {
	t.Helper()
	client, err := Dial(context.Background(), url, o)
	must(t, err)
	server := accept(t, l)
	write(t, client, []byte("echo"))
	readString(t, server, "echo")
	if from := server.RemoteAddr().String(); from != client.LocalAddr().String() {
		t.Errorf("the server's peer is %s, want %s", from, client.LocalAddr())
	}
	go client.Close()
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	must(t, server.Close())
	must(t, client.Close())
}

// A request may come byte by byte, but not for longer than 10 s.
func TestSlowRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory()
		l := listen(t, n, ListenOptions{})
		for _, tt := range []struct {
			pause time.Duration
			good  bool
		}{{time.Millisecond, true}, {time.Second, false}} {
			peer, err := n.dial(context.Background())
			must(t, err)
			start := time.Now()
			go func() {
				for _, b := range []byte(request() + string(binFrame([]byte("slow")))) {
					if _, err := peer.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(tt.pause)
				}
			}()
			if tt.good {
				if head := readHead(t, peer); !strings.Contains(head, acceptKey) {
					t.Fatalf("answer %q", head)
				}
				server := accept(t, l)
				readString(t, server, "slow")
				peer.Close()
				must(t, server.Close())
				continue
			}
			// net/http takes the piece of a line that it has for a bad one.
			got, err := io.ReadAll(peer)
			if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 Bad Request\r\n") {
				t.Errorf("answer %q, %v", got, err)
			}
			if d := time.Since(start); d != 10*time.Second {
				t.Errorf("closed after %v", d)
			}
			time.Sleep(time.Second)
		}
	})
}

// The handshake and what follows it in the same segment.
func TestEarlyFrames(t *testing.T) {
	for _, size := range []int{0, 5, 3000, 5000, 100000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			n := loopback(t)
			l := listen(t, n, ListenOptions{})
			peer, err := n.dial(context.Background())
			must(t, err)
			defer peer.Close()
			data := strings.Repeat("x", size)
			go io.WriteString(peer, request(wantBase64)+string(join(
				binFrame([]byte(data)), ping("now"), rawFrame(0x81, true, []byte("eXl5")), closeFrame(1000))))
			if head := readHead(t, peer); !strings.Contains(head, acceptKey) || !strings.Contains(head, "Sec-WebSocket-Protocol: base64") || strings.Contains(head, "Extensions") {
				t.Fatalf("answer %q", head)
			}
			server := accept(t, l)
			got, err := io.ReadAll(server)
			if string(got) != data+"yyy" || err != nil {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
			wantFrame(t, peer, 0x8a, []byte("now"))
			wantCloseFrame(t, peer, 1000)
			must(t, server.Close())
		})
	}
}

// What net/http has to say goes to the logger, at Debug.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
		l := Listen(failing{memory().listener, make(chan struct{})}, ListenOptions{Logger: slog.New(handler)})
		time.Sleep(time.Second)
		must(t, l.Close())
		if !strings.Contains(log.String(), "level=DEBUG") || strings.Contains(log.String(), "INFO") {
			t.Errorf("log: %q", log.String())
		}
	})
}

// failing cannot accept for now.
type failing struct {
	net.Listener
	closed chan struct{}
}

func (f failing) Accept() (net.Conn, error) {
	select {
	case <-f.closed:
		return nil, net.ErrClosed
	default:
		return nil, temporary{}
	}
}

func (f failing) Close() error { close(f.closed); return nil }

type temporary struct{}

func (temporary) Error() string   { return "too many open files" }
func (temporary) Timeout() bool   { return false }
func (temporary) Temporary() bool { return true }

// The excess of pending connections is closed at once.
func TestPendingBounds(t *testing.T) {
	for _, tt := range []struct {
		name     string
		o        ListenOptions
		from     func(i int) string
		handle   bool // the handshake is done, Accept is not
		admitted int
	}{
		{"in all", ListenOptions{MaxPending: 5}, func(i int) string { return fmt.Sprintf("192.0.2.%d:1", i) }, false, 5},
		{"in all, done", ListenOptions{MaxPending: 5}, func(i int) string { return fmt.Sprintf("192.0.2.%d:1", i) }, true, 5},
		{"from one address", ListenOptions{MaxPendingPerAddr: 3}, func(i int) string { return fmt.Sprintf("192.0.2.1:%d", i) }, false, 3},
		{"from one address, done", ListenOptions{MaxPendingPerAddr: 3}, func(i int) string { return fmt.Sprintf("192.0.2.1:%d", i) }, true, 3},
		{"from one /64", ListenOptions{MaxPendingPerAddr: 3}, func(i int) string { return fmt.Sprintf("[2001:db8::%x]:1", i) }, false, 3},
		{"from several /64", ListenOptions{MaxPendingPerAddr: 3}, func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:1", i) }, false, 20},
		{"no bound per address", ListenOptions{MaxPendingPerAddr: -1}, func(int) string { return "192.0.2.1:1" }, false, 20},
		{"default", ListenOptions{}, func(i int) string { return fmt.Sprintf("192.0.2.%d:1", i) }, true, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := memnet.Listen(netip.MustParseAddrPort("192.0.2.200:80"))
				l := Listen(ln, tt.o)
				var peers []net.Conn
				for i := range 20 {
					peer, err := ln.DialFrom(context.Background(), netip.MustParseAddrPort(tt.from(i+1)))
					must(t, err)
					if tt.handle {
						io.WriteString(peer, request())
					}
					peers = append(peers, peer)
				}
				synctest.Wait()
				open := 0
				for _, peer := range peers {
					must(t, peer.SetReadDeadline(time.Now().Add(1)))
					if _, err := io.ReadAll(peer); err != nil {
						open++
					}
				}
				if open != tt.admitted {
					t.Errorf("%d connections are open; want %d", open, tt.admitted)
				}
				if tt.handle {
					// Room again for one more, once one is accepted.
					server := accept(t, l)
					peer, err := ln.DialFrom(context.Background(), netip.MustParseAddrPort(tt.from(1)))
					must(t, err)
					io.WriteString(peer, request())
					readHead(t, peer)
					defer server.drop()
				}
				must(t, l.Close())
				synctest.Wait()
				checkEmpty(t, l)
			})
		})
	}
}

// Close reaches a connection that net/http does not know yet.
func TestGateClosesAll(t *testing.T) {
	a, b := memnet.Pipe()
	g := newGate(memory().listener, 1, 1)
	p := g.enter(a)
	if !g.shut() || g.shut() {
		t.Error("shut did not tell the first time from the second")
	}
	g.closeAll()
	wantEOF(t, b)
	p.leave()
	p.leave() // as its place and as net/http's
	g.empty.Wait()
	if g.enter(a) != nil {
		t.Error("let in after shut")
	}
}

func TestOrigin(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:80":              "192.0.2.1/32",
		"[::ffff:192.0.2.1]:80":     "192.0.2.1/32",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"/run/socket":               "invalid Prefix",
	} {
		if got := origin(address(addr)).String(); got != want {
			t.Errorf("origin of %s is %s; want %s", addr, got, want)
		}
	}
}

type address string

func (address) Network() string  { return "test" }
func (a address) String() string { return string(a) }

// Close ends all that is not accepted, and nothing else, and leaves nothing behind.
func TestListenerClose(t *testing.T) {
	noLeaks(t)
	n := loopback(t)
	l := listen(t, n, ListenOptions{})
	accepted := rawClient(t, n, request())
	server := accept(t, l)
	queued := rawClient(t, n, request())
	begun, err := n.dial(context.Background())
	must(t, err)
	write(t, begun, []byte(request()[:50]))
	idle, err := n.dial(context.Background())
	must(t, err)

	waiting := make(chan error)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				waiting <- err
				return
			}
			c.(*Conn).drop() // queued: it may come before Close
		}
	}()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { l.Close() })
	}
	wg.Wait()
	if err := <-waiting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after Close: %v", err)
	}
	for _, c := range []net.Conn{queued, begun, idle} {
		must(t, c.SetReadDeadline(time.Now().Add(testPatience)))
		if _, err := io.Copy(io.Discard, c); isTimeout(err) {
			t.Error("a pending connection is still open")
		}
		c.Close()
	}
	if _, err := n.dial(context.Background()); err == nil {
		t.Error("the port is still open")
	}
	write(t, accepted, binFrame([]byte("on")))
	readString(t, server, "on")
	accepted.Close()
	must(t, server.Close())
}

// A listener that fails ends Accept with its error.
func TestListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory()
		l := Listen(n.listener, ListenOptions{})
		n.listener.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		l.Close()
	})
}
