package tornet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// need skips the test if a program is missing, or fails it where CI is set.
func need(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// needObfs4 returns a transport that is not ours.
func needObfs4(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("obfs4proxy")
	if err != nil {
		err = fmt.Errorf("%w: sudo apt-get install obfs4proxy", err)
	}
	need(t, err)
	return path
}

// network is what the parts of TestNetwork share.
type network struct {
	*Network
	page []byte
	url  string
}

// All that one network serves, and that nothing is left of it. Its first choice of
// ports is one that another program has.
func TestNetwork(t *testing.T) {
	_, err := Find()
	need(t, err)
	obfs4 := needObfs4(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	files := openFiles(t)

	var steps []string
	n, err := start(ctx, Config{Progress: func(s Step) { steps = append(steps, s.String()) }}, takenAtFirst(t))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close() // harmless after the other
	if told := strings.Join(steps, "\n"); !strings.Contains(told, "starting again") || !strings.Contains(told, "consensus") {
		t.Errorf("steps told:\n%s", told)
	}
	t.Logf("steps:\n%s", strings.Join(steps, "\n"))
	n.cfg.Progress = nil

	page := bytes.Repeat([]byte("a line of the page\n"), 1000)
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(page) }))
	site.Listener.Close()
	if site.Listener, err = net.Listen("tcp", netip.AddrPortFrom(n.Host(), 0).String()); err != nil {
		t.Fatal(err)
	}
	site.Start()
	shared := &network{Network: n, page: page, url: site.URL}

	t.Run("parts", func(t *testing.T) {
		t.Run("plain bridge", func(t *testing.T) { t.Parallel(); shared.testPlain(ctx, t) })
		t.Run("transport", func(t *testing.T) { t.Parallel(); shared.testTransport(ctx, t, obfs4) })
		t.Run("transport on IPv6", func(t *testing.T) { t.Parallel(); shared.testIPv6(ctx, t, obfs4) })
		t.Run("errors", func(t *testing.T) { t.Parallel(); shared.testErrors(ctx, t) })
		t.Run("stubborn transport", func(t *testing.T) { t.Parallel(); shared.testStubborn(ctx, t) })
	})

	site.Close()
	var tors []process
	for _, node := range n.nodes {
		if p, err := openProcess(node.PID()); err == nil { // else it was stopped above
			tors = append(tors, p)
			held, err := node.transports()
			if err != nil {
				t.Error(err)
			}
			tors = append(tors, held...)
		}
	}
	began := time.Now()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("Close took %v for %d processes", time.Since(began), len(tors))
	if len(tors) < 7 {
		t.Errorf("only %d processes ran", len(tors))
	}
	for _, p := range tors {
		if !p.wait(0) {
			t.Errorf("process %d is still there", p.pid)
		}
		p.close()
	}
	if _, err := os.Stat(n.dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	if left := slices.DeleteFunc(openFiles(t), func(f string) bool { return slices.Contains(files, f) }); len(left) > 0 {
		t.Errorf("open files left: %q", left)
	}
	if left := goroutines(); len(left) > 0 {
		t.Errorf("goroutines left:\n%s", strings.Join(left, "\n\n"))
	}
	if _, err := n.Client(ctx, ClientConfig{Name: "late"}); err == nil {
		t.Error("a client was started in a closed network")
	}
}

// takenAtFirst chooses ports of which another program has one, the first time.
func takenAtFirst(t *testing.T) func() (netip.Addr, uint16, uint16, error) {
	var other net.Listener
	return func() (netip.Addr, uint16, uint16, error) {
		host, dir, or, err := freePorts()
		if err != nil {
			t.Fatal(err)
		}
		if other != nil {
			return host, dir, or, other.Close()
		}
		if other, err = net.Listen("tcp", netip.AddrPortFrom(host, or).String()); err != nil {
			t.Fatal(err)
		}
		return host, dir, or, nil
	}
}

