package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"flashproxy/internal/memnet"
	"flashproxy/internal/wsconn"
)

// fixture is a server on a network in memory, and its upstream.
type fixture struct {
	t        *testing.T
	ln       *memnet.Listener
	upstream *memnet.Listener
	cancel   context.CancelFunc
	serving  sync.WaitGroup
	err      error // of Serve, once serving is done

	mu    sync.Mutex
	dials []string // "user method", of upstream
	down  bool
	log   bytes.Buffer
}

var user = netip.MustParseAddrPort("[::ffff:9.9.9.9]:4444")

// run starts a server for WebSockets in a synctest bubble.
func run(t *testing.T, change func(*Config), test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{
			t:        t,
			ln:       memnet.Listen(netip.MustParseAddrPort("127.0.0.1:9902")),
			upstream: memnet.Listen(netip.MustParseAddrPort("127.0.0.1:9001")),
		}
		cfg := Config{
			Listeners: map[string]func(net.Listener) net.Listener{
				"websocket": func(ln net.Listener) net.Listener { return wsconn.Listen(ln, wsconn.ListenOptions{}) },
			},
			Dial:     f.dialUpstream,
			MaxConns: 10,
			Logger:   slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelInfo})),
		}
		if change != nil {
			change(&cfg)
		}
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		f.cancel = cancel
		f.serving.Go(func() { f.err = s.Serve(ctx, "websocket", f.ln) })
		test(t, f)
		cancel()
		f.serving.Wait()
		f.upstream.Close()
		if f.err != nil && !t.Failed() {
			t.Errorf("Serve: %v", f.err)
		}
	})
}

func (f *fixture) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(p)
}

func (f *fixture) wantLogged(s string, times int) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := strings.Count(f.log.String(), s); n != times {
		f.t.Errorf("%q is %d times in the log, want %d:\n%s", s, n, times, f.log.String())
	}
}

func (f *fixture) dialUpstream(ctx context.Context, user netip.AddrPort, method string) (net.Conn, error) {
	f.mu.Lock()
	f.dials = append(f.dials, fmt.Sprint(user, " ", method))
	down := f.down
	f.mu.Unlock()
	if down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return f.upstream.Dial(ctx)
}

func (f *fixture) dialled() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.dials)
}

func (f *fixture) setDown(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// dial is a proxy that connects.
func (f *fixture) dial() *wsconn.Conn {
	f.t.Helper()
	c, err := wsconn.Dial(f.t.Context(), "ws://127.0.0.1:9902/", wsconn.DialOptions{
		NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) { return f.ln.DialFrom(ctx, user) },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// accept is the upstream that gets a connection.
func (f *fixture) accept() net.Conn {
	f.t.Helper()
	c, err := f.upstream.Accept()
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func wantRead(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b[:n], err, want)
	}
}

// wantEnd checks that c ends by itself, without more to read.
func wantEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("read %d bytes, %v; want the end", n, err)
	}
}
