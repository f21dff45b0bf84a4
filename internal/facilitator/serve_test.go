package facilitator

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
	"flashproxy/internal/pool"
)

// TestServeEnds: who waits is answered, who is slow is not waited for.
func TestServeEnds(t *testing.T) {
	for _, tt := range []struct {
		name, slow string // a request that hangs when the end comes
		took       int
	}{
		{"nothing else", "", 0},
		{"idle connection", get("/healthz"), 0},
		{"new connection", " ", 6},
		{"slow body", "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 12\r\n\r\n", 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := pool.NewMemory(pool.Config{})
				defer m.Close()
				s := New(Config{Pool: m, MaxWait: DefaultMaxWait, PollInterval: DefaultPollInterval})
				l := memnet.Listen(netip.MustParseAddrPort("4.4.4.4:9002"))
				ctx, cancel := context.WithCancel(t.Context())
				served := make(chan error, 1)
				go func() { served <- s.Serve(ctx, l) }()
				r := &rig{s, t, m, l}
				_, waits := r.send(proxy4, get("/?r=1&wait=50"))
				if tt.slow != "" {
					c := r.dial(client4)
					defer c.Close()
					if _, err := io.WriteString(c, tt.slow); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				start := time.Now()
				cancel()
				got := <-waits
				if a := r.answer(got); a.Match != nil || !got.Close {
					t.Errorf("answer %+v, closed: %v", a, got.Close)
				}
				seconds(t, "the answer took", time.Since(start), 0, 0)
				if err := <-served; err != nil {
					t.Error(err)
				}
				seconds(t, "the end took", time.Since(start), tt.took, tt.took+1)
				if _, err := l.Dial(t.Context()); err == nil {
					t.Error("the listener is open")
				}
			})
		})
	}
}

// failingListener breaks when told.
type failingListener struct {
	net.Listener
	fail chan struct{}
}

var errListener = errors.New("the interface is gone")

func (l failingListener) Accept() (net.Conn, error) {
	<-l.fail
	return nil, errListener
}

func TestServeEndsWithItsListener(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := pool.NewMemory(pool.Config{})
		defer m.Close()
		s := New(Config{Pool: m})
		good := memnet.Listen(netip.MustParseAddrPort("4.4.4.4:9002"))
		bad := failingListener{memnet.Listen(netip.MustParseAddrPort("4.4.4.4:9003")), make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- s.Serve(t.Context(), good, bad) }()
		r := &rig{s, t, m, good}
		if got := r.do(client4, get("/healthz")); got.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%d", got.StatusCode)
		}
		close(bad.fail)
		if err := <-served; !errors.Is(err, errListener) {
			t.Errorf("got %v, want %v", err, errListener)
		}
		if _, err := good.Dial(t.Context()); err == nil {
			t.Error("the other listener is open")
		}
	})
}