// client starts a client, waits for it and fetches the page.
func (n *network) client(ctx context.Context, t *testing.T, cfg ClientConfig) *Client {
	t.Helper()
	began := time.Now()
	c, err := n.Client(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var phases []int
	if err := c.Bootstrapped(ctx, func(percent int, _ string) { phases = append(phases, percent) }); err != nil {
		t.Fatal(err)
	}
	if len(phases) < 5 || !slices.IsSorted(phases) || phases[len(phases)-1] != 100 {
		t.Errorf("phases %v", phases)
	}
	t.Logf("client %s: bootstrapped in %v", cfg.Name, time.Since(began))
	n.fetch(ctx, t, c)
	return c
}

func (n *network) fetch(ctx context.Context, t *testing.T, c *Client) {
	t.Helper()
	began := time.Now()
	hc := c.HTTPClient()
	defer hc.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, "GET", n.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := hc.Do(req)
	if err != nil {
		t.Fatal(c.explain(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(body, n.page) {
		t.Fatalf("fetched %d bytes of %d, %v", len(body), len(n.page), err)
	}
	t.Logf("client %s: fetched %d bytes in %v", c.Name(), len(body), time.Since(began))
}

func (n *network) testPlain(ctx context.Context, t *testing.T) {
	b, err := n.Bridge(ctx, BridgeConfig{Name: "plain"})
	if err != nil {
		t.Fatal(err)
	}
	c := n.client(ctx, t, ClientConfig{Name: "plainclient", Bridges: b.Lines})

	circuits, err := c.GetInfo(ctx, "circuit-status")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`BUILT \S+~plain,\S+~(auth,\S+~relay|relay,\S+~auth) `).MatchString(circuits) {
		t.Errorf("no circuit of three hops:\n%s", circuits)
	}
	// The exit can't leave loopback: the kernel refuses to send there from the
	// exit's own address. 192.0.2.0/24 is nobody's (RFC 5737).
	if resp, err := c.HTTPClient().Get("http://192.0.2.1/"); err == nil {
		resp.Body.Close()
		t.Error("the exit reaches beyond loopback")
	}
	if err := c.SetConf(ctx, "MaxCircuitDirtiness=20", `ContactInfo="two words"`); err != nil {
		t.Error(err)
	}
	if got, err := c.GetInfo(ctx, "config-text"); err != nil || !strings.Contains(got, "ContactInfo two words\n") {
		t.Errorf("configuration %v:\n%s", err, got)
	}
	if err := c.SetConf(ctx, "NoSuchOption=1"); err == nil || !strings.Contains(err.Error(), "NoSuchOption") {
		t.Errorf("an unknown option: %v", err)
	}
	from := c.Log().Next()
	if err := c.Signal(ctx, "HUP"); err != nil {
		t.Error(err)
	}
	if _, _, err := c.Log().Wait(ctx, from, containing("Received reload signal")); err != nil {
		t.Error(err)
	}
	if pids, err := c.TransportPIDs(); err != nil || len(pids) != 0 {
		t.Errorf("transports %v, %v", pids, err)
	}
	if err := c.KillTransports(ctx); err == nil {
		t.Error("killed a transport where there is none")
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := c.GetInfo(ctx, "version"); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("command to a tor that has ended: %v", err)
	}
}

// A transport of others, managed by tor; and that tor starts it again.
func (n *network) testTransport(ctx context.Context, t *testing.T, obfs4 string) {
	b, err := n.Bridge(ctx, BridgeConfig{
		Name:       "bridge",
		Transports: []Transport{{Name: "obfs4"}},
		Exec:       []string{obfs4},
		ExtORPort:  true,
		ExtraTorrc: []string{"ServerTransportOptions obfs4 iat-mode=1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Lines) != 1 || !strings.HasPrefix(b.Lines[0], "obfs4 "+n.Host().String()+":") || !strings.Contains(b.Lines[0], " cert=") || !strings.HasSuffix(b.Lines[0], "iat-mode=1") {
		t.Fatalf("bridge lines %q", b.Lines)
	}
	c := n.client(ctx, t, ClientConfig{Name: "client", Plugins: []string{"obfs4 exec " + obfs4}, Bridges: b.Lines})

	for _, node := range []*Node{c.Node, b.Node} {
		before, err := node.TransportPIDs()
		if err != nil || len(before) != 1 {
			t.Fatalf("%s: transports %v, %v", node.Name(), before, err)
		}
		began := time.Now()
		if err := node.KillTransports(ctx); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: transport killed, started again after %v", node.Name(), time.Since(began))
		after, err := node.TransportPIDs()
		if err != nil || len(after) != 1 || after[0] == before[0] {
			t.Fatalf("%s: transports %v before, %v after, %v", node.Name(), before, after, err)
		}
		n.fetch(ctx, t, c)
	}
}

func (n *network) testIPv6(ctx context.Context, t *testing.T, obfs4 string) {
	if _, done, err := freePort(netip.IPv6Loopback()); err != nil {
		need(t, fmt.Errorf("no IPv6 on loopback: sudo sysctl net.ipv6.conf.lo.disable_ipv6=0: %w", err))
	} else {
		done()
	}
	b, err := n.Bridge(ctx, BridgeConfig{
		Name: "bridge6",
		Transports: []Transport{
			{Name: "obfs4"},
			{Name: "obfs3", Listen: netip.AddrPortFrom(netip.IPv6Loopback(), 0)},
		},
		Exec: []string{obfs4},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Lines) != 2 || !strings.HasPrefix(b.Lines[0], "obfs4 127.") || !strings.HasPrefix(b.Lines[1], "obfs3 [::1]:") {
		t.Fatalf("bridge lines %q", b.Lines)
	}
	n.client(ctx, t, ClientConfig{Name: "client6", Plugins: []string{"obfs3 exec " + obfs4}, Bridges: b.Lines[1:]})
}

// openFiles lists this process's descriptors, but for those of the runtime's
// poller, which come with the first use and stay.
func openFiles(t *testing.T) []string {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range dir {
		name, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.HasPrefix(name, "anon_inode:[event") { // the first is ReadDir's own
			continue
		}
		files = append(files, name)
	}
	return files
}

// goroutines returns the stacks of goroutines that run code of this package, tests
// left out.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for _, stack := range strings.Split(string(buf), "\n\n") {
		for line := range strings.Lines(stack) {
			if strings.Contains(line, "/tornet/") && !strings.Contains(line, "_test.go:") {
				left = append(left, stack)
				break
			}
		}
	}
	return left
}
