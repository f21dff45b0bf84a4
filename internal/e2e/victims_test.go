package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// victim is a listening port of a real program.
type victim struct {
	name    string
	process *Process
	address string
	crowds  []crowd
	attacks []attack
	said    func(sent string, said []byte) string
	// unseen is how many of the attacks leave a connection behind that the program
	// does not look at before an ordinary peer wants it.
	unseen int
	// honest is an ordinary peer, which must be served.
	honest func(ctx context.Context, from netip.Addr) error
}

// newFacilitator is one as on the Internet: it takes no private addresses. Nobody
// ever connects to those that it has.
func newFacilitator(t *testing.T) *victim {
	t.Helper()
	f, err := programs.Facilitator(within(t, time.Minute), t.TempDir(), "127.0.0.1:0",
		[]string{"websocket 8.8.8.8:9902", "tcp 8.8.8.8:443"}, "--allow-private-addresses=false", "-v")
	if err != nil {
		t.Fatal(err)
	}
	ends(t, f)
	line, err := f.WaitFor(within(t, time.Minute), "public-key ")
	if err != nil {
		t.Fatal(err)
	}
	return &victim{
		name: "facilitator", process: f.Process, address: strings.TrimSuffix(strings.TrimPrefix(f.URL, "http://"), "/"),
		crowds:  []crowd{{"idle", 300, "", 300}},
		attacks: append(webAttacks(toFacilitator), facilitatorAttacks(t, strings.Fields(line)[1])...),
		said:    webSaid,
		// By a transport that the attacks leave alone.
		honest: func(ctx context.Context, from netip.Addr) error {
			c := &http.Client{Transport: &http.Transport{
				DisableKeepAlives: true,
				DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
					return dialFrom(ctx, from, address, 10*time.Second)
				},
			}}
			if _, err := fetchText(ctx, c, http.MethodPost, f.URL, "client=9.9.9.9:9000&client-transport=tcp"); err != nil {
				return err
			}
			answer, err := fetchText(ctx, c, http.MethodGet, f.URL+"?r=1&transport=tcp", "")
			if err != nil {
				return err
			}
			if form, err := url.ParseQuery(answer); err != nil || form.Get("client") != "9.9.9.9:9000" {
				return fmt.Errorf("the poll got %q", answer)
			}
			return nil
		},
	}
}

// fetchText does one request, which must be answered 200, and gives the text.
func fetchText(ctx context.Context, c *http.Client, method, url, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxSaid))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return string(text), err
}

