package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/tornet"
)

// scene is a bridge, a facilitator and a proxy, ready for clients.
type scene struct {
	net         *tornet.Network
	bridge      *tornet.Bridge
	facilitator *Facilitator
	proxy       *Process
}

// names counts the nodes: tor wants letters and digits, and each name once.
var names int

func name(role string) string {
	names++
	return fmt.Sprintf("%s%d", role, names)
}

func newScene(t *testing.T, listen netip.Addr, facilitatorArgs ...string) *scene {
	t.Helper()
	s := &scene{net: torNetwork(t)}
	ctx := within(t, time.Minute)
	transport := tornet.Transport{Name: "flashproxy"}
	if listen.Is6() {
		ln, err := net.Listen("tcp6", "[::1]:0")
		if err != nil {
			missing(t, "no IPv6 on loopback: enable it, as in sysctl net.ipv6.conf.lo.disable_ipv6=0")
		}
		transport.Listen = ln.Addr().(*net.TCPAddr).AddrPort()
		ln.Close()
	}
	var line string
	var err error
	if s.bridge, line, err = programs.Bridge(ctx, s.net, name("bridge"), transport); err != nil {
		t.Fatal(err)
	}
	ends(t, s.bridge)
	s.open(t, listen, []string{line}, facilitatorArgs...)
	return s
}

// open starts a facilitator with these lines as its relay file, and a proxy.
func (s *scene) open(t *testing.T, listen netip.Addr, relays []string, facilitatorArgs ...string) {
	t.Helper()
	var err error
	s.facilitator, err = programs.Facilitator(within(t, time.Minute), t.TempDir(), netip.AddrPortFrom(listen, 0).String(), relays, facilitatorArgs...)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, s.facilitator)
	s.newProxy(t)
}

func (s *scene) newProxy(t *testing.T) {
	t.Helper()
	var err error
	if s.proxy, err = programs.Proxy(within(t, time.Minute), s.facilitator.URL, "--drain", "1s"); err != nil {
		t.Fatal(err)
	}
	ends(t, s.proxy)
}

func (s *scene) client(t *testing.T, args ...string) *tornet.Client {
	t.Helper()
	c, err := programs.Client(within(t, time.Minute), s.net, name("client"), s.facilitator.URL, args...)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, c)
	return c
}

func bootstrap(t *testing.T, c *tornet.Client) {
	t.Helper()
	start := time.Now()
	if err := c.Bootstrapped(within(t, 2*time.Minute), nil); err != nil {
		t.Fatal(err)
	}
	t.Logf("bootstrapped in %v", time.Since(start).Round(time.Millisecond))
}

func fetch(t *testing.T, c *tornet.Client, p *Page) {
	t.Helper()
	first, last, err := p.Fetch(within(t, 2*time.Minute), c.HTTPClient())
	if err != nil {
		t.Fatalf("%v; Tor's last lines:\n%s", err, strings.Join(c.Log().Tail(15), "\n"))
	}
	t.Logf("fetched %d bytes: first after %v, last after %v", len(p.Body), first.Round(time.Millisecond), last.Round(time.Millisecond))
}

// noAddresses fails when a program's log has an address of ours in it: all here are
// in 127.0.0.0/8 or are ::1.
func noAddresses(t *testing.T, who string, lines []string) {
	t.Helper()
	address := regexp.MustCompile(`127\.\d+\.\d+\.\d+|\[?::1\]?:\d`)
	for _, l := range lines {
		if address.MatchString(l) {
			t.Errorf("%s logged an address: %s", who, l)
		}
	}
}

func TestBootstrapAndFetch(t *testing.T) {
	s := newScene(t, netip.MustParseAddr("127.0.0.1"))
	big, small := page(t, s.net, 10<<20), page(t, s.net, 1<<10)
	c := s.client(t)
	bootstrap(t, c)
	fetch(t, c, small)
	fetch(t, c, big)
	for _, text := range []string{"registered with the facilitator", "a flash proxy"} {
		if _, err := c.WaitLog(within(t, time.Minute), text); err != nil {
			t.Error(err)
		}
	}
	for _, l := range c.Log().Tail(1000) {
		if strings.Contains(l, "[warn]") && (strings.Contains(l, "flashproxy") || strings.Contains(l, "ransport")) {
			t.Errorf("Tor warns of its transport: %s", l)
		}
	}
	noAddresses(t, "facilitator", s.facilitator.Lines().Tail(1000))
	noAddresses(t, "proxy", s.proxy.Lines().Tail(1000))
}

