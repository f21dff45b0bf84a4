package wsconn

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

// secureNetwork is a network with the certificate that its servers have.
func secureNetwork(t *testing.T, n network) (network, ListenOptions, DialOptions) {
	t.Helper()
	cert, pool := certified(t)
	lo := ListenOptions{TLS: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}}
	return n, lo, dialOptions(n, DialOptions{TLS: &tls.Config{RootCAs: pool, ServerName: "localhost"}})
}

// testSecureEcho checks that the listener goes on.
func testSecureEcho(t *testing.T, l *Listener, o DialOptions) {
	t.Helper()
	testEchoBy(t, l, "wss://localhost", o)
}

// What is no TLS, or never becomes any, costs its own connection, within the time
// that the whole request has.
func TestHostileTLS(t *testing.T) {
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" // of 512 bytes, which never come
	for _, tt := range []struct {
		name, input string
		after       time.Duration
	}{
		{"nothing", "", 10 * time.Second},
		{"half a hello", hello, 10 * time.Second},
		{"plain HTTP", request(), 0},
		{"garbage", strings.Repeat("\xff", 1<<16), 0},
		{"a record too long", "\x16\x03\x01\xff\xff" + strings.Repeat("x", 1<<16), 0},
		{"an alert", "\x15\x03\x01\x00\x02\x02\x28", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, lo, do := secureNetwork(t, memory())
				l := listen(t, n, lo)
				peer, err := n.dial(context.Background())
				must(t, err)
				go io.WriteString(peer, tt.input)
				start := time.Now()
				must(t, peer.SetReadDeadline(start.Add(time.Minute)))
				got, _ := io.ReadAll(peer)
				if d := time.Since(start); d > tt.after {
					t.Errorf("it took %v", d)
				}
				if len(got) > 16 || strings.Contains(string(got), "HTTP") {
					t.Errorf("answer %.200q", got)
				}
				peer.Close()
				synctest.Wait()
				checkEmpty(t, l)
				testSecureEcho(t, l, do)
			})
		})
	}
}

// A peer that takes nothing of what TLS has to say is bounded in time too.
func TestTLSPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, lo, do := secureNetwork(t, memory())
		l := listen(t, n, lo)
		peer, err := n.dial(context.Background())
		must(t, err)
		must(t, peer.(*memnet.Conn).SetReadBuffer(1)) // less than the server has to say
		deaf := writeOnly{peer, make(chan struct{})}
		defer close(deaf.end)
		go tls.Client(deaf, do.TLS).Handshake()
		time.Sleep(requestTimeout + time.Second)
		synctest.Wait()
		checkEmpty(t, l)
		peer.Close()
	})
}

// writeOnly reads nothing until its end.
type writeOnly struct {
	net.Conn
	end chan struct{}
}

func (w writeOnly) Read([]byte) (int, error) {
	<-w.end
	return 0, io.EOF
}

// stall lets a thousand peers come who say nothing, until they are called off.
func stall(t *testing.T, n network) (callOff func()) {
	t.Helper()
	var peers []net.Conn
	for range 1000 {
		peer, err := n.dial(context.Background())
		must(t, err)
		peers = append(peers, peer)
	}
	synctest.Wait()
	return func() {
		for _, p := range peers {
			p.Close()
		}
	}
}

// A thousand that stall in the TLS handshake take places among the pending, and no
// more than there are; who comes when they are gone is served.
func TestThousandStalledHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, lo, do := secureNetwork(t, memory())
		lo.MaxPendingPerAddr = -1
		l := listen(t, n, lo)
		defer stall(t, n)()
		l.gate.mu.Lock()
		pending := len(l.gate.places)
		l.gate.mu.Unlock()
		if pending != defaultPending {
			t.Errorf("%d are pending, want %d", pending, defaultPending)
		}
		time.Sleep(requestTimeout + time.Second)
		synctest.Wait()
		checkEmpty(t, l)
		testSecureEcho(t, l, do)
	})
}

// The same from one address leave room for others.
func TestStalledHandshakesOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, lo, do := secureNetwork(t, memory())
		l := listen(t, n, lo)
		defer stall(t, n)()
		others := n.listener.(*memnet.Listener)
		do.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return others.DialFrom(ctx, netip.MustParseAddrPort("198.51.100.7:1234"))
		}
		testSecureEcho(t, l, do)
	})
}

// HTTP/2 has no upgrade: who asks for nothing else gets no connection.
func TestNoHTTP2(t *testing.T) {
	n, lo, do := secureNetwork(t, loopback(t))
	l := listen(t, n, lo)
	peer, err := n.dial(context.Background())
	must(t, err)
	defer peer.Close()
	do.TLS.NextProtos = []string{"h2"}
	if err := tls.Client(peer, do.TLS).Handshake(); err == nil {
		t.Error("HTTP/2 was agreed on")
	}
	do.TLS.NextProtos = nil
	testSecureEcho(t, l, do)
}

// A wss URL is never dialled as ws: not when plain HTTP answers, and not when
// it redirects there.
func TestNoDowngrade(t *testing.T) {
	for _, said := range []string{
		"HTTP/1.1 301 Moved Permanently\r\nLocation: ws://127.0.0.1/\r\n\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP",
	} {
		n := memory()
		heard := make(chan []byte, 2)
		go func() {
			for {
				c, err := n.listener.Accept()
				if err != nil {
					return
				}
				b := make([]byte, 1<<16)
				m, _ := c.Read(b)
				heard <- b[:m]
				io.WriteString(c, said)
				c.Close()
			}
		}()
		c, err := Dial(context.Background(), "wss://peer.example", dialOptions(n, DialOptions{}))
		if err == nil {
			c.Close()
			t.Fatal("connected without TLS")
		}
		n.listener.Close()
		if first := <-heard; len(first) == 0 || first[0] != 0x16 || strings.Contains(string(first), "Upgrade") {
			t.Errorf("the server heard %.100q", first)
		}
		if len(heard) > 0 {
			t.Error("it was tried a second time")
		}
	}
}
