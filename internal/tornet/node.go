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
	"strings"
	"sync"
)

// Node is one running tor. Its methods may be called by several goroutines.
type Node struct {
	name string
	dir  string
	log  *Lines
	cmd  *exec.Cmd
	ctl  *control

	running context.Context // ends with tor
	exit    error           // how tor ended; read after running
	waiter  sync.WaitGroup  // of the goroutine that sees tor's end

	stop sync.Once
}

// startNode writes the torrc and starts tor with it. It does not wait.
func startNode(tor, dir, name string, torrc []string) (*Node, error) {
	n := &Node{name: name, dir: filepath.Join(dir, name), log: NewLines()}
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(n.dir, "torrc")
	if err := os.WriteFile(file, []byte(strings.Join(torrc, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	ours.Close() // conn has its own copy
	if err != nil {
		return nil, err
	}
	n.cmd = exec.Command(tor, "-f", file, "--defaults-torrc", "/dev/null", "__OwningControllerFD", "3")
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	n.cmd.ExtraFiles = []*os.File{theirs} // becomes descriptor 3
	n.cmd.SysProcAttr = ownGroup
	// A transport that outlives tor may hold tor's output open.
	n.cmd.WaitDelay = orphanTimeout
	if err := n.cmd.Start(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("start tor: %w", err)
	}
	n.ctl = newControl(conn)
	running, ended := context.WithCancel(context.Background())
	n.running = running
	n.waiter.Go(func() {
		n.exit = n.cmd.Wait()
		ended()
		n.log.End()
	})
	return n, nil
}

// Name is the name that the node was given.
func (n *Node) Name() string { return n.name }

// Dir is the node's DataDirectory; its torrc is in it too.
func (n *Node) Dir() string { return n.dir }

// PID is the process id of tor.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Log is what tor has said on its standard output, from notice up.
func (n *Node) Log() *Lines { return n.log }

// Events holds the events (control-spec.txt, section 4.1) that were asked for by
// Command("SETEVENTS …"), without the code 650; the data of an event follow its
// first line.
func (n *Node) Events() *Lines { return n.ctl.events }

// WaitLog returns the first line of the log that holds text, also if it came
// before. To look only at what comes from now on, use Log and Next.
func (n *Node) WaitLog(ctx context.Context, text string) (string, error) {
	line, _, err := n.log.Wait(ctx, 0, containing(text))
	if err != nil {
		return "", n.explain(fmt.Errorf("wait for %q in the log: %w", text, err))
	}
	return line, nil
}

func containing(text string) func(string) bool {
	return func(line string) bool { return strings.Contains(line, text) }
}

// Command gives one command (control-spec.txt, section 3) and returns the lines of
// the answer without their code. An answer that is not 2xx is an error.
func (n *Node) Command(ctx context.Context, line string) ([]string, error) {
	lines, err := n.ctl.command(ctx, line)
	if errors.Is(err, errControlClosed) {
		return nil, n.explain(fmt.Errorf("control command %q: %w", line, err))
	}
	return lines, err
}

// GetInfo asks for one value (GETINFO).
func (n *Node) GetInfo(ctx context.Context, key string) (string, error) {
	lines, err := n.Command(ctx, "GETINFO "+key)
	if err != nil {
		return "", err
	}
	value, ok := strings.CutPrefix(lines[0], key+"=")
	if !ok {
		return "", fmt.Errorf("tor answered GETINFO %s with %.80q", key, lines[0])
	}
	return strings.TrimPrefix(value, "\n"), nil
}

// SetConf changes options of the running tor: each a KEY=VALUE, the value in
// double quotes if it has blanks, a bare KEY for the default.
func (n *Node) SetConf(ctx context.Context, options ...string) error {
	_, err := n.Command(ctx, "SETCONF "+strings.Join(options, " "))
	return err
}

// listener asks tor for the address of its one listener of a kind: or, socks.
func (n *Node) listener(ctx context.Context, kind string) (netip.AddrPort, error) {
	value, err := n.GetInfo(ctx, "net/listeners/"+kind)
	if err != nil {
		return netip.AddrPort{}, err
	}
	addr, err := netip.ParseAddrPort(strings.Trim(value, `"`))
	if err != nil {
		return netip.AddrPort{}, n.explain(fmt.Errorf("listeners of kind %s: %w", kind, err))
	}
	return addr, nil
}

// Signal gives tor a signal by its control-spec name: NEWNYM, HUP, …
func (n *Node) Signal(ctx context.Context, name string) error {
	_, err := n.Command(ctx, "SIGNAL "+name)
	return err
}

// until waits, from event to event, for check to be true; SETEVENTS has asked for
// events that come when it may have changed.
func (n *Node) until(ctx context.Context, what string, check func() (bool, error)) error {
	for {
		next := n.Events().Next()
		ok, err := check()
		if ok && err == nil {
			return nil
		}
		if err == nil {
			_, _, err = n.Events().Wait(ctx, next, func(string) bool { return true })
		}
		if err != nil {
			return n.explain(fmt.Errorf("wait for it to %s: %w", what, err))
		}
	}
}

// notYet is nil for an answer that may be another later.
func notYet(err error) error {
	if errors.Is(err, errRefused) {
		return nil
	}
	return err
}

// whileRunning returns a context that also ends when this tor does: for a wait
// for what another tor says of it.
func (n *Node) whileRunning(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(n.running, func() { cancel(n.explain(errEnded)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
