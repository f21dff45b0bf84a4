package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"flashproxy/internal/relaypipe"
	"flashproxy/internal/tornet"
)

// obfs4Relay is a bridge that speaks obfs4, by Debian's obfs4proxy, with a
// flashproxy-server before it.
type obfs4Relay struct {
	line   string // for a relay file
	bridge string // the Bridge line for a client, as the bridge's own tor writes it
	wire   *wiretap
}

// obfs4proxy is the path of it: tor looks in no PATH.
func obfs4proxy(t *testing.T) string {
	t.Helper()
	need(t, "obfs4proxy", "obfs4proxy")
	path, err := exec.LookPath("obfs4proxy")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func newObfs4Relay(t *testing.T, n *tornet.Network) *obfs4Relay {
	t.Helper()
	b, err := n.Bridge(within(t, time.Minute), tornet.BridgeConfig{
		Name: name("bridge"), Transports: []tornet.Transport{{Name: "obfs4"}}, ExtORPort: true, Exec: []string{obfs4proxy(t)},
	})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, b)
	// "obfs4 ADDRESS:PORT FINGERPRINT cert=... iat-mode=0"
	fields := strings.Fields(b.Lines[0])
	wire := tap(t, fields[1])
	server, err := programs.Run("flashproxy-server", "--listen", "127.0.0.1:0", "--forward", wire.address, "--client-first")
	if err != nil {
		t.Fatal(err)
	}
	ends(t, server)
	port, err := server.Port(within(t, time.Minute), "listening")
	if err != nil {
		t.Fatal(err)
	}
	fields[1] = "192.0.2.1:1" // where it is, the proxy knows
	return &obfs4Relay{"obfs4|websocket 127.0.0.1:" + port, strings.Join(fields, " "), wire}
}

// wiretap goes between two programs and notes how each connection begins.
type wiretap struct {
	address string

	mu     sync.Mutex
	begins [][]byte
}

func tap(t *testing.T, to string) *wiretap {
	w := &wiretap{}
	w.address = serveTCP(t, func(c net.Conn) {
		first := make([]byte, 1<<10)
		n, err := c.Read(first)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.begins = append(w.begins, first[:n])
		w.mu.Unlock()
		next, err := net.Dial("tcp", to)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := next.Write(first[:n]); err != nil {
			next.Close()
			return
		}
		relaypipe.Run(context.Background(), c, next, relaypipe.Options{}) // ends with c
	})
	return w
}

// wantNoTLS fails unless something was carried, and nothing of it began as Tor does
// (a TLS record with a handshake in it: RFC 8446, section 5.1).
func (w *wiretap) wantNoTLS(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.begins) == 0 {
		t.Error("nothing went through")
	}
	for _, b := range w.begins {
		if bytes.HasPrefix(b, []byte{22, 3}) {
			t.Errorf("TLS, in the open: % x ...", b[:min(len(b), 8)])
		}
	}
}

// wrongRelay is one that nobody must be led to.
func wrongRelay(t *testing.T) (address string) {
	return serveTCP(t, func(net.Conn) { t.Error("somebody was led to a relay that speaks something else") })
}

// startExternal starts a client by hand.
func startExternal(t *testing.T, facilitator string, args ...string) *Process {
	t.Helper()
	p, err := programs.Run("flashproxy-client", append([]string{"--external", "--register", "--facilitator", facilitator}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, p)
	return p
}

// torPort gives the port for Tor of one of its alternatives.
func torPort(t *testing.T, client *Process, transport string) string {
	t.Helper()
	port, err := client.Port(within(t, time.Minute), "transport="+transport+" for=Tor")
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// behindObfs4 starts a Tor client whose obfs4proxy goes through our SOCKS port.
func behindObfs4(t *testing.T, n *tornet.Network, bridge, proxyOption string) *tornet.Client {
	t.Helper()
	c, err := n.Client(within(t, time.Minute), tornet.ClientConfig{
		Name: name("client"), Plugins: []string{"obfs4 exec " + obfs4proxy(t)},
		Bridges: []string{bridge}, ExtraTorrc: []string{proxyOption},
	})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, c)
	return c
}

// Tor within obfs4 within WebSocket: nobody on the way, not even the proxy, sees
// anything like Tor. A relay for plain Tor is never given.
func TestObfs4(t *testing.T) {
	n := torNetwork(t)
	relay := newObfs4Relay(t, n)
	s := &scene{net: n}
	plain := wrongRelay(t)
	s.open(t, netip.MustParseAddr("127.0.0.1"), []string{"websocket " + plain, "tcp " + plain, relay.line})
	for _, option := range []string{"Socks5Proxy", "Socks4Proxy"} {
		t.Run(option, func(t *testing.T) {
			p := startExternal(t, s.facilitator.URL, "--transport", "obfs4|websocket", "127.0.0.1:0", "127.0.0.1:0")
			c := behindObfs4(t, n, relay.bridge, fmt.Sprintf("%s 127.0.0.1:%s", option, torPort(t, p, "obfs4|websocket")))
			bootstrap(t, c)
			fetch(t, c, page(t, n, 1<<20))
		})
	}
	relay.wire.wantNoTLS(t)
}
