package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"flashproxy/internal/wsconn"
)

// childEnv makes this test binary run as the program.
const childEnv = "FLASHPROXY_SERVER_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}

// child is the program as a process of its own, and its parent's ends of its
// pipes.
type child struct {
	*exec.Cmd
	t      *testing.T
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *bufio.Reader
}

// start runs the program with args, and with env on top of nothing that a tor
// around this test may have set.
func start(t *testing.T, env []string, args ...string) *child {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	c := &child{Cmd: exec.CommandContext(ctx, os.Args[0], args...), t: t}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "TOR_PT_") {
			c.Env = append(c.Env, kv)
		}
	}
	c.Env = append(append(c.Env, childEnv+"=1"), env...)
	var err error
	if c.stdin, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdout, c.stderr = bufio.NewReader(out), bufio.NewReader(errs)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	return c
}

// line reads a line of r that matches the pattern, skipping no other, and
// returns what its group matched.
func (c *child) line(r *bufio.Reader, pattern string) string {
	c.t.Helper()
	s, err := r.ReadString('\n')
	m := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(strings.TrimSuffix(s, "\n"))
	if m == nil {
		rest, _ := io.ReadAll(c.stderr)
		c.t.Fatalf("the program says %q, %v; want %q; then:\n%s", s, err, pattern, rest)
	}
	return m[len(m)-1]
}

// wantExit waits for the end and returns what was still to be read of stderr.
func (c *child) wantExit(code int) string {
	c.t.Helper()
	out, _ := io.ReadAll(c.stdout)
	errs, _ := io.ReadAll(c.stderr)
	c.Wait()
	if got := c.ProcessState.ExitCode(); got != code {
		c.t.Errorf("exit code %d, want %d; stdout %q, stderr:\n%s", got, code, out, errs)
	}
	return string(errs)
}

// service is a TCP service; each connection is given to handle.
func service(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(30 * time.Second))
				handle(c)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

func echo(c net.Conn) { io.Copy(c, c) }

// dial connects as a proxy does.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := wsconn.Dial(t.Context(), "ws://"+addr+"/", wsconn.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func wantRead(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b[:n], err, want)
	}
}
