package e2e

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashproxy/internal/wsconn"
)

// badAnswer is what a hostile server says to any HTTP request.
type badAnswer struct {
	name  string
	say   string
	again string // after that, on and on
	hang  bool   // keeps the connection in the end
}

// badAnswers are good for nobody. Those that go wrong late begin with status.
func badAnswers(status, elsewhere string) []badAnswer {
	return []badAnswer{
		{name: "closes"},
		{name: "garbage", say: random(10_000) + "\n"},
		{name: "half an answer", say: "HTTP/1.1 " + status + "\r\nX:"},
		{name: "header without end", say: "HTTP/1.1 " + status + "\r\n", again: "X: y\r\n"},
		{name: "header of 1 MB", say: "HTTP/1.1 " + status + "\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", hang: true},
		{name: "line without end", again: "x"},
		{name: "interim answers without end", again: "HTTP/1.1 100 Continue\r\n\r\n"},
		{name: "body without end", say: "HTTP/1.1 " + status + "\r\n\r\n", again: "x"},
		{name: "chunks without end", say: "HTTP/1.1 " + status + "\r\nTransfer-Encoding: chunked\r\n\r\n", again: "3\r\nabc\r\n"},
		{name: "sends elsewhere", say: "HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nLocation: http://" + elsewhere + "/\r\n\r\n", hang: true},
	}
}

// to says it on a connection whose request has come.
func (b badAnswer) to(c net.Conn) {
	if _, err := io.WriteString(c, b.say); err != nil {
		return
	}
	if b.again != "" {
		// Who does not read is left alone for a long time, so this gives up.
		c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		many := strings.Repeat(b.again, 1+8192/len(b.again))
		for n := 0; n < maxAgain; n += len(many) {
			if _, err := io.WriteString(c, many); err != nil {
				return
			}
		}
	}
	if b.hang {
		io.Copy(io.Discard, c)
	}
}

// nobody is an address that nobody may connect to.
func nobody(t *testing.T) string {
	return serveTCP(t, func(net.Conn) { t.Error("a program went where it must not") })
}

// TestHostileServers is what programs that connect to others do with those that are
// hostile. All begin at once, since most of the time is that of their time limits.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		of  string
		run func(*testing.T)
	}{
		{"facilitators of a client", facilitatorsOfClient(t)},
		{"facilitators of a proxy", facilitatorsOfProxy(t)},
		{"clients and relays of a proxy", endsOfProxy(t)},
		{"a proxy stays outside", proxyStaysOutside(t)},
	} {
		t.Run(end.of, end.run)
	}
}

// A client that a hostile facilitator leads on asks again, and registers when the
// facilitator is honest.
func facilitatorsOfClient(t *testing.T) (end func(*testing.T)) {
	p, local, remote := newClient(t)
	all := append(badAnswers("500 Oops", nobody(t)), badAnswer{name: "says nothing", hang: true})
	type registered struct{ name, body string }
	done := make(chan registered, len(all))
	for _, b := range all {
		var asked atomic.Int32
		url := "http://" + serveTCP(t, func(c net.Conn) {
			req, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				t.Errorf("%s: %v", b.name, err)
				return
			}
			body, err := io.ReadAll(io.LimitReader(req.Body, maxSaid))
			if err != nil {
				t.Errorf("%s: %v", b.name, err)
			}
			if asked.Add(1) == 1 {
				b.to(c)
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			done <- registered{b.name, string(body)}
		}) + "/"
		// Each Bridge line with a facilitator of its own is registered by itself.
		tor, err := dialFrom(t.Context(), netip.Addr{}, local, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tor.Close() })
		if err := askBy(tor, "url="+url); err != nil {
			t.Fatal(err)
		}
	}
	_, port, _ := net.SplitHostPort(remote)
	return func(t *testing.T) {
		ctx := within(t, time.Minute)
		for range all {
			select {
			case r := <-done:
				if want := "client=%3A" + port + "&client-transport=websocket\n"; r.body != want {
					t.Errorf("%s: registered with %q, want %q", r.name, r.body, want)
				}
			case <-ctx.Done(): // one that says nothing takes 32 s
				t.Fatalf("not all are registered; the last lines:\n%s", strings.Join(p.Lines().Tail(20), "\n"))
			}
		}
		sound(t, p)
	}
}

