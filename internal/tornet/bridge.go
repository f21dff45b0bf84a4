package tornet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Transport is one transport name that a bridge offers.
type Transport struct {
	Name string
	// Listen is where the transport is told to listen (ServerTransportListenAddr).
	// If zero, on Network.Host; if its port is 0, on a free one: tor itself can't
	// leave the choice of a port to the transport.
	Listen netip.AddrPort
}

// BridgeConfig says what bridge to run.
type BridgeConfig struct {
	// Name is its nickname and the name of its directory: 1 to 19 letters and
	// digits, not another node's.
	Name string
	// Transports are what Exec offers. None: a plain bridge.
	Transports []Transport
	// Exec is the transport's program and its arguments, none with a blank in it:
	// tor knows no quoting there.
	Exec []string
	// ExtORPort opens an Extended ORPort for the transport.
	ExtORPort bool
	// ExtraTorrc are further lines, such as ServerTransportOptions.
	ExtraTorrc []string
}

// Bridge is a running bridge.
type Bridge struct {
	*Node
	// Lines are what a client's Bridge options take, with fingerprint and
	// arguments: one for each transport, in the order of BridgeConfig.Transports;
	// one in all for a plain bridge.
	Lines []string
}

// Bridge starts a bridge and returns when its transports listen and it has what
// a client will ask it for. ctx bounds only the start.
func (n *Network) Bridge(ctx context.Context, cfg BridgeConfig) (*Bridge, error) {
	cfg.Transports = append([]Transport(nil), cfg.Transports...)
	if err := cfg.complete(n.Host()); err != nil {
		return nil, fmt.Errorf("start a bridge: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errStartTimeout)
	defer cancel()
	began := time.Now()
	node, err := n.startNode(cfg.Name, n.auth.bridgeTorrc(n.dir, &cfg))
	if err != nil {
		return nil, err
	}
	b := &Bridge{Node: node}
	if err := b.ready(ctx, &cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("start a bridge: %w", err), b.Stop())
	}
	what := "A bridge is up"
	if len(cfg.Transports) > 0 {
		what += ", and tor has started its transport"
	}
	n.tell(began, what)
	return b, nil
}

// complete checks the configuration and fills in where the transports listen.
func (cfg *BridgeConfig) complete(host netip.Addr) error {
	if err := checkName(cfg.Name); err != nil {
		return err
	}
	if len(cfg.Transports) > 0 {
		if err := checkExec(cfg.Exec); err != nil {
			return err
		}
	}
	for i := range cfg.Transports {
		listen := &cfg.Transports[i].Listen
		if !listen.IsValid() {
			*listen = netip.AddrPortFrom(host, 0)
		}
		if listen.Port() != 0 {
			continue
		}
		free, done, err := freePort(listen.Addr())
		if err != nil {
			return err
		}
		defer done() // after the loop, so that no two get the same
		*listen = free
	}
	return nil
}

// freePort reserves a port of an address until done is called.
func freePort(addr netip.Addr) (free netip.AddrPort, done func(), err error) {
	ln, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		return netip.AddrPort{}, nil, fmt.Errorf("choose a port: %w", err)
	}
	return ln.Addr().(*net.TCPAddr).AddrPort(), func() { ln.Close() }, nil
}

// nickname is what tor takes for one, and a file name that needs no care.
var nickname = regexp.MustCompile(`^[A-Za-z0-9]{1,19}$`)

func checkName(name string) error {
	if !nickname.MatchString(name) {
		return fmt.Errorf("the name %q: it must have 1 to 19 letters and digits", name)
	}
	return nil
}

// checkExec finds early what tor would only show by trying again for ever.
func checkExec(argv []string) error {
	for _, arg := range argv {
		if arg == "" || strings.ContainsAny(arg, " \t\r\n") {
			return fmt.Errorf("transport %q: tor can't pass on an argument that is empty or has a blank", argv)
		}
	}
	if len(argv) == 0 {
		return errors.New("a transport needs a program (Exec)")
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return fmt.Errorf("transport: %w; build or install it first", err)
	}
	return nil
}

// transportFaults are in what tor logs when a transport will not come up, or
// only by luck at a later try.
var transportFaults = []string{
	"terminated with status code",
	"encountered a method error",
	"failed the configuration protocol",
	"didn't launch any pluggable transport",
}

// ready waits until the bridge can serve a client, and fills in its lines.
func (b *Bridge) ready(ctx context.Context, cfg *BridgeConfig) error {
	// A client that comes before its bridge has the consensus backs off.
	missing, loaded := len(cfg.Transports), false
	var fault string
	_, _, err := b.log.Wait(ctx, 0, func(line string) bool {
		for _, text := range transportFaults {
			if strings.Contains(line, text) {
				fault = line
			}
		}
		if strings.Contains(line, "Registered server transport ") {
			missing--
		}
		if percent, _, ok := parseBootstrap(line); ok && percent >= percentLoaded {
			loaded = true
		}
		return fault != "" || loaded && missing <= 0
	})
	switch {
	case err != nil:
		return b.explain(fmt.Errorf("%d transports missing, relay list loaded: %v: %w", missing, loaded, err))
	case fault != "":
		return b.explain(errors.New("its transport does not come up"))
	}
	b.Lines, err = b.lines(ctx, cfg)
	return err
}

// lines returns the bridge lines, those of transports as tor writes them to a
// file (bridgelines) for the operator to hand out.
func (b *Bridge) lines(ctx context.Context, cfg *BridgeConfig) ([]string, error) {
	// An answer shows too that tor is done with what it logged last: the file is
	// written a moment after the log line.
	fingerprint, err := b.GetInfo(ctx, "fingerprint")
	if err != nil {
		return nil, err
	}
	if len(cfg.Transports) == 0 {
		addr, err := b.listener(ctx, "or")
		if err != nil {
			return nil, err
		}
		return []string{addr.String() + " " + fingerprint}, nil
	}
	file, err := os.ReadFile(filepath.Join(b.dir, "bridgelines"))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, t := range cfg.Transports {
		for line := range strings.Lines(string(file)) {
			if after, ok := strings.CutPrefix(line, "Bridge "+t.Name+" "); ok {
				lines = append(lines, t.Name+" "+strings.TrimSpace(after))
			}
		}
	}
	if len(lines) != len(cfg.Transports) {
		return nil, b.explain(fmt.Errorf("odd bridge lines: %.500q", file))
	}
	return lines, nil
}
