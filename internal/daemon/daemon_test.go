package daemon

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv makes this test binary run as one of children instead.
const childEnv = "DAEMON_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		os.Exit(Main("child", children()[name]))
	}
	os.Exit(m.Run())
}

func children() map[string]Run {
	return map[string]Run{
		"polite": func(ctx context.Context, _ []string, _ io.Reader, stdout, _ io.Writer) error {
			fmt.Fprintln(stdout, "ready")
			<-ctx.Done()
			return fmt.Errorf("serve: %w", ctx.Err())
		},
		"stubborn": func(ctx context.Context, _ []string, stdin io.Reader, stdout, _ io.Writer) error {
			fmt.Fprintln(stdout, "ready")
			<-ctx.Done()
			fmt.Fprintln(stdout, "stopping")
			_, err := io.Copy(io.Discard, stdin) // which the test never closes
			return err
		},
		"listeners": func(_ context.Context, _ []string, _ io.Reader, stdout, _ io.Writer) error {
			os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
			lns, err := Listeners()
			if err != nil {
				return err
			}
			for _, ln := range lns {
				fmt.Fprintln(stdout, ln.Addr())
				c, err := ln.Accept()
				if err != nil {
					return err
				}
				fmt.Fprintln(c, "hello")
				c.Close()
			}
			if again, err := Listeners(); len(again) != 0 || err != nil {
				return fmt.Errorf("a second call: %v, %v", again, err)
			}
			return nil
		},
		"fails": func(_ context.Context, args []string, _ io.Reader, _, _ io.Writer) error {
			return errors.New("dial 192.0.2.1:80: refused")
		},
	}
}

// child is a started child process.
type child struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
}

func start(t *testing.T, name string, change func(*exec.Cmd)) *child {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	c := &child{Cmd: exec.CommandContext(ctx, os.Args[0])}
	c.Env = append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0")
	c.Stderr = &c.stderr
	var err error
	if c.stdin, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdout = bufio.NewReader(stdout)
	if change != nil {
		change(c.Cmd)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *child) expect(t *testing.T, want string) {
	t.Helper()
	if got, err := c.stdout.ReadString('\n'); got != want+"\n" {
		t.Fatalf("child says %q, %v; want %q; stderr: %s", got, err, want, &c.stderr)
	}
}

func (c *child) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func TestSignalEndsWithCode0(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		c := start(t, "polite", nil)
		c.expect(t, "ready")
		c.signal(t, s)
		if err := c.Wait(); err != nil || c.stderr.Len() > 0 {
			t.Errorf("%v: %v, stderr %q", s, err, &c.stderr)
		}
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	c := start(t, "stubborn", nil)
	c.expect(t, "ready")
	c.signal(t, syscall.SIGTERM)
	c.expect(t, "stopping")
	c.signal(t, syscall.SIGTERM)
	c.Wait()
	if ws := c.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGTERM {
		t.Errorf("ended by %v, not by the second signal", c.ProcessState)
	}
}

func TestFailureEndsWithCode1(t *testing.T) {
	c := start(t, "fails", nil)
	c.Wait()
	if got, want := c.stderr.String(), "child: dial [scrubbed]: refused\n"; c.ProcessState.ExitCode() != 1 || got != want {
		t.Errorf("%v, stderr %q; want %q", c.ProcessState, got, want)
	}
}

func TestListeners(t *testing.T) {
	if lns, err := Listeners(); lns != nil || err != nil {
		t.Fatalf("outside systemd: %v, %v", lns, err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := start(t, "listeners", func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{f}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=http")
	})
	c.expect(t, ln.Addr().String())
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); string(got) != "hello\n" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v, stderr %q", err, &c.stderr)
	}
}

func TestListenersRefuseWhatDoesNotListen(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := start(t, "listeners", func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{f}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=odd")
	})
	c.Wait()
	if got := c.stderr.String(); c.ProcessState.ExitCode() != 1 || !strings.Contains(got, "use socket 1 from systemd") {
		t.Errorf("%v, stderr %q", c.ProcessState, got)
	}
}

func TestReport(t *testing.T) {
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		err    error
		code   int
		stderr string
	}{
		{"nothing", t.Context(), nil, 0, ""},
		{"help", t.Context(), fmt.Errorf("flags: %w", ErrPrinted), 0, ""},
		{"stopped", stopped, fmt.Errorf("serve: %w", context.Canceled), 0, ""},
		{"failed while it stopped", stopped, io.ErrShortWrite, 1, "prog: short write\n"},
		{"cancelled, but not by a signal", t.Context(), context.Canceled, 1, "prog: context canceled\n"},
		{"usage", t.Context(), fmt.Errorf("flags: %w", Usagef("no port in %q", "1.2.3.4")), 2,
			"prog: flags: no port in \"1.2.3.4\"; try 'prog --help'\n"},
		{"error", t.Context(), &net.AddrError{Err: "missing port in address", Addr: "example"}, 1,
			"prog: address [scrubbed]: missing port in address\n"},
	} {
		var stderr bytes.Buffer
		code := report(c.ctx, "prog", &stderr, c.err)
		if code != c.code || stderr.String() != c.stderr {
			t.Errorf("%s: %d, %q; want %d, %q", c.name, code, &stderr, c.code, c.stderr)
		}
	}
}
