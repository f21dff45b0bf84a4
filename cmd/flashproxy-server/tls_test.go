package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashproxy/internal/testca"
	"flashproxy/internal/wsconn"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dialTLS connects as a proxy does, and trusts ca.
func dialTLS(t *testing.T, ca *testca.CA, addr string) net.Conn {
	t.Helper()
	c, err := wsconn.Dial(t.Context(), "wss://"+addr+"/", wsconn.DialOptions{TLS: &tls.Config{RootCAs: ca.Pool()}})
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// certificateOf gives the serial number of what the server shows now.
func certificateOf(t *testing.T, ca *testca.CA, addr string) string {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: ca.Pool()})
	must(t, err)
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestForwardTLS(t *testing.T) {
	ca, err := testca.New()
	must(t, err)
	dir := t.TempDir()
	certFile, keyFile, err := ca.Files(dir, "localhost", "127.0.0.1")
	must(t, err)
	c, addr := startForward(t, service(t, echo), "--tls-cert", certFile, "--tls-key", keyFile)
	_, port, _ := net.SplitHostPort(addr)
	conn := dialTLS(t, ca, net.JoinHostPort("localhost", port))
	send(t, conn, "hello")
	wantRead(t, conn, "hello")
	if c, err := wsconn.Dial(t.Context(), "ws://"+addr+"/", wsconn.DialOptions{}); err == nil {
		c.Close()
		t.Error("connected without TLS")
	}

	old := certificateOf(t, ca, addr)
	_, _, err = ca.Files(dir, "localhost", "127.0.0.1")
	must(t, err)
	must(t, c.Process.Signal(syscall.SIGHUP))
	c.line(c.stderr, ".*the certificate was read anew.*")
	if certificateOf(t, ca, addr) == old {
		t.Error("renewed, and the old certificate is shown")
	}
	must(t, os.WriteFile(certFile, []byte("half a certif"), 0o600))
	must(t, c.Process.Signal(syscall.SIGHUP))
	c.line(c.stderr, ".*level=WARN.*can't be used, the old one stays.*")
	for _, conn := range []net.Conn{conn, dialTLS(t, ca, addr)} {
		send(t, conn, "hello")
		wantRead(t, conn, "hello")
	}
	c.Process.Signal(syscall.SIGTERM)
	if errs := c.wantExit(0); strings.Contains(errs, "127.0.0.1") {
		t.Errorf("stderr:\n%s", errs)
	}
}

// Whom the client is to Tor does not change with TLS.
func TestManagedTLS(t *testing.T) {
	ca, err := testca.New()
	must(t, err)
	certFile, keyFile, err := ca.Files(t.TempDir(), "127.0.0.1")
	must(t, err)
	e, env := newExtORPort(t)
	c := start(t, env, "--tls-cert", certFile, "--tls-key", keyFile)
	c.line(c.stdout, "VERSION 1")
	addr := c.line(c.stdout, "SMETHOD flashproxy "+address)
	c.line(c.stdout, "SMETHOD websocket "+address)
	c.line(c.stdout, "SMETHODS DONE")
	conn := dialTLS(t, ca, addr)
	send(t, conn, "hello")
	wantRead(t, conn, "hello")
	e.wantTold(t, conn.LocalAddr().String(), "flashproxy")
	c.stdin.Close()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("at the end: %v, want a goodbye", err)
	}
	conn.Close()
	c.wantExit(0)
}