// newClient is a client that does not register: whoever attacks has found it.
func newClient(t *testing.T, args ...string) (p *Process, local, remote string) {
	t.Helper()
	p, err := programs.Run("flashproxy-client", append([]string{"--external", "-v", "127.0.0.1:0", "127.0.0.1:0"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, p)
	for _, port := range []struct {
		text    string
		address *string
	}{{"for=Tor", &local}, {"for=proxies", &remote}} {
		n, err := p.Port(within(t, time.Minute), port.text)
		if err != nil {
			t.Fatal(err)
		}
		*port.address = net.JoinHostPort("127.0.0.1", n)
	}
	return p, local, remote
}

// newRemote is the port of a client that proxies connect to. It keeps 8 proxies of one
// address in reserve, and 32 connections whose handshake is not done.
func newRemote(t *testing.T) *victim {
	p, local, remote := newClient(t)
	return &victim{
		name: "flashproxy-client for proxies", process: p, address: remote,
		crowds:  []crowd{{"idle", 300, "", 32}, {"open", 300, upgrade, 8}},
		attacks: append(webAttacks(toSocket), socketAttacks(false)...),
		said:    webSaid,
		unseen:  4, // those with data without end, and maybe the one that resets after data
		honest: func(ctx context.Context, from netip.Addr) error {
			return linked(ctx, from, local, remote, dialSocket)
		},
	}
}

// newPlainRemote is the same where proxies come by plain TCP. There is no handshake:
// whoever connects, and stays, is a proxy in reserve.
func newPlainRemote(t *testing.T) *victim {
	p, local, remote := newClient(t, "--transport", "tcp")
	return &victim{
		name: "flashproxy-client for proxies by TCP", process: p, address: remote,
		crowds:  []crowd{{"idle", 300, "", 8}},
		attacks: plainAttacks(),
		said:    func(_ string, said []byte) string { return string(said) },
		unseen:  3, // those with data without end, and maybe the one that resets after data
		honest: func(ctx context.Context, from netip.Addr) error {
			return linked(ctx, from, local, remote, dialPlain)
		},
	}
}

// newLocal is the port of a client that Tor connects to. Only programs on the same
// computer can, so no address has a limit of its own: who opens more than 64 connections
// and says nothing makes others wait, 10 s for each 64. It holds 256 requests.
func newLocal(t *testing.T) *victim {
	p, local, remote := newClient(t)
	return &victim{
		name: "flashproxy-client for Tor", process: p, address: local,
		crowds:  []crowd{{"idle", 100, "", 100}, {"waiting", 300, socksRequests[0].request, 256}},
		attacks: socksAttacks(),
		said:    socksSaid,
		honest: func(ctx context.Context, from netip.Addr) error {
			return linked(ctx, from, local, remote, dialSocket)
		},
	}
}

// echoServer starts a server before an echo service, and gives its address.
func echoServer(t *testing.T, args ...string) (p *Process, address string) {
	t.Helper()
	p, err := programs.Run("flashproxy-server", append([]string{"-v", "--listen", "127.0.0.1:0", "--forward", serveTCP(t, echo)}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, p)
	port, err := p.Port(within(t, time.Minute), "listening")
	if err != nil {
		t.Fatal(err)
	}
	return p, net.JoinHostPort("127.0.0.1", port)
}

// newServer is a server before an echo service. It serves an address as many
// connections as it likes, since a proxy serves many clients.
func newServer(t *testing.T) *victim {
	t.Helper()
	p, address := echoServer(t)
	return &victim{
		name: "flashproxy-server", process: p, address: address,
		crowds:  []crowd{{"idle", 300, "", 32}, {"open", 300, upgrade, 300}},
		attacks: append(webAttacks(toSocket), socketAttacks(true)...),
		said:    webSaid,
		honest: func(ctx context.Context, from netip.Addr) error {
			c, err := dialSocket(ctx, from, address, 10*time.Second)
			if err != nil {
				return err
			}
			return errors.Join(echoes(c, []byte("hello")), c.Close())
		},
	}
}

// dialPlain is dialSocket for a port that takes plain TCP.
func dialPlain(ctx context.Context, from netip.Addr, address string, limit time.Duration) (net.Conn, error) {
	return dialFrom(ctx, from, address, limit)
}

// linked is an ordinary proxy, and a Tor that wants one: they are linked. Tor may
// have to take hostile ones first, which came earlier.
func linked(ctx context.Context, from netip.Addr, local, remote string,
	dial func(context.Context, netip.Addr, string, time.Duration) (net.Conn, error)) error {
	const limit = 30 * time.Second
	proxy, err := dial(ctx, from, remote, limit)
	if err != nil {
		return err
	}
	defer proxy.Close()
	heard := make(chan error, 1)
	go func() {
		err := expect(proxy, "hello")
		if err == nil {
			_, err = io.WriteString(proxy, "hello too")
		}
		heard <- err
	}()
	for i := range 100 {
		tor, err := dialFrom(ctx, from, local, limit)
		if err != nil {
			return err
		}
		defer tor.Close()
		granted := make(chan error, 1)
		go func() {
			err := socks(tor, i)
			if err == nil {
				_, err = io.WriteString(tor, "hello")
			}
			granted <- err
		}()
		select {
		case err := <-granted:
			if err != nil {
				return err
			}
		case err := <-heard:
			return err
		}
	}
	return errors.New("100 connections of Tor were linked, and none with the honest proxy")
}

// crowd is many connections from one address.
type crowd struct {
	name string
	n    int
	send string // by each
	kept int    // those that are not ended at once
}

// gather lets a crowd come, serves an honest peer next to it, and lets it go.
func (w crowd) gather(ctx context.Context, v *victim, from, other netip.Addr) error {
	ended := make(chan struct{}, w.n)
	for range w.n {
		c, err := dialFrom(ctx, from, v.address, time.Minute)
		if err != nil {
			return err
		}
		defer c.Close()
		go func() {
			if _, err := io.WriteString(c, w.send); err == nil {
				io.Copy(io.Discard, c)
			}
			ended <- struct{}{}
		}()
	}
	up := time.NewTimer(timeUp)
	defer up.Stop()
	for i := range w.n - w.kept {
		select {
		case <-ended:
		case <-up.C:
			return fmt.Errorf("only %d of %d were ended at once, want %d", i, w.n, w.n-w.kept)
		}
	}
	if w.name == "waiting" {
		return nil // in front of the honest one, as is their right
	}
	return v.honest(ctx, other)
}
