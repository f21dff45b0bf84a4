package facilitator

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/pool"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestRequests(t *testing.T) {
	const ok, empty = "", emptyAnswer
	const peer, peer6 = "8.8.4.4:50000", "[2001:4860:4860::8844]:50000"
	raw := func(head, body string) string {
		return head + "\r\nHost: f.example\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body
	}
	for _, tt := range []struct {
		name, from, request string
		status              int
		body                string // a part of it; "" for an empty one
		stored              int
	}{
		// Registrations.
		{"2015 client, no host", peer, post("client=:9000"), 200, ok, 1},
		{"IPv6, no host", peer6, post("client=:9000\r\n"), 200, ok, 1},
		{"escaped", peer, post("client=%5B2001%3A4860%3A%3A1%5D%3A9000"), 200, ok, 1},
		{"two lines are one", peer, post("client=8.8.8.8:9000\nclient=8.8.8.8:1000&client-transport=obfs3|websocket\n"), 200, ok, 1},
		{"inner unknown", peer, post("client=:9000&client-transport=quux|tcp"), 200, ok, 1},
		{"form type", peer, raw("POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded", "client=:9000"), 200, ok, 1},
		{"text type", peer, raw("POST / HTTP/1.1\r\nContent-Type: text/plain; charset=x", "client=:9000"), 200, ok, 1},
		{"rubbish type", peer, raw("POST / HTTP/1.1\r\nContent-Type: ;;;", "client=:9000"), 200, ok, 1},
		{"slashes", peer, raw("POST /// HTTP/1.1", "client=:9000"), 200, ok, 1},
		{"absolute form", peer, raw("POST http://f.example HTTP/1.1", "client=:9000"), 200, ok, 1},
		{"chunked", peer, "POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nclient=\r\n5\r\n:9000\r\n0\r\n\r\n", 200, ok, 1},
		{"empty", peer, post(""), 400, "no line with client=", 0},
		{"no length", peer, "POST / HTTP/1.0\r\n\r\n", 400, "no line with client=", 0},
		{"all or nothing", peer, post("client=:9000\nclient=8.8.8.8\n"), 400, "line 2: client: no port", 0},
		{"name", peer, post("client=example.com:80"), 400, "line 1: client: not a numeric", 0},
		{"unknown outer", peer, post("client=:9000\nclient=:1&client-transport=obfs3|pigeon"), 400, "line 2: client-transport: the outer transport is none of those known here: tcp, websocket", 0},
		{"private", peer, post("client=192.168.1.1:9000"), 400, "line 1: client: the address is not one on the public Internet", 0},
		{"private peer", "10.0.0.7:1234", post("client=:9000"), 400, "line 1: client: the address is not one on", 0},
		{"too long", peer, post(strings.Repeat("x", 100<<10+1)), 413, "longer than 102400 bytes", 0},
		{"long as may be", peer, post("client=:9000&x=" + strings.Repeat("x", 100<<10-15)), 200, ok, 1},
		{"body breaks chunked form", peer, "POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "incomplete or malformed", 0},

		// Polls.
		{"poll", peer, get("/?r=1"), 200, empty, 0},
		{"poll 1.0", peer, "GET /?r=1&transport=websocket HTTP/1.0\r\n\r\n", 200, empty, 0},
		{"2015 browser", peer, get("/?r=1&client=2001:db8::1:9000&client=1.2.3.4:80&transport=websocket"), 200, empty, 0},
		{"slashes", peer, get("////?r=1"), 200, empty, 0},
		{"no path", peer, get("http://f.example?r=1"), 200, empty, 0},
		{"no r", peer, get("/"), 400, "no r", 0},
		{"r twice", peer, get("/?r=1&r=1"), 400, "r is given 2 times", 0},
		{"r=2", peer, get("/?r=2"), 400, "only revision", 0},
		{"bad wait", peer, get("/?r=1&wait=-1"), 400, "wait:", 0},
		{"bad transport", peer, get("/?r=1&transport=%00"), 400, "transport:", 0},

		// The rest.
		{"HEAD", peer, "HEAD /?r=1 HTTP/1.0\r\n\r\n", 405, "", 0},
		{"PUT", peer, raw("PUT / HTTP/1.1", "client=:9000"), 405, "GET to poll", 0},
		{"DELETE", peer, "DELETE / HTTP/1.0\r\n\r\n", 405, "GET to poll", 0},
		{"TRACE", peer, "TRACE / HTTP/1.0\r\n\r\n", 405, "GET to poll", 0},
		{"CONNECT", peer, "CONNECT f.example:443 HTTP/1.1\r\nHost: f.example:443\r\n\r\n", 405, "GET to poll", 0},
		{"OPTIONS", peer, "OPTIONS / HTTP/1.0\r\n\r\n", 204, "", 0},
		{"OPTIONS *", peer, "OPTIONS * HTTP/1.1\r\nHost: f\r\n\r\n", 204, "", 0},
		{"OPTIONS elsewhere", peer, "OPTIONS /x/y HTTP/1.0\r\n\r\n", 204, "", 0},
		{"elsewhere", peer, get("/nothing"), 404, "not found", 0},
		{"POST elsewhere", peer, raw("POST /nothing HTTP/1.1", "client=:9000"), 404, "not found", 0},
		{"dots", peer, get("/x/../?r=1"), 404, "not found", 0},
		{"escaped dots", peer, get("/%2e%2e/?r=1"), 404, "not found", 0},
		{"escaped slashes", peer, get("/%2f%2F?r=1"), 200, empty, 0},
		{"no key, no door", peer, get("/reg/AAAA"), 404, "not found", 0},
		{"health", peer, get("/healthz"), 200, "ok\n", 0},
		{"POST health", peer, raw("POST /healthz HTTP/1.1", ""), 405, "Method Not Allowed", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, Config{}, relay4)
				got := r.do(netip.MustParseAddrPort(tt.from), tt.request)
				if got.StatusCode != tt.status || !strings.Contains(got.body, tt.body) || tt.body == "" && got.body != "" {
					t.Errorf("%d %q, want %d %q", got.StatusCode, got.body, tt.status, tt.body)
				}
				r.waiting(pool.Stats{Registrations: tt.stored})
				checkHeaders(t, got)
				if host := netip.MustParseAddrPort(tt.from).Addr().String(); strings.Contains(got.body, host) {
					t.Errorf("the answer %q holds the peer's address", got.body)
				}
			})
		})
	}
}