// Many who never finish their handshakes keep nobody out for long, and no file open.
func TestStalledTLS(t *testing.T) {
	ca, err := testca.New()
	must(t, err)
	certFile, keyFile, err := ca.Files(t.TempDir(), "127.0.0.1")
	must(t, err)
	_, addr := startForward(t, service(t, echo), "--tls-cert", certFile, "--tls-key", keyFile)
	before := dialTLS(t, ca, addr)
	for i := range 1000 {
		conn, err := net.Dial("tcp", addr)
		must(t, err)
		defer conn.Close()
		conn.Write([]byte([]string{"", "\x16\x03\x01\x02\x00\x01", "garbage\r\n\r\n"}[i%3])) // the server may have closed it
	}
	send(t, before, "hello")
	wantRead(t, before, "hello")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for { // of this address 32 may be pending, for 10 s
		conn, err := wsconn.Dial(ctx, "wss://"+addr+"/", wsconn.DialOptions{TLS: &tls.Config{RootCAs: ca.Pool()}})
		if err == nil {
			defer conn.Close()
			send(t, conn, "hello")
			wantRead(t, conn, "hello")
			return
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

func TestTLSCommandLine(t *testing.T) {
	ca, err := testca.New()
	must(t, err)
	dir, otherDir := t.TempDir(), t.TempDir()
	cert, key, err := ca.Files(dir, "localhost")
	must(t, err)
	other, _, err := ca.Files(otherDir, "localhost")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	acme := "--acme-hostnames relay.example --acme-email a@b.example --acme-cache " + filepath.Join(dir, "acme")
	under := append(torEnv("127.0.0.1:1"), "HOME=")
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer busy.Close()
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"--tls-cert " + cert, 2, "--tls-cert and --tls-key go together"},
		{"--tls-key " + key, 2, "--tls-cert and --tls-key go together"},
		{"--tls-cert " + cert + " --tls-key " + key + " " + acme, 2, "want either"},
		{"--tls-cert " + other + " --tls-key " + key, 2, "does not match public key: give PEM files that belong together"},
		{"--tls-cert /nonexistent --tls-key " + key, 2, "no such file"},
		{"--tls-cert " + key + " --tls-key " + cert, 2, "--tls-cert, --tls-key: "},
		{"--acme-hostnames relay.example", 2, "wants --acme-email"},
		{"--acme-hostnames relay.example --acme-email me", 2, "--acme-email: want an address"},
		{"--acme-email a@b.example", 2, "--acme-email is of no use"},
		{"--acme-http off", 2, "--acme-http is of no use"},
		{"--acme-hostnames 192.0.2.1 --acme-email a@b.example", 2, "want a full host name"},
		{"--acme-hostnames *.example.org --acme-email a@b.example", 2, "want a full host name"},
		{"--acme-hostnames a.example,localhost --acme-email a@b.example", 2, `"localhost": want a full host name`},
		{"--trusted-proxies nginx", 2, "neither an address nor a prefix"},
		{acme + " --acme-http 80", 2, "--acme-http: want"},
		{acme + " --acme-directory http://ca.example/", 2, "--acme-directory: want an https URL"},
		{"--acme-hostnames a.example --acme-email a@b.example --acme-cache " + dir + "/file/x", 2, "--acme-cache: "},
		{acme + " --acme-http " + busy.Addr().String(), 1, "forward port 80"},
	} {
		c := start(t, nil, strings.Fields("--forward 127.0.0.1:1 --listen 127.0.0.1:0 "+tt.args)...)
		if errs := c.wantExit(tt.code); !strings.Contains(errs, tt.want) {
			t.Errorf("%q: stderr %q, want %q", tt.args, errs, tt.want)
		}
		if tt.code != 2 {
			continue
		}
		c = start(t, under, strings.Fields(tt.args)...)
		if line, _ := c.stdout.ReadString('\n'); !strings.HasPrefix(line, "ENV-ERROR ") {
			t.Errorf("%q: Tor is told %q", tt.args, line)
		}
		c.wantExit(2)
	}
}

func TestDefaultCache(t *testing.T) {
	for _, tt := range []struct{ tor, state, xdg, want string }{
		{"", "", "", "/home/u/.local/state/flashproxy/acme"},
		{"", "", "/xdg", "/xdg/flashproxy/acme"},
		{"", "", "relative", "/home/u/.local/state/flashproxy/acme"},
		{"", "/var/lib/a:/var/lib/b", "/xdg", "/var/lib/a/acme"},
		{"/tor/pt_state/", "/var/lib/a", "/xdg", "/tor/pt_state/acme"},
	} {
		t.Setenv("HOME", "/home/u")
		t.Setenv("TOR_PT_STATE_LOCATION", tt.tor)
		t.Setenv("TOR_PT_MANAGED_TRANSPORT_VER", strings.TrimSuffix("1", map[bool]string{true: "1"}[tt.tor == ""]))
		t.Setenv("STATE_DIRECTORY", tt.state)
		t.Setenv("XDG_STATE_HOME", tt.xdg)
		if got, err := defaultCache(); got != tt.want || err != nil {
			t.Errorf("%+v: %q, %v", tt, got, err)
		}
	}
}

// Behind a web server Tor is told whom the web server names, or nobody.
func TestTrustedProxies(t *testing.T) {
	for _, tt := range []struct{ header, want string }{
		{"X-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7:1"},
		{"", ""},
	} {
		e, env := newExtORPort(t)
		c := start(t, env, "--trusted-proxies", "127.0.0.1,::1")
		c.line(c.stdout, "VERSION 1")
		conn, err := net.Dial("tcp", c.line(c.stdout, "SMETHOD flashproxy "+address))
		must(t, err)
		defer conn.Close()
		send(t, conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+tt.header+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		wantRead(t, conn, "HTTP/1.1 101 ")
		send(t, conn, "\x82\x85\x00\x00\x00\x00hello")
		e.wantTold(t, tt.want, "flashproxy")
	}
}

// Who runs a bridge reads Tor's log: what is wrong with the certificate is there.
func TestTorHearsOfCertificates(t *testing.T) {
	ca, err := testca.New()
	must(t, err)
	dir := t.TempDir()
	cert, key, err := ca.Issue(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour), "relay.example")
	must(t, err)
	certFile, keyFile, err := testca.Write(dir, cert, key)
	must(t, err)
	c := start(t, torEnv("127.0.0.1:1"), "--tls-cert", certFile, "--tls-key", keyFile)
	c.line(c.stdout, `LOG SEVERITY=warning MESSAGE="the certificate in .*/cert.pem expired at .*"`)
	c.line(c.stdout, "VERSION 1")
	c.line(c.stdout, "SMETHOD flashproxy "+address)
	c.line(c.stdout, "SMETHOD websocket "+address)
	c.line(c.stdout, "SMETHODS DONE")
	must(t, os.WriteFile(certFile, []byte("half"), 0o600))
	must(t, c.Process.Signal(syscall.SIGHUP))
	c.line(c.stdout, `LOG SEVERITY=warning MESSAGE="the new certificate can't be used, .*; err: .*"`)
	c.stdin.Close()
	if errs := c.wantExit(0); strings.Count(errs, "level=WARN") != 2 {
		t.Errorf("our own log:\n%s", errs)
	}
}
