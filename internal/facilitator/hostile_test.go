package facilitator

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

// answers reads all that the server says on c until it closes, as status codes,
// and how long that took.
func answers(c *memnet.Conn, methods ...string) (codes []int, took time.Duration) {
	start := time.Now()
	br := bufio.NewReader(c)
	for i := 0; ; i++ {
		method := "GET"
		if i < len(methods) {
			method = methods[i]
		}
		got := readReply(br, method)
		if got.err != nil {
			return codes, time.Since(start)
		}
		codes = append(codes, got.StatusCode)
	}
}

// TestHostile is what each kind of bad input gets: the codes in order, then the
// connection is closed, not before min and not after max seconds. What stays open
// as an idle connection is closed after idleTimeout.
func TestHostile(t *testing.T) {
	const host = "Host: f\r\n"
	const idle = int(idleTimeout / time.Second)
	chunk := "4000\r\n" + strings.Repeat("x", 0x4000) + "\r\n"
	for _, tt := range []struct {
		name     string
		input    string
		every    time.Duration // between its bytes; 0 for all at once
		again    string        // sent on and on
		codes    string
		min, max int
	}{
		{"silence", "", 0, "", "[]", 10, 10},
		{"half a line", "GET /?r=1", 0, "", "[400]", 10, 11},
		{"slow header", "GET /?r=1 HTTP/1.1\r\n" + host + "X: y\r\n\r\n", time.Second, "", "[400]", 10, 11},
		{"header without end", "GET /?r=1 HTTP/1.1\r\n", 0, "X: " + strings.Repeat("y", 1000) + "\r\n", "[431]", 0, 1},
		{"line without end", "GET /", 0, strings.Repeat("y", 1000), "[431]", 0, 1},
		{"huge header", "GET /?r=1 HTTP/1.1\r\n" + host + "X: " + strings.Repeat("y", 30_000) + "\r\n\r\n", 0, "", "[431]", 0, 1},
		{"many headers", "GET /?r=1 HTTP/1.1\r\n" + host + strings.Repeat("X:\r\n", 10_000) + "\r\n", 0, "", "[431]", 0, 1},
		{"largest poll", "GET /?r=1&x=" + strings.Repeat("y", 16_000) + " HTTP/1.0\r\n\r\n", 0, "", "[200]", 0, 0},
		{"thousands of keys", "GET /?r=1" + strings.Repeat("&a=b", 3000) + " HTTP/1.0\r\n\r\n", 0, "", "[400]", 0, 0},
		{"hundreds of clients", "GET /?r=1" + strings.Repeat("&client=1.2.3.4:5", 500) + " HTTP/1.0\r\n\r\n", 0, "", "[200]", 0, 0},
		{"hundreds of transports", "GET /?r=1" + strings.Repeat("&transport=a", 500) + " HTTP/1.0\r\n\r\n", 0, "", "[200]", 0, 0},

		{"slow body", "POST / HTTP/1.1\r\n" + host + "Content-Length: 12\r\n\r\nclient=", 0, "", "[408]", 10, 11},
		{"slow poll with a body", "GET /?r=1 HTTP/1.1\r\n" + host + "Content-Length: 12\r\n\r\nclient=", 0, "", "[200]", 10, 11},
		{"slow body elsewhere", "PUT /x HTTP/1.1\r\n" + host + "Content-Length: 12\r\n\r\nclient=", 0, "", "[404]", 10, 11},
		{"waiting poll with a body", "GET /?r=1&wait=20 HTTP/1.1\r\n" + host + "Content-Length: 12\r\n\r\nclient=", 0, "", "[200]", 20, 31},
		{"body without end", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1000000000\r\n\r\n", 0, "xxxxxxxxxxxxxxxx", "[413]", 0, 1},
		{"chunks without end", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n", 0, chunk, "[413]", 0, 1},
		{"trailers without end", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n", 0, "X: " + strings.Repeat("y", 500) + "\r\n", "[400]", 0, 1},
		{"poll with a body without end", "GET /?r=1 HTTP/1.1\r\n" + host + "Content-Length: 1000000000\r\n\r\n", 0, strings.Repeat("x", 999), "[200]", 0, 1},
		{"both lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, "", "[400]", idle, idle},
		{"negative length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -5\r\n\r\n", 0, "", "[400]", 0, 1},
		{"lengths that differ", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0, "", "[400]", 0, 1},
		{"expectation", "POST / HTTP/1.1\r\n" + host + "Expect: a miracle\r\nContent-Length: 0\r\n\r\n", 0, "", "[417]", 0, 1},

		{"bad method", "G@T /?r=1 HTTP/1.1\r\n" + host + "\r\n", 0, "", "[400]", 0, 1},
		{"odd method", "BREW / HTTP/1.0\r\n\r\n", 0, "", "[405]", 0, 0},
		{"NUL in the path", "GET /\x00?r=1 HTTP/1.1\r\n" + host + "\r\n", 0, "", "[400]", 0, 1},
		{"NUL in a header", "GET /?r=1 HTTP/1.1\r\n" + host + "X: \x00\r\n\r\n", 0, "", "[400]", 0, 1},
		{"NULs", strings.Repeat("\x00", 100), 0, "", "[400]", 10, 11},
		{"NULs and a line end", strings.Repeat("\x00", 100) + "\r\n\r\n", 0, "", "[400]", 0, 1},
		{"escaped NUL", "GET /?r=1&client=%00 HTTP/1.0\r\n\r\n", 0, "", "[200]", 0, 0},
		{"bad escape", "GET /?r=1&client=%zz HTTP/1.0\r\n\r\n", 0, "", "[400]", 0, 0},
		{"bad escape in the path", "GET /%zz HTTP/1.0\r\n\r\n", 0, "", "[400]", 0, 1},
		{"semicolons", "GET /?r=1;wait=3 HTTP/1.0\r\n\r\n", 0, "", "[400]", 0, 0},
		{"HTTP/0.9", "GET /?r=1\r\n\r\n", 0, "", "[400]", 0, 1},
		{"HTTP/3", "GET /?r=1 HTTP/3.0\r\n\r\n", 0, "", "[505]", 0, 1},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, "", "[404]", 0, 1},
		{"h2c upgrade", "GET /?r=1 HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", 0, "", "[200]", 0, 1},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\xab", 500) + "\n", 0, "", "[400]", 0, 1},
		{"no host", "GET /?r=1 HTTP/1.1\r\n\r\n", 0, "", "[400]", 0, 1},
		{"two hosts", "GET /?r=1 HTTP/1.1\r\n" + host + host + "\r\n", 0, "", "[400]", 0, 1},
		{"folded header", "GET /?r=1 HTTP/1.0\r\nX: a\r\n b\r\n\r\n", 0, "", "[200]", 0, 0},
		{"blank before the colon", "GET /?r=1 HTTP/1.1\r\n" + host + "X : y\r\n\r\n", 0, "", "[400]", 0, 1},

		{"pipelined", get("/?r=1") + get("/healthz") + get("/x"), 0, "", "[200 200 404]", idle, idle},
		{"pipelined behind a registration", "POST / HTTP/1.1\r\n" + host + "Content-Length: 12\r\n\r\nclient=:9000" + get("/?r=1"), 0, "", "[200 200]", idle, idle},
		{"pipelined behind a bad one", get("/?r=2") + get("/?r=1"), 0, "", "[400 200]", idle, idle},
		{"pipelined behind a poll that waits", get("/?r=1&wait=20") + get("/?r=1"), 0, "", "[200 200]", 20 + idle, 20 + idle},
		{"byte by byte", "GET /?r=1 HTTP/1.0\r\n\r\n", 100 * time.Millisecond, "", "[200]", 2, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log bytes.Buffer
				r := newRig(t, Config{Logger: logTo(&log)}, relay4)
				_, patient := r.send(proxy4, get("/?r=1&wait=45"))
				synctest.Wait()
				c := r.dial(client4)
				done := make(chan struct{})
				go func() {
					defer close(done)
					write(c, tt.input, tt.every, tt.again)
				}()
				codes, took := answers(c)
				_ = c.Close()
				<-done
				if fmt.Sprint(codes) != tt.codes {
					t.Errorf("got %v, want %s", codes, tt.codes)
				}
				seconds(t, "closed after", took, tt.min, tt.max)

				// Others go on.
				r.register(proxy6, "client=8.8.8.8:9000")
				r.answer(<-patient)
				synctest.Wait()
				if strings.Contains(log.String(), "panic") {
					t.Errorf("log: %s", &log)
				}
			})
		})
	}
}

