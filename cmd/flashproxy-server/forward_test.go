package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// startForward runs the program without Tor and returns where it listens.
func startForward(t *testing.T, target string, args ...string) (*child, string) {
	t.Helper()
	c := start(t, nil, append([]string{"--listen", "127.0.0.1:0", "--forward", target}, args...)...)
	c.line(c.stderr, ".*msg=start .*")
	port := c.line(c.stderr, `.*msg=listening method=websocket port=([1-9][0-9]+)`)
	return c, net.JoinHostPort("127.0.0.1", port)
}

func TestForward(t *testing.T) {
	c, addr := startForward(t, service(t, echo), "-v")
	conn := dial(t, addr)
	want := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	go io.WriteString(conn, want)                      // ends with the connection
	wantRead(t, conn, want)
	conn.Close()
	c.Process.Signal(syscall.SIGTERM)
	if errs := c.wantExit(0); !strings.Contains(errs, "bytes_up=1048576 bytes_down=1048576") || strings.Contains(errs, "127.0.0.1") {
		t.Errorf("stderr:\n%s", errs)
	}
}

func TestForwardToServiceThatSpeaksFirst(t *testing.T) {
	_, addr := startForward(t, service(t, func(c net.Conn) {
		io.WriteString(c, "SSH-2.0-service\r\n")
		echo(c)
	}))
	conn := dial(t, addr)
	wantRead(t, conn, "SSH-2.0-service\r\n")
	send(t, conn, "SSH-2.0-user\r\n")
	wantRead(t, conn, "SSH-2.0-user\r\n")
}

// A connection that a proxy holds in reserve costs the service nothing.
func TestForwardClientFirst(t *testing.T) {
	var calls atomic.Int32
	_, addr := startForward(t, service(t, func(c net.Conn) {
		calls.Add(1)
		echo(c)
	}), "--client-first")
	reserve := dial(t, addr)
	for i, conn := range []net.Conn{dial(t, addr), reserve} {
		send(t, conn, "hello")
		wantRead(t, conn, "hello")
		if n := int(calls.Load()); n != i+1 {
			t.Errorf("the service was called %d times, for %d that spoke", n, i+1)
		}
	}
}

func TestOrdinaryRequest(t *testing.T) {
	_, addr := startForward(t, service(t, echo))
	resp, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %s, want 404", resp.Status)
	}
}

func TestMaxConnections(t *testing.T) {
	_, addr := startForward(t, service(t, echo), "--max-connections", "1")
	first := dial(t, addr)
	send(t, first, "hello")
	wantRead(t, first, "hello")
	if _, err := dial(t, addr).Read(make([]byte, 1)); err == nil {
		t.Error("a second connection is served")
	}
	send(t, first, "still here")
	wantRead(t, first, "still here")
}

func TestCommandLine(t *testing.T) {
	under := torEnv("127.0.0.1:1")
	for _, tt := range []struct {
		args string
		env  []string
		code int
		want string
	}{
		{"", nil, 2, "ServerTransportPlugin"},
		{"--listen :1", nil, 2, "--listen wants --forward"},
		{"--client-first", nil, 2, "--client-first is for --forward"},
		{"--forward 127.0.0.1", nil, 2, "--forward: want HOST:PORT"},
		{"--forward 127.0.0.1:0", nil, 2, "--forward: want HOST:PORT"},
		{"--forward 127.0.0.1:http", nil, 2, "--forward: want HOST:PORT"},
		{"--forward 127.0.0.1:1 --listen ::1", nil, 2, "--listen: want [HOST][:PORT]"},
		{"--forward 127.0.0.1:1 --listen 127.0.0.1:65536", nil, 2, "--listen: want [HOST][:PORT]"},
		{"--forward 127.0.0.1:1 --max-connections 0", nil, 2, "--max-connections: want 1 or more"},
		{"--forward 127.0.0.1:1 extra", nil, 2, "unexpected argument"},
		{"--forward 127.0.0.1:1 --log /nonexistent/x", nil, 1, "open the log"},
		{"--forward 127.0.0.1:1 --listen 127.0.0.1:1 --listen 127.0.0.1:1", nil, 1, "open a listener"},
		{"--bogus", nil, 2, "unknown flag"},
		{"--forward 127.0.0.1:1", under, 2, "take --forward out"},
		{"--client-first", under, 2, "--client-first is for --forward"},
		{"--listen :1", under, 2, "ServerTransportListenAddr"},
		{"--help", nil, 0, ""},
		{"--version", nil, 0, ""},
	} {
		c := start(t, tt.env, strings.Fields(tt.args)...)
		if errs := c.wantExit(tt.code); !strings.Contains(errs, tt.want) {
			t.Errorf("%q: stderr %q, want %q", tt.args, errs, tt.want)
		}
	}
}

func TestListenAddress(t *testing.T) {
	for in, want := range map[string]string{
		"": ":9902", "1.2.3.4": "1.2.3.4:9902", "[::1]": "[::1]:9902", "name": "name:9902",
		":80": ":80", "1.2.3.4:0": "1.2.3.4:0", "[::1]:443": "[::1]:443",
	} {
		if got, err := listenAddress(in); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestConnsFor(t *testing.T) {
	for files, want := range map[uint64]int{0: 1, 256: 64, 1024: 312, 20000: 9800, 1 << 62: mostConns} {
		if got := connsFor(files); got != want {
			t.Errorf("connsFor(%d) = %d, want %d", files, got, want)
		}
	}
	last := 0
	for files := range uint64(5000) {
		n := connsFor(files)
		if n < last || n > 1 && uint64(n)*filesPerConn > files {
			t.Fatalf("connsFor(%d) = %d after %d", files, n, last)
		}
		last = n
	}
}
