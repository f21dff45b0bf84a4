package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/tornet"
)

// Two alternatives in one registration, plain Tor by one and obfs4 by the other:
// each Tor meets the proxies that lead to relays of its kind, whichever there are.
func TestAlternatives(t *testing.T) {
	n := torNetwork(t)
	hidden := newObfs4Relay(t, n)
	bridge, plain, err := programs.Bridge(within(t, time.Minute), n, name("bridge"), tornet.Transport{Name: "flashproxy"})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, bridge)
	small := page(t, n, 100<<10)
	const another = "obfs4|websocket,127.0.0.1:0,127.0.0.1:0"
	for _, tt := range []struct {
		name          string
		relays        []string
		sealed        bool
		plain, hidden bool // which of them gets through
	}{
		{"plain", []string{plain}, false, true, false},
		{"obfs4", []string{hidden.line}, false, false, true},
		{"both", []string{plain, hidden.line}, false, true, true},
		{"both sealed", []string{plain, hidden.line}, true, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &scene{net: n}
			s.open(t, netip.MustParseAddr("127.0.0.1"), tt.relays)
			args := []string{"--alternative", another, "127.0.0.1:0", "127.0.0.1:0"}
			if tt.sealed {
				remote := freeAddress(t)
				args = append(args[:3], remote, "--register-addr", remote, "--register-methods", "url", "--facilitator-pubkey", publicKey(t, s.facilitator))
			}
			p := startExternal(t, s.facilitator.URL, args...)
			plainly := behindPort(t, n, "socks5", torPort(t, p, "websocket"))
			hiddenly := behindObfs4(t, n, hidden.bridge, "Socks5Proxy 127.0.0.1:"+torPort(t, p, "obfs4|websocket"))
			for _, c := range []struct {
				tor  *tornet.Client
				gets bool
			}{{plainly, tt.plain}, {hiddenly, tt.hidden}} {
				if c.gets {
					bootstrap(t, c.tor)
					fetch(t, c.tor, small)
				}
			}
		})
	}
	hidden.wire.wantNoTLS(t)
}

// One Tor with both, by the torrc of doc/transports.md: what it is told as the proxy
// of its obfs4proxy is our other port. (With a relay of one kind only it waits for the
// other for half a minute, and goes on without.)
func TestAlternativesOfOneTor(t *testing.T) {
	n := torNetwork(t)
	hidden := newObfs4Relay(t, n)
	s := &scene{net: n}
	s.open(t, netip.MustParseAddr("127.0.0.1"), []string{plainRelay(t, n), hidden.line})
	local := freeAddress(t)
	c, err := n.Client(within(t, time.Minute), tornet.ClientConfig{
		Name: name("client"),
		Plugins: []string{
			fmt.Sprintf("flashproxy exec %s --register --facilitator %s --alternative obfs4|websocket,%s,127.0.0.1:0 127.0.0.1:0 127.0.0.1:0",
				programs.Path("flashproxy-client"), s.facilitator.URL, local),
			"obfs4 exec " + obfs4proxy(t),
		},
		Bridges:    []string{"flashproxy 0.0.1.0:1", hidden.bridge},
		ExtraTorrc: []string{"Socks5Proxy " + local},
	})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, c)
	bootstrap(t, c)
	fetch(t, c, page(t, n, 100<<10))
	hidden.wire.wantNoTLS(t)
}

func publicKey(t *testing.T, f *Facilitator) string {
	t.Helper()
	line, err := f.WaitFor(within(t, time.Minute), "public-key ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(line)[1]
}

// The same where Tor runs the client, and another Tor uses its second port.
func TestAlternativesManaged(t *testing.T) {
	n := torNetwork(t)
	hidden := newObfs4Relay(t, n)
	s := &scene{net: n}
	s.open(t, netip.MustParseAddr("127.0.0.1"), []string{plainRelay(t, n), hidden.line})
	plainly := s.client(t, "--alternative", "obfs4|websocket,127.0.0.1:0,127.0.0.1:0")
	line, err := plainly.WaitLog(within(t, time.Minute), "transport=obfs4|websocket for=Tor")
	if err != nil {
		t.Fatal(err)
	}
	hiddenly := behindObfs4(t, n, hidden.bridge, fmt.Sprintf("Socks5Proxy 127.0.0.1:%s", portIn.FindStringSubmatch(line)[1]))
	for _, c := range []*tornet.Client{plainly, hiddenly} {
		bootstrap(t, c)
		fetch(t, c, page(t, n, 100<<10))
	}
}