// write sends input, then again and again until the connection is closed.
func write(c *memnet.Conn, input string, every time.Duration, again string) {
	if every == 0 {
		_, _ = io.WriteString(c, input)
	} else {
		for i := range len(input) {
			time.Sleep(every)
			if _, err := io.WriteString(c, input[i:i+1]); err != nil {
				return
			}
		}
	}
	for again != "" {
		if _, err := io.WriteString(c, again); err != nil {
			return
		}
	}
}

// TestStoppedReader: a proxy that does not take its answer loses it, and keeps
// nobody waiting.
func TestStoppedReader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		r.register(client4, "client=:9000")
		c := r.dial(proxy4)
		if err := c.SetReadBuffer(10); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, get("/?r=1")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(answerTimeout - time.Second)
		if r.poll(proxy4, "").Match != nil {
			t.Error("given to two while it may still be taken")
		}
		time.Sleep(2 * time.Second)
		if r.poll(proxy4, "").Match == nil {
			t.Error("the client is lost")
		}
		_ = c.Close()
	})
}

func TestConnectionsOfOneSource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("7.7.7.7/32")}}, relay4)
		var conns []*memnet.Conn
		open := func(host string, n int) {
			for i := range n {
				conns = append(conns, r.dial(netip.AddrPortFrom(netip.MustParseAddr(host), uint16(1000+i))))
				synctest.Wait()
			}
		}
		open("9.9.9.9", maxConnsPerSource)
		// Closed at once. A request would race with that.
		start := time.Now()
		got, _ := io.ReadAll(r.dial(proxy4))
		if took := time.Since(start); len(got) > 0 || took > 0 {
			t.Errorf("one too many got %q, and was closed after %v", got, took)
		}
		if got := r.do(netip.MustParseAddrPort("9.9.9.10:1"), get("/?r=1")); got.StatusCode != http.StatusOK {
			t.Errorf("others: %d", got.StatusCode)
		}
		conns[0].Close()
		synctest.Wait()
		r.poll(proxy4, "")
		open("7.7.7.7", maxConnsPerSource+1)
		r.do(netip.MustParseAddrPort("7.7.7.7:1"), "GET /healthz HTTP/1.1\r\nHost: f\r\nX-Forwarded-For: 8.8.8.8\r\n\r\n")
		for _, c := range conns {
			_ = c.Close()
		}
	})
}
