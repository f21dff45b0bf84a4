package e2e

import (
	"context"
	"fmt"
	"net"
	"strings"

	"flashproxy/internal/tornet"
)

// Facilitator is a running facilitator.
type Facilitator struct {
	*Process
	URL string // as the other programs take it
}

// Facilitator starts one with these lines as its relay file, on a free port of
// host, and waits until it listens. Its files go to dir. It takes loopback addresses,
// which is all that there is here.
func (p Programs) Facilitator(ctx context.Context, dir, listen string, relays []string, args ...string) (*Facilitator, error) {
	file, err := writeFile(dir, "relays", strings.Join(relays, "\n")+"\n")
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, err
	}
	r, err := p.RunEnv("facilitator", []string{"STATE_DIRECTORY=" + dir},
		append([]string{"--relay-file", file, "--listen", listen, "--allow-private-addresses"}, args...)...)
	if err != nil {
		return nil, err
	}
	port, err := r.Port(ctx, "listening")
	if err != nil {
		r.Kill()
		return nil, err
	}
	return &Facilitator{r, "http://" + net.JoinHostPort(host, port) + "/"}, nil
}

// Proxy starts a proxy that asks the facilitator at url.
func (p Programs) Proxy(ctx context.Context, url string, args ...string) (*Process, error) {
	r, err := p.Run("proxy-headless", append([]string{"--facilitator", url, "--allow-private-addresses"}, args...)...)
	if err != nil {
		return nil, err
	}
	if _, err := r.WaitFor(ctx, "start"); err != nil {
		r.Kill()
		return nil, err
	}
	return r, nil
}

// Bridge starts a bridge with our server transport and gives it with its line for
// a relay file. Listen may be the zero value.
func (p Programs) Bridge(ctx context.Context, n *tornet.Network, name string, t tornet.Transport, args ...string) (*tornet.Bridge, string, error) {
	b, err := n.Bridge(ctx, tornet.BridgeConfig{
		Name: name, Transports: []tornet.Transport{t}, ExtORPort: true,
		Exec: append([]string{p.Path("flashproxy-server")}, args...),
	})
	if err != nil {
		return nil, "", err
	}
	// "flashproxy ADDRESS:PORT FINGERPRINT"
	fields := strings.Fields(b.Lines[0])
	if len(fields) < 2 {
		b.Stop()
		return nil, "", fmt.Errorf("the bridge's line is %q", b.Lines[0])
	}
	return b, "websocket " + fields[1], nil
}

// Client starts a Tor client with our client transport, which registers with the
// facilitator at url and takes proxies on loopback only.
func (p Programs) Client(ctx context.Context, n *tornet.Network, name, url string, args ...string) (*tornet.Client, error) {
	exec := append([]string{"flashproxy", "exec", p.Path("flashproxy-client"), "--register", "--facilitator", url}, args...)
	return n.Client(ctx, tornet.ClientConfig{
		Name: name, Plugins: []string{strings.Join(exec, " ") + " 127.0.0.1:0 127.0.0.1:0"},
		Bridges: []string{"flashproxy 0.0.1.0:1"},
	})
}
