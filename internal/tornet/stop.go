package tornet

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// stopTimeout is how long a tor may take to end; it takes 20 ms.
	stopTimeout = 10 * time.Second
	// orphanTimeout is how long a transport may outlive its tor, which tells it
	// to end by SIGTERM and by closing its standard input.
	orphanTimeout = 2 * time.Second
)

// TransportPIDs returns the process ids of tor's children, the transports that
// run now; none while tor waits to start one again.
func (n *Node) TransportPIDs() ([]int, error) { return children(n.PID()) }

// transports holds on to tor's children.
func (n *Node) transports() ([]process, error) {
	pids, err := children(n.PID())
	var held []process
	for _, pid := range pids {
		if p, err := openProcess(pid); err == nil { // else it has just ended
			held = append(held, p)
		}
	}
	return held, err
}

// KillTransports kills every transport of this tor and returns when tor has
// started as many again and they are ready, which takes it about a second.
func (n *Node) KillTransports(ctx context.Context) error {
	from := n.log.Next()
	transports, err := n.transports()
	for _, p := range transports {
		err = errors.Join(err, p.kill())
		p.close()
	}
	if err == nil && len(transports) == 0 {
		err = errors.New("no transport is running")
	}
	if err != nil {
		return n.explain(fmt.Errorf("kill the transports: %w", err))
	}
	for range transports {
		if _, from, err = n.log.Wait(ctx, from, containing("changed state: Configured -> Completed")); err != nil {
			return n.explain(fmt.Errorf("wait for a killed transport to be started again: %w", err))
		}
	}
	return nil
}

// Stop ends tor and its transports, and waits for that. It returns an error when
// one of them had to be killed: a transport must end when tor tells it to. Later
// calls wait too and return nil.
func (n *Node) Stop() (err error) {
	n.stop.Do(func() { err = n.shutdown() })
	return err
}

func (n *Node) shutdown() error {
	// Held on to before tor ends: afterwards they are no longer its children.
	transports, errs := n.transports()
	for _, p := range transports {
		defer p.close()
	}
	n.ctl.close()
	kill := time.NewTimer(stopTimeout)
	defer kill.Stop()
	select {
	case <-n.running.Done():
	case <-kill.C:
		n.cmd.Process.Kill()
		errs = errors.Join(errs, fmt.Errorf("tor %s did not end within %v, killed", n.name, stopTimeout))
	}
	n.waiter.Wait()
	deadline := time.Now().Add(orphanTimeout)
	for _, p := range transports {
		if !p.wait(time.Until(deadline)) {
			err := p.kill()
			errs = errors.Join(errs, fmt.Errorf("transport %d of tor %s did not end within %v of SIGTERM, killed", p.pid, n.name, orphanTimeout), err)
		}
	}
	return errs
}