// behindPort starts a Tor client that uses our SOCKS port.
func behindPort(t *testing.T, n *tornet.Network, version, port string) *tornet.Client {
	t.Helper()
	c, err := n.Client(within(t, time.Minute), tornet.ClientConfig{
		Name: name("client"), Plugins: []string{fmt.Sprintf("flashproxy %s 127.0.0.1:%s", version, port)},
		Bridges: []string{"flashproxy 0.0.1.0:1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, c)
	return c
}

func TestExternal(t *testing.T) {
	for _, version := range []string{"socks4", "socks5"} {
		t.Run(version, func(t *testing.T) {
			s := newScene(t, netip.MustParseAddr("127.0.0.1"))
			p := startExternal(t, s.facilitator.URL, "127.0.0.1:0", "127.0.0.1:0")
			c := behindPort(t, s.net, version, torPort(t, p, "websocket"))
			bootstrap(t, c)
			fetch(t, c, page(t, s.net, 1<<20))
			noAddresses(t, "client", p.Lines().Tail(1000))
		})
	}
}

// A transport that dies is started again by tor, and all goes on.
func TestTransportsKilled(t *testing.T) {
	s := newScene(t, netip.MustParseAddr("127.0.0.1"))
	p := page(t, s.net, 100<<10)
	c := s.client(t)
	bootstrap(t, c)
	fetch(t, c, p)
	for _, kill := range []struct {
		who  string
		node *tornet.Node
	}{{"the client's", c.Node}, {"the server's", s.bridge.Node}} {
		if err := kill.node.KillTransports(within(t, time.Minute)); err != nil {
			t.Fatalf("%s: %v", kill.who, err)
		}
		fetch(t, c, p)
	}
}

// The only proxy dies, another one comes: the next fetch works, and nothing was
// started again.
func TestProxyReplaced(t *testing.T) {
	s := newScene(t, netip.MustParseAddr("127.0.0.1"))
	p := page(t, s.net, 100<<10)
	c := s.client(t)
	bootstrap(t, c)
	fetch(t, c, p)
	from := c.Log().Next()
	s.proxy.Kill()
	if _, _, err := c.Log().Wait(within(t, time.Minute), from, func(l string) bool { return strings.Contains(l, "lost a flash proxy") }); err != nil {
		t.Error(err)
	}
	s.newProxy(t)
	start := time.Now()
	fetch(t, c, p)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("the next fetch took %v, want seconds", took)
	}
}

// A facilitator that forgets everything, because it was started anew, learns of
// a client that waits.
func TestFacilitatorRestarted(t *testing.T) {
	s := newScene(t, netip.MustParseAddr("127.0.0.1"))
	if err := s.proxy.Stop(); err != nil {
		t.Fatal(err)
	}
	c := s.client(t, "--refresh", "5s")
	if _, err := c.WaitLog(within(t, time.Minute), "registered with the facilitator"); err != nil {
		t.Fatal(err)
	}
	s.facilitator.Kill()
	listen := strings.TrimSuffix(strings.TrimPrefix(s.facilitator.URL, "http://"), "/")
	line := "websocket " + strings.Fields(s.bridge.Lines[0])[1]
	again, err := programs.Facilitator(within(t, time.Minute), t.TempDir(), listen, []string{line})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, again)
	s.newProxy(t)
	bootstrap(t, c)
	fetch(t, c, page(t, s.net, 100<<10))
}

// Facilitator, client and relay on ::1 only: an IPv6 proxy between them.
func TestIPv6(t *testing.T) {
	s := newScene(t, netip.IPv6Loopback())
	c, err := s.net.Client(within(t, time.Minute), tornet.ClientConfig{
		Name:    name("client"),
		Plugins: []string{fmt.Sprintf("flashproxy exec %s --register -6 -f %s 127.0.0.1:0 [::1]:0", programs.Path("flashproxy-client"), s.facilitator.URL)},
		Bridges: []string{"flashproxy 0.0.1.0:1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, c)
	bootstrap(t, c)
	fetch(t, c, page(t, s.net, 100<<10))
}

// Everything about where to register can be said in the Bridge line.
func TestBridgeLineSaysAll(t *testing.T) {
	s := newScene(t, netip.MustParseAddr("127.0.0.1"))
	line, err := s.facilitator.WaitFor(within(t, time.Minute), "public-key ")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", netip.AddrPortFrom(s.net.Host(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	remote := ln.Addr().String()
	ln.Close()
	c, err := s.net.Client(within(t, time.Minute), tornet.ClientConfig{
		Name:    name("client"),
		Plugins: []string{fmt.Sprintf("flashproxy exec %s --register-methods url 127.0.0.1:0 %s", programs.Path("flashproxy-client"), remote)},
		Bridges: []string{fmt.Sprintf("flashproxy 0.0.1.0:1 url=%s pubkey=%s remote=%s", s.facilitator.URL, strings.Fields(line)[1], remote)},
	})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, c)
	bootstrap(t, c)
	fetch(t, c, page(t, s.net, 100<<10))
}
