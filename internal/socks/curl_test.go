package socks

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/netwait"
)

// needProgram skips the test, except in CI, when a program is not installed.
func needProgram(t *testing.T, name, install string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%v; %s", err, install)
		}
		t.Skipf("%v; %s", err, install)
	}
}

// TestCurl has an independent client make requests over real sockets.
func TestCurl(t *testing.T) {
	needProgram(t, "curl", "apt-get install curl")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(ln, Options{})
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if err := serveHTTP(c); err != nil {
				t.Error(err)
			}
		}
	}()
	for _, c := range []struct{ proxy, url, want string }{
		{"socks4://", "http://192.0.2.1:8080/", "192.0.2.1:8080 map[]"},
		{"socks4a://", "http://relay.example/", "relay.example:80 map[]"},
		{"socks5://", "http://192.0.2.1/", "192.0.2.1:80 map[]"},
		{"socks5h://", "http://relay.example/", "relay.example:80 map[]"},
		{"socks5h://", "http://[2001:db8::1]:81/", "[2001:db8::1]:81 map[]"},
		{"socks4://k=v%3Bl=w%5C%3Bx@", "http://192.0.2.1/", "192.0.2.1:80 map[k:[v] l:[w;x]]"},
		{"socks5://k=v%3Bl=:w%5C%3Bx@", "http://192.0.2.1/", "192.0.2.1:80 map[k:[v] l:[w;x]]"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := exec.CommandContext(ctx, "curl", "-sS", "-q", "--noproxy", "", "-x", c.proxy+ln.Addr().String(), c.url)
		out, err := cmd.CombinedOutput()
		cancel()
		if string(out) != c.want || err != nil {
			t.Errorf("%s %s: %q, %v; want %q", c.proxy, c.url, out, err, c.want)
		}
	}
	if out, err := exec.Command("curl", "-sS", "-q", "--noproxy", "", "-x", "socks4://rejected=1@"+ln.Addr().String(),
		"http://192.0.2.1/").CombinedOutput(); err == nil || !strings.Contains(string(out), "connection to proxy") && !strings.Contains(string(out), "request rejected") {
		t.Errorf("a rejected request: %q, %v", out, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	<-served
}

// serveHTTP answers one request with what SOCKS said.
func serveHTTP(c *Conn) error {
	defer c.Close()
	if _, ok := c.Args().Get("rejected"); ok {
		return c.Reject()
	}
	if err := c.Grant(); err != nil {
		return err
	}
	if err := netwait.Readable(c)(); err != nil {
		return fmt.Errorf("wait: %w", err)
	}
	if _, err := c.SyscallConn(); err != nil {
		return err
	}
	if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	if _, err := fmt.Fprintf(c, "HTTP/1.0 200 OK\r\n\r\n%s %v", c.Target(), c.Args()); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c)
	return err
}