// A proxy goes from hostile facilitators to the next, until one is honest.
func facilitatorsOfProxy(t *testing.T) (end func(*testing.T)) {
	elsewhere := nobody(t)
	all := badAnswers("200 OK", elsewhere)
	for name, body := range map[string]string{
		"no form":       "<html>Welcome!</html>",
		"no relay":      "client=" + elsewhere,
		"a name":        "client=localhost:9000&relay=" + elsewhere,
		"two clients":   "client=" + elsewhere + "&client=" + elsewhere + "&relay=" + elsewhere,
		"not our trade": "client=" + elsewhere + "&relay=" + elsewhere + "&client-transport=smoke",
		"one within":    "client=" + elsewhere + "&relay=" + elsewhere + "&relay-transport=obfs4%7Cwebsocket",
		"no transport":  "client=" + elsewhere + "&relay=" + elsewhere + "&relay-transport=",
	} {
		all = append(all, badAnswer{name: name, say: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)})
	}
	var args []string
	asked := make([]atomic.Bool, len(all))
	for i, b := range all {
		args = append(args, "--facilitator", "http://"+serveTCP(t, func(c net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				asked[i].Store(true)
				b.to(c)
			}
		}))
	}
	client := newHonestClient(t)
	args = append(args, "--facilitator", handOut(t, [][2]string{{client.address, serveSockets(t, echo)}}))
	p, err := programs.Run("proxy-headless", append(args, "-v", "--allow-private-addresses")...)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, p)
	return func(t *testing.T) {
		client.served(t, p)
		for i, b := range all {
			if !asked[i].Load() {
				t.Errorf("%s: was not asked", b.name)
			}
		}
		sound(t, p)
	}
}

// A proxy goes nowhere but on the public Internet, whatever a facilitator says.
func proxyStaysOutside(t *testing.T) (end func(*testing.T)) {
	inside, outside := nobody(t), "8.8.8.8:9"
	p, err := programs.Run("proxy-headless", "-v",
		"--facilitator", handOut(t, [][2]string{{inside, outside}}), "--facilitator", handOut(t, [][2]string{{"192.168.0.1:80", inside}}))
	if err != nil {
		t.Fatal(err)
	}
	ends(t, p)
	return func(t *testing.T) {
		next := 0
		for range 2 {
			if _, next, err = p.WaitFrom(within(t, time.Minute), next, "not on the public Internet"); err != nil {
				t.Fatal(err)
			}
		}
		sound(t, p)
	}
}

