package facilitator

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// Peers on the public Internet, so that nothing needs to be allowed for tests.
var (
	proxy4  = netip.MustParseAddrPort("9.9.9.9:40000")
	proxy6  = netip.MustParseAddrPort("[2620:fe::fe]:40000")
	client4 = netip.MustParseAddrPort("8.8.4.4:50000")
)

const (
	relay4  = "websocket 1.1.1.1:9902"
	relay4b = "websocket 1.0.0.1:9902"
	relay6  = "websocket [2606:4700:4700::1111]:9902"
)

// emptyAnswer is how each answer without a client begins.
const emptyAnswer = "client=&check-back-in="

// rig is a Server with a pool, served in memory, within a synctest bubble.
type rig struct {
	*Server
	t    *testing.T
	pool pool.Pool
	l    *memnet.Listener
}

// newRig serves cfg, whose pool and outer transports may be left out, until the
// test ends.
func newRig(t *testing.T, cfg Config, relays ...string) *rig {
	t.Helper()
	if cfg.Pool == nil {
		m := pool.NewMemory(pool.Config{})
		t.Cleanup(func() { _ = m.Close() })
		cfg.Pool = m
	}
	if cfg.Outers == nil {
		cfg.Outers = []string{"websocket", "tcp"}
	}
	if cfg.PollInterval == 0 {
		cfg.PollInterval = DefaultPollInterval
	}
	if cfg.MaxWait == 0 {
		cfg.MaxWait = DefaultMaxWait
	}
	r := &rig{New(cfg), t, cfg.Pool, memnet.Listen(netip.MustParseAddrPort("4.4.4.4:9002"))}
	r.setRelays(relays...)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, r.l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

func (r *rig) setRelays(lines ...string) {
	r.t.Helper()
	if len(lines) == 0 {
		r.SetRelays(nil)
		return
	}
	relays, err := registration.ParseRelays(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		r.t.Fatal(err)
	}
	r.SetRelays(relays)
}

// dial connects from an address.
func (r *rig) dial(from netip.AddrPort) *memnet.Conn {
	r.t.Helper()
	c, err := r.l.DialFrom(context.Background(), from)
	if err != nil {
		r.t.Fatal(err)
	}
	return c.(*memnet.Conn)
}

// reply is a response that was read whole.
type reply struct {
	*http.Response
	body string
	err  error
}

// send writes a raw request and returns where its reply will come.
func (r *rig) send(from netip.AddrPort, raw string) (*memnet.Conn, <-chan reply) {
	r.t.Helper()
	c := r.dial(from)
	if _, err := io.WriteString(c, raw); err != nil {
		r.t.Fatal(err)
	}
	replies := make(chan reply, 1)
	go func() {
		method, _, _ := strings.Cut(raw, " ")
		replies <- readReply(bufio.NewReader(c), method)
		_ = c.Close()
	}()
	return c, replies
}

func readReply(br *bufio.Reader, method string) reply {
	resp, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp, string(body), err}
}

// do is send for one who waits, also until the server is done with the request,
// which is after the answer.
func (r *rig) do(from netip.AddrPort, raw string) reply {
	r.t.Helper()
	_, replies := r.send(from, raw)
	got := <-replies
	synctest.Wait()
	if got.err != nil {
		r.t.Fatalf("%.80q: %v", raw, got.err)
	}
	return got
}

func get(uri string) string { return "GET " + uri + " HTTP/1.1\r\nHost: f.example\r\n\r\n" }

func post(body string) string {
	return "POST / HTTP/1.0\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body
}

// poll asks as a proxy does and gives the answer, which must be one.
func (r *rig) poll(from netip.AddrPort, query string) registration.Answer {
	r.t.Helper()
	return r.answer(r.do(from, get("/?r=1"+query)))
}

func (r *rig) answer(got reply) registration.Answer {
	r.t.Helper()
	if got.err != nil || got.StatusCode != http.StatusOK {
		r.t.Fatalf("poll: %+v", got)
	}
	a, err := registration.ParseAnswer([]byte(got.body))
	if err != nil {
		r.t.Fatalf("%q: %v", got.body, err)
	}
	return a
}

func (r *rig) register(from netip.AddrPort, body string) {
	r.t.Helper()
	if got := r.do(from, post(body)); got.StatusCode != http.StatusOK || got.body != "" {
		r.t.Fatalf("register %q: %d %q", body, got.StatusCode, got.body)
	}
}

// waiting checks what the pool holds.
func (r *rig) waiting(want pool.Stats) {
	r.t.Helper()
	synctest.Wait()
	got, err := r.pool.Stats(context.Background())
	if err != nil || got != want {
		r.t.Fatalf("pool has %+v, %v, want %+v", got, err, want)
	}
}

// bubble runs f in a synctest bubble, which fails if a goroutine is left.
func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

// seconds checks that d is between two numbers of seconds.
func seconds(t *testing.T, what string, d time.Duration, low, high int) {
	t.Helper()
	if d < time.Duration(low)*time.Second || d > time.Duration(high)*time.Second {
		t.Errorf("%s: %v, want %d to %d s", what, d, low, high)
	}
}

// logTo is a logger for tests.
func logTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
