package tornet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// ClientConfig says what client to run.
type ClientConfig struct {
	// Name is the name of its directory: 1 to 19 letters and digits, not another
	// node's.
	Name string
	// Plugins are values of ClientTransportPlugin: "obfs4 exec /usr/bin/obfs4proxy",
	// "flashproxy socks4 127.0.0.1:9001".
	Plugins []string
	// Bridges are values of Bridge, such as Bridge.Lines.
	Bridges []string
	// ExtraTorrc are further lines.
	ExtraTorrc []string
}

// Client is a running client.
type Client struct {
	*Node
	socks netip.AddrPort
}

// Client starts a client and returns when its SOCKS port is open, which is long
// before it can reach anything: see Bootstrapped. ctx bounds only the start.
func (n *Network) Client(ctx context.Context, cfg ClientConfig) (*Client, error) {
	err := checkName(cfg.Name)
	for _, plugin := range cfg.Plugins {
		if fields := strings.Fields(plugin); len(fields) > 2 && fields[1] == "exec" {
			err = errors.Join(err, checkExec(fields[2:]))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start a client: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errStartTimeout)
	defer cancel()
	node, err := n.startNode(cfg.Name, n.auth.clientTorrc(n.dir, &cfg))
	if err != nil {
		return nil, err
	}
	c := &Client{Node: node}
	if c.socks, err = c.listener(ctx, "socks"); err != nil {
		return nil, errors.Join(fmt.Errorf("start a client: %w", err), c.Stop())
	}
	return c, nil
}

// SocksAddr is the client's SOCKS port.
func (c *Client) SocksAddr() netip.AddrPort { return c.socks }

const (
	percentLoaded = 75  // it knows the relays and could build circuits
	percentDone   = 100 // it has built one
)

// Bootstrapped waits until the client has built a circuit, or ctx ends: it takes
// 3 to 4 s where nothing is in the way. It tells phase, if not nil, of each phase
// from tor's start on.
func (c *Client) Bootstrapped(ctx context.Context, phase func(percent int, summary string)) error {
	percent := 0
	_, _, err := c.log.Wait(ctx, 0, func(line string) bool {
		p, summary, ok := parseBootstrap(line)
		if !ok {
			return false
		}
		percent = p
		if phase != nil {
			phase(p, summary)
		}
		return p == percentDone
	})
	if err != nil {
		return c.explain(fmt.Errorf("bootstrap, at %d %%: %w", percent, err))
	}
	return nil
}

var bootstrapLine = regexp.MustCompile(`\[notice\] Bootstrapped ([0-9]{1,3})% \([a-z_]+\): (.+)$`)

// parseBootstrap takes a line of the log apart: "Bootstrapped 50%
// (loading_descriptors): Loading relay descriptors".
func parseBootstrap(line string) (percent int, summary string, ok bool) {
	m := bootstrapLine.FindStringSubmatch(line)
	if m == nil {
		return 0, "", false
	}
	percent, err := strconv.Atoi(m[1])
	return percent, m[2], err == nil && percent <= percentDone
}