// badSockets are what hostile clients and relays say to a proxy that connects.
func badSockets(elsewhere string) []badAnswer {
	const accepted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: KEY\r\n"
	kib := strings.Repeat("x", 1<<10)
	open := accepted + "\r\n"
	var all []badAnswer
	for i, b := range badAnswers("101 Switching Protocols", elsewhere) {
		if i%2 == 1 { // half will do: each takes a second
			all = append(all, b)
		}
	}
	return append(all, []badAnswer{
		{name: "a page", say: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", hang: true},
		{name: "another key", say: strings.Replace(open, "KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1), hang: true},
		{name: "an extension", say: accepted + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", hang: true},
		{name: "a subprotocol", say: accepted + "Sec-WebSocket-Protocol: base64\r\n\r\n", hang: true},
		{name: "masked frame", say: open + frame(opBinary, "x"), hang: true},
		{name: "text", say: open + header(final|opText, 0, 1) + "x", hang: true},
		{name: "2^63 bytes", say: open + header(final|opBinary, 0, 1<<63), hang: true},
		{name: "fragments without end", say: open + header(opBinary, 0, 0), again: header(opMore, 0, 1<<10) + kib},
		{name: "pings without end", say: open, again: header(final|opPing, 0, 125) + kib[:125]},
		{name: "data without end", say: open, again: header(final|opBinary, 0, 1<<10) + kib},
		{name: "goodbye and no end", say: open + header(final|opClose, 0, 0), hang: true},
	}...)
}

// A proxy connects hostile clients and hostile relays, and then honest ones.
func endsOfProxy(t *testing.T) (end func(*testing.T)) {
	honest, idle := serveSockets(t, echo), serveSockets(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	all := badSockets(nobody(t))
	matches := [][2]string{
		{serveTCP(t, badAnswer{hang: true}.to), honest}, // early, since a dial takes 20 s
		{idle, serveTCP(t, badAnswer{hang: true}.to)},
	}
	dialled := make([]atomic.Bool, len(all))
	for i, b := range all {
		address := serveTCP(t, func(c net.Conn) {
			req, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				t.Errorf("%s: %v", b.name, err)
				return
			}
			dialled[i].Store(true)
			sum := sha1.Sum([]byte(req.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			answer := b
			answer.say = strings.Replace(b.say, "KEY", base64.StdEncoding.EncodeToString(sum[:]), 1)
			answer.to(c)
		})
		matches = append(matches, [2]string{address, honest})
		if i%4 == 3 { // a few will do: the code is the same
			matches = append(matches, [2]string{idle, address})
		}
	}
	first, last := newHonestClient(t), newHonestClient(t)
	matches = append([][2]string{{first.address, honest}}, append(matches, [2]string{last.address, honest})...)
	p, err := programs.Proxy(within(t, time.Minute), handOut(t, matches), "-v", "--drain", "1s", "--max-clients", fmt.Sprint(len(matches)))
	if err != nil {
		t.Fatal(err)
	}
	ends(t, p)
	first.served(t, p)
	before, err := settled(within(t, time.Minute), p)
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) {
		last.served(t, p)
		for i, b := range all {
			if !dialled[i].Load() {
				t.Errorf("%s: was not dialled", b.name)
			}
		}
		after, err := rest(within(t, time.Minute), p, before)
		if err != nil {
			t.Error(err)
		}
		t.Logf("before %+v, after %+v", before, after)
		sound(t, p)
	}
}

// handOut is a facilitator that gives these clients and relays to whoever polls, in
// turn, and then nobody any more.
func handOut(t *testing.T, matches [][2]string) (url string) {
	t.Helper()
	var next atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := int(next.Add(1)); n <= len(matches) {
			fmt.Fprintf(w, "client=%s&relay=%s&check-back-in=0", matches[n-1][0], matches[n-1][1])
			return
		}
		io.WriteString(w, "client=&check-back-in=600")
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/"
}

// serveSockets is serveTCP for WebSockets.
func serveSockets(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := wsconn.Listen(tcp, wsconn.ListenOptions{})
	serveListener(t, ln, handle)
	return tcp.Addr().String()
}

// honestClient is a client that is served when what it says comes back.
type honestClient struct {
	address string
	done    chan error
}

func newHonestClient(t *testing.T) *honestClient {
	c := &honestClient{done: make(chan error, 2)} // a proxy opens two connections
	c.address = serveSockets(t, func(conn net.Conn) { c.done <- echoes(conn, []byte("hello")) })
	return c
}

// served waits until the proxy has served it.
func (c *honestClient) served(t *testing.T, p *Process) {
	t.Helper()
	for range cap(c.done) {
		select {
		case err := <-c.done:
			if err != nil {
				t.Error(err)
			}
		case <-within(t, time.Minute).Done():
			t.Fatalf("not served; the proxy's last lines:\n%s", strings.Join(p.Lines().Tail(20), "\n"))
		}
	}
}
