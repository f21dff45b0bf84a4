package facilitator

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/scrub"
)

// match registers a client, which the nth proxy is then given, and tells with which
// relay.
func (r *rig) match(n int) string {
	r.t.Helper()
	from := netip.AddrPortFrom(somebody(n), 40000)
	r.register(from, "client=:9000")
	a := r.poll(from, "")
	if a.Match == nil {
		r.t.Fatal("nobody for the proxy")
	}
	return a.Match.Relay.String()
}

// TestUnreachableRelay is the life of a suspicion as proxies and the operator see it.
func TestUnreachableRelay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log, shown bytes.Buffer
		r := newRig(t, Config{Logger: slog.New(slog.NewMultiHandler(
			slog.NewTextHandler(&log, nil), scrub.NewHandler(slog.NewTextHandler(&shown, nil))))},
			"# two relays", relay4, "obfs4|"+relay4, relay4b)
		const good, bad = "1.1.1.1:9902", "1.0.0.1:9902"
		given := make(map[string][]int)
		for n := range 12 {
			relay := r.match(n)
			given[relay] = append(given[relay], n)
		}
		if len(given[bad]) != 6 {
			t.Fatalf("given %v", given)
		}
		for _, n := range given[good] { // they were not given it
			r.poll(netip.AddrPortFrom(somebody(n), 1), "&unreachable="+bad)
		}
		if log.Len() > 0 {
			t.Errorf("strangers have a say: %s", &log)
		}
		for _, n := range given[bad] {
			r.poll(netip.AddrPortFrom(somebody(n), 1), "&unreachable="+bad)
		}
		const warning = `level=WARN msg="proxies cannot reach a relay; it is given less until they can" line=4 relay=websocket://` + bad
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, warning) {
			t.Errorf("log %s", got)
		}
		if strings.Contains(shown.String(), "1.0.0.1") || !strings.Contains(shown.String(), "line=4") {
			t.Errorf("what may be shown: %s", &shown)
		}
		counts := make(map[string]int)
		for n := range 34 {
			counts[r.match(n)]++
		}
		if counts[bad] != 2 {
			t.Errorf("given %v", counts)
		}
		log.Reset()
		time.Sleep(healthSteps * healthStep)
		clear(counts)
		for n := range 100 {
			counts[r.match(n)]++
		}
		if counts[good] < 50 || counts[good] > 51 {
			t.Errorf("recovered, and given %v", counts)
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=INFO") || !strings.Contains(got, "line=4") {
			t.Errorf("log %s", got)
		}
	})
}

// What a poll says of relays that nobody can mean is ignored: a proxy that got a 400 would
// lose its clients.
func TestBadReportsAreIgnored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		r := newRig(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, relay4, relay4b)
		for _, v := range []string{
			"", "x", "1.1.1.1", "1.1.1.1:0", "1.1.1.1:65536", ":9902", "%00", "%0a1.1.1.1:9902", "[::1]:1", "::1:1", "a%7Cb:1", "8.8.8.8:53",
			strings.Repeat("a", 4000) + ":1", strings.Repeat("a.", 125) + "a:1", "1.1.1.1:9902%26client=", "websocket%7C1.1.1.1:9902",
			"1.1.1.1:9902" + strings.Repeat("&unreachable=1.1.1.1:9902", 300), strings.Repeat("x&unreachable=", 300),
		} {
			for range 2 {
				if got := r.do(proxy4, get("/?r=1&unreachable="+v)); got.StatusCode != http.StatusOK || !strings.HasPrefix(got.body, emptyAnswer) {
					t.Errorf("unreachable=%.40q: %d %q", v, got.StatusCode, got.body)
				}
			}
		}
		for n := range 4 {
			want := []string{"1.1.1.1:9902", "1.0.0.1:9902"}[n%2]
			if got := r.match(n); got != want {
				t.Errorf("given %s, want %s", got, want)
			}
		}
		if log.Len() > 0 {
			t.Errorf("log %s", &log)
		}
		r.waiting(pool.Stats{})
	})
}
