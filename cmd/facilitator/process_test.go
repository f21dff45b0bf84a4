//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"flashproxy/internal/daemon"
)

// asProgram in the environment makes the test binary the program.
const asProgram = "FACILITATOR_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(daemon.Main("facilitator", run))
	}
	os.Exit(m.Run())
}

// limit is more than any of this takes.
const limit = 30 * time.Second

// process is a running facilitator.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string
	relays string // the relay file
	stdout bytes.Buffer

	lines chan string // of stderr
	seen  []string
}

// newProcess prepares one with its files in a directory of its own.
func newProcess(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, dir: t.TempDir(), lines: make(chan string, 1000)}
	p.relays = filepath.Join(p.dir, "relays")
	p.writeRelays("websocket 127.0.0.1:9902\n")
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	p.cmd = exec.CommandContext(ctx, self, append([]string{"-r", p.relays, "--allow-private-addresses"}, args...)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "STATE_DIRECTORY="+p.dir+":/nowhere")
	p.cmd.Stdout = &p.stdout
	return p
}

func (p *process) writeRelays(text string) {
	p.t.Helper()
	if err := os.WriteFile(p.relays, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// start starts it; it is killed at the end of the test, if it is still there.
func (p *process) start() *process {
	p.t.Helper()
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(p.lines)
		for sc := bufio.NewScanner(stderr); sc.Scan(); {
			p.lines <- sc.Text()
		}
	})
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		reading.Wait()
		_ = p.cmd.Wait()
	})
	return p
}

// line waits for a line of the log that matches, and gives its first group.
func (p *process) line(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	for line := range p.lines {
		p.seen = append(p.seen, line)
		if m := re.FindStringSubmatch(line); m != nil {
			return m[len(m)-1]
		}
	}
	p.t.Fatalf("it ended and never said %q:\n%s", pattern, strings.Join(p.seen, "\n"))
	return ""
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for its end and gives the exit code.
func (p *process) end() int {
	p.t.Helper()
	for line := range p.lines {
		p.seen = append(p.seen, line)
	}
	err := p.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return 0
}

// ask does one request and gives the status and the body.
func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	status, text, err := request(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, text
}

func request(method, url, body string) (int, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// url is of the port that the log tells.
func (p *process) url() string {
	return "http://" + net.JoinHostPort("127.0.0.1", p.line(`listening port=(\d+)`))
}
