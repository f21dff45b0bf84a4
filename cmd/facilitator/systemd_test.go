//go:build linux

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// notifySocket is what systemd has at the other end of NOTIFY_SOCKET.
func notifySocket(t *testing.T) (path string, read func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return path, func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestNotify(t *testing.T) {
	path, told := notifySocket(t)
	p := newProcess(t, "--listen", "127.0.0.1:0")
	p.cmd.Env = append(p.cmd.Env, "NOTIFY_SOCKET="+path)
	p.start()
	want := func(pattern string) {
		t.Helper()
		if got := told(); !regexp.MustCompile("^" + pattern).MatchString(got) {
			t.Errorf("systemd was told %q, want %q", got, pattern)
		}
	}
	want("READY=1$")
	for _, relays := range []string{"websocket 127.0.0.1:1\n", "rubbish\n"} {
		p.writeRelays(relays)
		p.signal(syscall.SIGHUP)
		want(`RELOADING=1\nMONOTONIC_USEC=[0-9]+`)
		want("READY=1$")
	}
	p.signal(syscall.SIGTERM)
	want("STOPPING=1$")
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSocketActivation gives it two sockets as systemd does, which has the process
// identifier in LISTEN_PID: that of the shell before it becomes the program.
func TestSocketActivation(t *testing.T) {
	for _, extra := range []int{0, 1} { // sockets of --listen
		t.Run(fmt.Sprint(extra), func(t *testing.T) {
			p := newProcess(t)
			var ports []string
			for range 2 {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				f, err := l.(*net.TCPListener).File()
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, f)
				_, port, err := net.SplitHostPort(l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				ports = append(ports, port)
			}
			args := p.cmd.Args
			for range extra {
				args = append(args, "--listen", "127.0.0.1:0")
			}
			p.cmd.Path, p.cmd.Args = "/bin/sh", append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, args...)
			p.cmd.Env = append(p.cmd.Env, "LISTEN_FDS=2")
			p.start()
			for _, port := range ports {
				if got := p.line(`listening port=(\d+)`); got != port {
					t.Errorf("listens on %s, want %s", got, port)
				}
				status, text := ask(t, http.MethodGet, "http://127.0.0.1:"+port+"/?r=1", "")
				wantAnswer(t, status, text, none)
			}
			if extra > 0 {
				p.line(`listening port=(\d+)`)
			}
			p.signal(syscall.SIGTERM)
			if code := p.end(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if n := strings.Count(strings.Join(p.seen, "\n"), "msg=listening"); n != 2+extra {
				t.Errorf("listens %d times, want %d", n, 2+extra)
			}
		})
	}
}

// analyze runs systemd-analyze, a part of systemd, which containers lack.
func analyze(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		const text = "no systemd-analyze: sudo apt-get install systemd"
		if os.Getenv("CI") != "" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// units copies the units, with the program's path replaced by one that is there.
func units(t *testing.T) (dir, service string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"facilitator.service", "facilitator.socket"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "doc", name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "/usr/local/bin/facilitator", "/bin/true")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".service") {
			service = string(b)
		}
	}
	return dir, service
}

func TestUnits(t *testing.T) {
	dir, text := units(t)
	// The command line in the unit is one that the program takes.
	exec := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/facilitator (.*)$`).FindStringSubmatch(text)
	if exec == nil {
		t.Fatal("no ExecStart in the unit")
	}
	t.Setenv("STATE_DIRECTORY", dir)
	if _, err := parseOptions(strings.Fields(exec[1]), nil); err != nil {
		t.Errorf("ExecStart: %v", err)
	}
	service := filepath.Join(dir, "facilitator.service")
	if out := analyze(t, "verify", service, filepath.Join(dir, "facilitator.socket")); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	// The threshold is in tenths: 0.5 at most, of 10.
	out := analyze(t, "security", "--offline=true", "--no-pager", "--threshold=5", service)
	t.Log(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:])
}
