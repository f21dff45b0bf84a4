package facilitator

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/pool"
)

// FuzzConnection sends raw bytes as a connection. Whatever they are, the server
// answers well-formed responses with the codes that the protocol has, closes in
// time, logs no panic, and serves the next one.
func FuzzConnection(f *testing.F) {
	key := newKey(f)
	for _, s := range []string{
		get("/?r=1"), get("/?r=1&wait=3&transport=websocket&client=1.2.3.4:5&unreachable=1.1.1.1:9902"), post("client=:9000"),
		post("client=8.8.8.8:9000\nclient=:1&client-transport=a|tcp"), get("/healthz"), get("/reg/AAAA"), "OPTIONS * HTTP/1.1\r\nHost: f\r\n\r\n",
		"HEAD / HTTP/1.0\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", get("//../x%2f/?r=1") + post("x"),
		"POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nclien\r\n0\r\n\r\n" + get("/?r=1"),
	} {
		f.Add([]byte(s))
	}
	known := map[int]bool{
		200: true, 204: true, 400: true, 404: true, 405: true, 408: true, 413: true, 417: true, 429: true, 431: true, 501: true, 505: true,
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		in = in[:min(len(in), 64<<10)]
		bubble(t, func(t *testing.T) {
			var log bytes.Buffer
			m := pool.NewMemory(pool.Config{})
			defer m.Close()
			r := newRig(t, Config{Pool: m, Key: key, Logger: logTo(&log)}, relay4)
			r.register(client4, "client=:9000")
			c := r.dial(proxy4)
			go func() { _, _ = c.Write(in) }()
			var methods []string
			if bytes.HasPrefix(in, []byte("HEAD ")) {
				methods = []string{http.MethodHead}
			}
			codes, took := answers(c, methods...)
			_ = c.Close()
			for _, code := range codes {
				if !known[code] {
					t.Errorf("%q got %v", in, codes)
				}
			}
			// Each request may wait, and what follows an idle time is the end.
			if most := idleTimeout + time.Duration(len(codes)+1)*(DefaultMaxWait+answerTimeout); took > most {
				t.Errorf("%q was held for %v", in, took)
			}
			if strings.Contains(log.String(), "panic") {
				t.Errorf("%q: %s", in, &log)
			}
			r.poll(proxy4, "")
		})
	})
}
