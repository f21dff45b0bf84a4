// Package tornet runs a private Tor network on loopback from the installed tor:
// one directory authority, one more relay, and as many bridges and clients as a
// test asks for. Circuits have three hops, a bridge and the two relays, either of
// which may be the exit. One network serves a whole suite: it takes some seconds
// to start, each client some more.
//
// It is for tests and the demo. It protects nobody: keys are on the disk, the
// logs have addresses, and all relays are one person's.
//
// Every tor is owned through a control connection that this process holds open:
// when it ends, however it ends, the tors and their transports end too.
package tornet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// startTimeout bounds Start and Bridge. They take 5 s and 2 s; a machine that
	// is busy with other tests may be ten times slower.
	startTimeout = 2 * time.Minute
	// startAttempts: a port was free when it was chosen and may be taken since.
	startAttempts = 3

	authName  = "auth"
	relayName = "relay"
)

var (
	// errPortTaken: another program has a port that was free a moment ago.
	errPortTaken    = errors.New("a port was taken meanwhile")
	errStartTimeout = fmt.Errorf("not ready within %v", startTimeout)
)

// Step is something that has happened, for a demo to tell.
type Step struct {
	What string        // a sentence in plain words, no end
	Took time.Duration // 0 where it means nothing
}

func (s Step) String() string {
	if s.Took == 0 {
		return s.What
	}
	return fmt.Sprintf("%s (%.1f s)", s.What, s.Took.Seconds())
}

// Config says how to run a network. The zero value is right for a test.
type Config struct {
	// Dir is where the nodes' directories go; it must not hold an earlier
	// network. If empty, a temporary directory that Close removes.
	Dir string
	// Progress is told each step, if not nil. Several goroutines may call it.
	Progress func(Step)
}

// Network is a running network. Its methods may be called by several goroutines.
type Network struct {
	cfg     Config
	tor     string
	dir     string
	auth    authority
	authTor *Node
	relay   *Node

	mu     sync.Mutex
	closed bool    // guarded by mu
	nodes  []*Node // guarded by mu: every one ever started
}

// Start starts an authority and a relay, and returns when the relays are in a
// consensus. ctx bounds only the start.
func Start(ctx context.Context, cfg Config) (*Network, error) {
	return start(ctx, cfg, freePorts)
}

// start is Start with its choice of ports in the caller's hands.
func start(ctx context.Context, cfg Config, ports func() (netip.Addr, uint16, uint16, error)) (*Network, error) {
	tor, err := Find()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errStartTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		n := &Network{cfg: cfg, tor: tor}
		err := n.start(ctx, ports)
		if err == nil {
			return n, nil
		}
		err = errors.Join(err, n.Close())
		if attempt == startAttempts || !errors.Is(err, errPortTaken) {
			return nil, fmt.Errorf("start a Tor network: %w", err)
		}
		n.tell(time.Time{}, "A port was taken meanwhile, starting again with another")
		for _, name := range []string{authName, relayName} {
			if err := os.RemoveAll(filepath.Join(n.dir, name)); err != nil {
				return nil, err
			}
		}
	}
}

// freePorts chooses an address of the network's own, so that nothing else on this
// machine is in its way, and two ports that must be known before tor starts.
// 127.192.0.0/10 is left out: tor itself gives out addresses there.
func freePorts() (host netip.Addr, dirPort, orPort uint16, err error) {
	host = netip.AddrFrom4([4]byte{127, byte(1 + rand.IntN(190)), byte(rand.IntN(256)), byte(1 + rand.IntN(254))})
	dir, done, err := freePort(host)
	if err != nil {
		return host, 0, 0, err
	}
	defer done()
	or, done, err := freePort(host)
	if err != nil {
		return host, 0, 0, err
	}
	defer done()
	return host, dir.Port(), or.Port(), nil
}

func (n *Network) start(ctx context.Context, ports func() (netip.Addr, uint16, uint16, error)) error {
	var err error
	if n.auth.host, n.auth.dirPort, n.auth.orPort, err = ports(); err != nil {
		return err
	}
	if err := n.makeDir(); err != nil {
		return err
	}
	began := time.Now()
	if err := n.auth.makeKeys(filepath.Join(n.dir, authName)); err != nil {
		return err
	}
	if n.authTor, err = n.startNode(authName, n.auth.authorityTorrc(n.dir)); err != nil {
		return err
	}
	if n.relay, err = n.startNode(relayName, n.auth.middleTorrc(n.dir)); err != nil {
		return err
	}
	if err := n.waitRelays(ctx); err != nil {
		if n.authTor.said("Address already in use") {
			err = fmt.Errorf("%w: %w", errPortTaken, err)
		}
		return err
	}
	n.tell(began, "A directory authority and a relay are up and know each other")

	began = time.Now()
	if err := n.vote(ctx); err != nil {
		return err
	}
	n.tell(began, "The authority has published a consensus: there is a Tor network")
	return nil
}

func (n *Network) makeDir() (err error) {
	if n.cfg.Dir == "" {
		n.dir, err = os.MkdirTemp("", "tornet-")
		return err
	}
	if n.dir, err = filepath.Abs(n.cfg.Dir); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(n.dir, authName)); err == nil {
		return fmt.Errorf("%s holds an earlier network: remove it, or choose another", n.dir)
	}
	return os.MkdirAll(n.dir, 0o700)
}

// startNode starts a tor that Close will stop.
func (n *Network) startNode(name string, torrc []string) (*Node, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errors.New("the Tor network is closed")
	}
	for _, node := range n.nodes {
		if node.name == name {
			return nil, fmt.Errorf("there is a tor %q already: choose another name", name)
		}
	}
	node, err := startNode(n.tor, n.dir, name, torrc)
	if err != nil {
		return nil, fmt.Errorf("start tor %s: %w", name, err)
	}
	n.nodes = append(n.nodes, node)
	return node, nil
}

// Host is the network's own loopback address: a server that listens there can be
// reached through the exit, and its port is not taken by something else.
func (n *Network) Host() netip.Addr { return n.auth.host }

// Close stops every tor and transport and waits for their end. It returns what
// Node.Stop says of each.
func (n *Network) Close() error {
	n.mu.Lock()
	n.closed = true
	nodes := n.nodes
	n.mu.Unlock()
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, node := range nodes {
		wg.Go(func() { errs[i] = node.Stop() })
	}
	wg.Wait()
	if n.cfg.Dir == "" && n.dir != "" {
		errs = append(errs, os.RemoveAll(n.dir))
	}
	return errors.Join(errs...)
}

// tell reports a step that began at began, if that is not zero.
func (n *Network) tell(began time.Time, what string) {
	if n.cfg.Progress == nil {
		return
	}
	step := Step{What: what}
	if !began.IsZero() {
		step.Took = time.Since(began)
	}
	n.cfg.Progress(step)
}
