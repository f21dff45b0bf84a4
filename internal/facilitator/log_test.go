package facilitator

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/scrub"
)

// TestLogHasNoAddress keeps a server busy in every way that it logs, at Debug,
// and looks for the addresses in what a scrubbed log keeps.
func TestLogHasNoAddress(t *testing.T) {
	key := newKey(t)
	bubble(t, func(t *testing.T) {
		m := pool.NewMemory(pool.Config{})
		defer m.Close()
		var log, raw bytes.Buffer
		logger := slog.New(slog.NewMultiHandler(
			scrub.NewHandler(logTo(&log).Handler()), logTo(&raw).Handler()))
		var panics bool
		p := eventfulPool{m, func() {
			if panics {
				panic("for the log: " + client4.String())
			}
		}}
		r := newRig(t, Config{
			Pool: p, Key: key, Logger: logger,
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("7.7.7.7/32")},
		}, relay4, relay6)
		time.Sleep(time.Second)
		for _, from := range []netip.AddrPort{client4, proxy4, proxy6} {
			r.register(from, "client=:9000\nclient=8.8.8.8:9000&client-transport=1.2.3.4|tcp\n")
			r.do(from, get("/reg/"+seal(t, key, "client=[2620:fe::1234]:9000", time.Now())))
			r.do(from, post("client=10.1.2.3:9000"))
			r.do(from, get("/?r=1&client=6.6.6.6:80&wait=1"))
			r.do(from, get("/?r=1&transport=6.6.6.6"))
			r.do(from, "GET http://6.6.6.6/6.6.6.6?6.6.6.6 HTTP/1.1\r\nHost: 6.6.6.6\r\n\r\n")
		}
		r.do(netip.MustParseAddrPort("7.7.7.7:1"), "GET /?r=1 HTTP/1.0\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-For: 5.5.5.5\r\n\r\n")
		r.register(client4, "client=:9000")
		panics = true
		_, replies := r.send(proxy4, get("/?r=1"))
		<-replies
		r.poolFailed("test", errors.New("dial tcp 3.3.3.3:6379: refused"))
		r.Stop()
		r.poll(proxy4, "")

		for _, address := range []string{
			"8.8.4.4", "9.9.9.9", "2620:fe", "8.8.8.8", "10.1.2.3", "6.6.6.6", "5.5.5.5", "7.7.7.7", "3.3.3.3", "1.1.1.1", "2606:4700", "1.2.3.4",
		} {
			if strings.Contains(log.String(), address) {
				t.Errorf("%s is in the log", address)
			}
		}
		for _, part := range []string{"msg=registered from=8.8.4.4", "client=8.8.4.4:9000", "panic serving 9.9.9.9", "3.3.3.3", "does not tell where it comes from"} {
			if !strings.Contains(raw.String(), part) {
				t.Errorf("%q was not logged at all, so this test says nothing of it", part)
			}
		}
		if t.Failed() {
			t.Logf("%s", &log)
		}
	})
}
