package e2e

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/tornet"
)

// plainRelay starts a bridge that has never heard of any transport, and gives its
// ORPort as a line of a relay file.
func plainRelay(t *testing.T, n *tornet.Network) string {
	t.Helper()
	b, err := n.Bridge(within(t, time.Minute), tornet.BridgeConfig{Name: name("bridge")})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, b)
	address, _, _ := strings.Cut(b.Lines[0], " ") // "ADDRESS:PORT FINGERPRINT"
	return "tcp " + address
}

// A proxy that can open TCP reaches the ORPort of any relay.
func TestRelayByTCP(t *testing.T) {
	s := &scene{net: torNetwork(t)}
	s.open(t, netip.MustParseAddr("127.0.0.1"), []string{plainRelay(t, s.net)})
	c := s.client(t)
	bootstrap(t, c)
	fetch(t, c, page(t, s.net, 1<<20))
}

// A client takes plain TCP from proxies, which go on by WebSocket, or by TCP too.
func TestClientByTCP(t *testing.T) {
	overWebSocket := newScene(t, netip.MustParseAddr("127.0.0.1"))
	overTCP := &scene{net: overWebSocket.net}
	overTCP.open(t, netip.MustParseAddr("127.0.0.1"), []string{plainRelay(t, overTCP.net)})
	for relay, s := range map[string]*scene{"websocket": overWebSocket, "tcp": overTCP} {
		t.Run(relay, func(t *testing.T) {
			c := s.client(t, "--transport", "tcp")
			bootstrap(t, c)
			fetch(t, c, page(t, s.net, 1<<20))
		})
	}
}