// checkHeaders checks what holds for every answer.
func checkHeaders(t *testing.T, got reply) {
	t.Helper()
	h := got.Header
	if h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("no CORS header: %v", h)
	}
	if h.Get("Server") != "" {
		t.Errorf("Server: %q", h.Get("Server"))
	}
	if got.StatusCode == http.StatusMethodNotAllowed && (h.Get("Allow") == "" || strings.Contains(h.Get("Allow"), "HEAD, POST")) {
		t.Errorf("Allow: %q", h.Get("Allow"))
	}
	switch {
	case strings.HasPrefix(got.body, "client="):
		if h.Get("Content-Type") != "application/x-www-form-urlencoded" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("headers of an answer: %v", h)
		}
	case got.body != "":
		if h.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("headers of a text: %v", h)
		}
	}
}

// TestMatch2015 is the sample session of the design, byte by byte as the first
// clients and proxies wrote it.
func TestMatch2015(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4, relay6)
		r.register(client4, "client=:9000&client-transport=websocket")
		got := r.do(proxy4, "GET /?r=1&transport=websocket HTTP/1.0\r\n\r\n")
		want := "client=8.8.4.4%3A9000&client-transport=websocket&relay=1.1.1.1%3A9902&relay-transport=websocket&check-back-in="
		number, ok := strings.CutPrefix(got.body, want)
		if n, err := strconv.Atoi(number); !ok || err != nil || n < 45 || n > 75 {
			t.Errorf("answer %q, want %q and 45 to 75", got.body, want)
		}
		if n := got.ContentLength; n != int64(len(got.body)) || got.TransferEncoding != nil {
			t.Errorf("Content-Length %d, Transfer-Encoding %v", n, got.TransferEncoding)
		}
		if again := r.poll(proxy4, ""); again.Match != nil {
			t.Errorf("given twice: %+v", again.Match)
		}
		r.waiting(pool.Stats{})
	})
}

func TestRelaysAreGivenEvenly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4, relay6, relay4b, "tcp 1.1.1.1:443")
		given := make(map[string]int)
		for i := range 20 {
			r.register(client4, fmt.Sprintf("client=8.8.4.4:%d", 1000+i))
			m := r.poll(proxy4, "").Match
			if m == nil {
				t.Fatal("no match")
			}
			given[m.Relay.String()]++
		}
		if given["1.1.1.1:9902"] != 10 || given["1.0.0.1:9902"] != 10 {
			t.Errorf("given: %v", given)
		}
	})
}

func TestHealth(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{})
		check := func(status int, text string) {
			t.Helper()
			if got := r.do(proxy4, get("/healthz")); got.StatusCode != status || got.body != text+"\n" {
				t.Errorf("%d %q, want %d %q", got.StatusCode, got.body, status, text)
			}
		}
		check(503, "no relays")
		r.setRelays(relay4)
		check(200, "ok")
		if err := r.pool.Close(); err != nil {
			t.Fatal(err)
		}
		check(503, "the pool does not answer")
		r.Stop()
		check(503, "stopping")
	})
}

func TestRegistrationLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		refused := 0
		for i := range registerBurst + 10 {
			got := r.do(client4, post(fmt.Sprintf("client=8.8.4.4:%d", 1000+i)))
			if got.StatusCode == 429 {
				refused++
				if got.Header.Get("Retry-After") != "1" {
					t.Errorf("Retry-After: %q", got.Header.Get("Retry-After"))
				}
			}
		}
		if refused != 10 {
			t.Errorf("%d refused, want 10", refused)
		}
		r.register(proxy6, "client=:9000") // others do not suffer
		if r.poll(client4, "").Match == nil {
			t.Error("polls are limited too")
		}
		time.Sleep(time.Second)
		r.register(client4, "client=:2000")
	})
}

func TestFullPool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pool.NewMemory(pool.Config{MaxRegistrations: 1})
		t.Cleanup(func() { _ = p.Close() })
		r := newRig(t, Config{Pool: p}, relay4)
		r.register(client4, "client=:9000")
		r.register(client4, "client=:9000")
		got := r.do(client4, post("client=:9001"))
		if got.StatusCode != 503 || !strings.Contains(got.body, "full") || got.Header.Get("Retry-After") == "" {
			t.Errorf("%d %q %v", got.StatusCode, got.body, got.Header)
		}
	})
}
