package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"flashproxy/internal/tornet"
)

// stopTimeout is how long a program may take to end when told to; what it does
// then is bounded by 10 s.
const stopTimeout = 15 * time.Second

// Process is one running program.
type Process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.Closer
	lines *tornet.Lines // standard output and error
	ended chan struct{}
	err   error // how it ended; read after ended
}

// Run starts a program. Its standard input stays open until it ends.
func (p Programs) Run(name string, args ...string) (*Process, error) {
	return p.RunEnv(name, nil, args...)
}

// RunEnv is Run with further environment variables, each KEY=VALUE.
func (p Programs) RunEnv(name string, env []string, args ...string) (*Process, error) {
	return startProgram(name, p.Path(name), env, args...)
}

// startProgram starts any program, under a name for messages.
func startProgram(name, path string, env []string, args ...string) (*Process, error) {
	r := &Process{name: name, lines: tornet.NewLines(), ended: make(chan struct{})}
	r.cmd = exec.Command(path, args...)
	r.cmd.Stdout, r.cmd.Stderr = r.lines, r.lines
	r.cmd.Env = append(os.Environ(), env...)
	r.cmd.SysProcAttr = dieWithParent()
	stdin, err := r.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r.stdin = stdin
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		r.err = r.cmd.Wait()
		r.lines.End()
		close(r.ended)
	}()
	return r, nil
}

// PID is the process id.
func (r *Process) PID() int { return r.cmd.Process.Pid }

// Lines are what it said.
func (r *Process) Lines() *tornet.Lines { return r.lines }

// CloseStdin ends its standard input, as Tor does to end a transport.
func (r *Process) CloseStdin() error { return r.stdin.Close() }

// WaitFor gives the first line that holds text, also if it came before.
func (r *Process) WaitFor(ctx context.Context, text string) (string, error) {
	line, _, err := r.WaitFrom(ctx, 0, text)
	return line, err
}

// WaitFrom is WaitFor from the line with number from on; it also gives the number
// after the line.
func (r *Process) WaitFrom(ctx context.Context, from int, text string) (string, int, error) {
	line, next, err := r.lines.Wait(ctx, from, func(l string) bool { return strings.Contains(l, text) })
	if err != nil {
		return "", next, fmt.Errorf("wait for %q from %s: %w; its last lines:\n%s", text, r.name, err, strings.Join(r.lines.Tail(10), "\n"))
	}
	return line, next, nil
}

// portIn finds the port in a line such as "msg=listening port=9002".
var portIn = regexp.MustCompile(`\bport=(\d+)`)

// Port waits until the program listens, and gives the port.
func (r *Process) Port(ctx context.Context, text string) (string, error) {
	line, err := r.WaitFor(ctx, text)
	if err != nil {
		return "", err
	}
	m := portIn.FindStringSubmatch(line)
	if m == nil {
		return "", fmt.Errorf("no port in %q", line)
	}
	return m[1], nil
}

// Signal sends a signal.
func (r *Process) Signal(sig os.Signal) error { return r.cmd.Process.Signal(sig) }

// Wait waits for its end and gives its exit status, -1 if a signal ended it.
func (r *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-r.ended:
		return r.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Stop asks it to end, and waits. It is an error when it had to be killed, or did
// not end with status 0. Later calls do nothing.
func (r *Process) Stop() error {
	select {
	case <-r.ended:
		return nil
	default:
	}
	if err := r.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-r.ended:
	case <-time.After(stopTimeout):
		r.Kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM", r.name, stopTimeout)
	}
	if r.err != nil {
		return fmt.Errorf("%s: %w; its last lines:\n%s", r.name, r.err, strings.Join(r.lines.Tail(10), "\n"))
	}
	return nil
}

// Kill ends it at once, as a crash would, and waits.
func (r *Process) Kill() {
	r.cmd.Process.Kill() // an error says that it has ended already
	<-r.ended
}
