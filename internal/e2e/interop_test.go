package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wsPackage is the WebSocket library of most Node programs, in the version that the tests
// were written with.
const wsPackage = "ws@8.18.3"

// node is Node with that package.
type node struct{ path, dir string }

func newNode(t *testing.T) node {
	t.Helper()
	need(t, "node", "nodejs")
	need(t, "npm", "npm")
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	n := node{path, t.TempDir()}
	cmd := exec.CommandContext(within(t, 2*time.Minute), "npm", "install", "--no-save", "--no-audit", "--no-fund",
		"--no-package-lock", "--ignore-scripts", "--prefix", n.dir, wsPackage)
	cmd.Dir = n.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("npm cannot install %s (%v), which needs the npm registry:\n%s", wsPackage, err, out))
	}
	return n
}

// run starts a script of testdata.
func (n node) run(t *testing.T, script string, args ...string) *Process {
	t.Helper()
	// The flag is for Node 20; later ones have WebSocket without it and take the flag.
	p, err := Programs{}.RunEnv(n.path, []string{"WS=" + n.dir},
		append([]string{"--experimental-websocket", filepath.Join("testdata", script)}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// finish waits until a script has ended, and well.
func finish(t *testing.T, p *Process) {
	t.Helper()
	status, err := p.Wait(within(t, time.Minute))
	if err != nil || status != 0 {
		t.Errorf("the script ended with %d, %v:\n%s", status, err, strings.Join(p.Lines().Tail(50), "\n"))
	}
}

// randomly gives n bytes that nothing could guess or compress.
func randomly(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// newEchoServer is a server before an echo service.
func newEchoServer(t *testing.T) (address string) {
	t.Helper()
	p, err := programs.Run("flashproxy-server", "--listen", "127.0.0.1:0", "--forward", serveTCP(t, echo))
	if err != nil {
		t.Fatal(err)
	}
	ends(t, p)
	port, err := p.Port(within(t, time.Minute), "listening")
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// carries connects by SOCKS, and sends data to the echo at the far end.
func carries(ctx context.Context, local string, version int, data []byte) error {
	tor, err := dialFrom(ctx, netip.Addr{}, local, time.Minute)
	if err != nil {
		return err
	}
	defer tor.Close()
	if err := socks(tor, version); err != nil {
		return err
	}
	return echoes(tor, data)
}

// TestInterop is our programs with WebSockets that others have written.
func TestInterop(t *testing.T) {
	n := newNode(t)
	server := newEchoServer(t)
	for i, kind := range []string{"node", "ws", "base64"} {
		t.Run("proxy by "+kind, func(t *testing.T) {
			_, local, remote := newClient(t)
			p := n.run(t, "proxy.mjs", kind, remote, server)
			if err := carries(within(t, time.Minute), local, i, randomly(1<<20)); err != nil {
				t.Errorf("%v:\n%s", err, strings.Join(p.Lines().Tail(50), "\n"))
			}
			finish(t, p)
		})
	}
	t.Run("proxy of 2015", func(t *testing.T) { proxyOf2015(t, n, server) })
	t.Run("given client and relay", func(t *testing.T) {
		script, client, relay := n.ends(t)
		p, err := programs.Run("proxy-headless", "--client", client, "--relay", relay, "--connections-per-client", "8", "--drain", "1s")
		if err != nil {
			t.Fatal(err)
		}
		ends(t, p)
		finish(t, script)
	})
	t.Run("client of 2015", func(t *testing.T) { clientOf2015(t, n) })
}

// ends starts a client and a relay.
func (n node) ends(t *testing.T) (script *Process, client, relay string) {
	t.Helper()
	script = n.run(t, "ends.mjs")
	line, err := script.WaitFor(within(t, time.Minute), "ports ")
	if err != nil {
		t.Fatal(err)
	}
	ports := strings.Fields(line)
	return script, net.JoinHostPort("127.0.0.1", ports[1]), net.JoinHostPort("127.0.0.1", ports[2])
}

// A proxy that polls as the browsers of 2015 did serves a client that registers by
// itself, with two connections at once.
func proxyOf2015(t *testing.T, n node, server string) {
	f, err := programs.Facilitator(within(t, time.Minute), t.TempDir(), "127.0.0.1:0", []string{"websocket " + server})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, f)
	client, local, _ := newClient(t, "--register", "--facilitator", f.URL)
	if _, err := client.WaitFor(within(t, time.Minute), "registered with the facilitator"); err != nil {
		t.Fatal(err)
	}
	p := n.run(t, "proxy.mjs", "node", f.URL)
	done := make(chan error)
	for i := range 2 {
		go func() { done <- carries(within(t, time.Minute), local, i, randomly(1<<18)) }()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Errorf("%v:\n%s", err, strings.Join(p.Lines().Tail(50), "\n"))
		}
	}
	finish(t, p)
}

// A client that registers as those of 2015 did, some of them with an odd content
// type, is given to a proxy of ours.
func clientOf2015(t *testing.T, n node) {
	script, client, relay := n.ends(t)
	f, err := programs.Facilitator(within(t, time.Minute), t.TempDir(), "127.0.0.1:0", []string{"websocket " + relay})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, f)
	p, err := programs.Proxy(within(t, time.Minute), f.URL, "--connections-per-client", "8", "--drain", "1s")
	if err != nil {
		t.Fatal(err)
	}
	ends(t, p)
	c, err := dialFrom(t.Context(), netip.Addr{}, strings.Trim(strings.TrimPrefix(f.URL, "http:"), "/"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, port, _ := net.SplitHostPort(client)
	body := "client=:" + port
	fmt.Fprintf(c, "POST / HTTP/1.0\r\nContent-Type: text/html; charset=x-odd\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	answer, err := io.ReadAll(c)
	if err != nil || webSaid("POST", answer) != "200" {
		t.Errorf("the registration got %q, %v", answer, err)
	}
	finish(t, script)
}
