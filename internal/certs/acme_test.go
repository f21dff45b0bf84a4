package certs

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// What talks to a real authority is tested end to end, with one: here is what
// needs none, and must not ask any.
func newTestACME(t *testing.T, o ACMEOptions) *ACME {
	t.Helper()
	o.Hostnames = []string{"Relay.example", "relay.example", "other.example"}
	o.Directory = "https://127.0.0.1:1/"
	o.Cache = filepath.Join(t.TempDir(), "a", "b")
	o.Logger = slog.New(slog.DiscardHandler)
	a, err := NewACME(o)
	must(t, err)
	return a
}

func TestACMECache(t *testing.T) {
	a := newTestACME(t, ACMEOptions{})
	dir := string(a.manager.Cache.(autocert.DirCache))
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v", info.Mode())
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("left there: %v, %v", left, err)
	}
	if len(a.hosts) != 2 {
		t.Errorf("hosts %v", a.hosts)
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := NewACME(ACMEOptions{Cache: filepath.Join(file, "x")}); err == nil {
		t.Error("a cache below a file")
	}
}

// Until there is a certificate nobody waits for one, and no stranger's hello
// makes it be asked for.
func TestACMEWithoutCertificate(t *testing.T) {
	a := newTestACME(t, ACMEOptions{})
	c := a.Config()
	for _, hello := range []*tls.ClientHelloInfo{
		{ServerName: "relay.example"},
		{ServerName: "RELAY.example."},
		{ServerName: "stranger.example"},
		{ServerName: ""},
		{ServerName: "../../x"},
		{ServerName: "relay.example", SupportedProtos: []string{acme.ALPNProto}},
		{ServerName: "../relay.example", SupportedProtos: []string{acme.ALPNProto}},
	} {
		if cert, err := c.GetCertificate(hello); err == nil {
			t.Errorf("%q, %v: a certificate %v", hello.ServerName, hello.SupportedProtos, cert)
		}
	}
	if len(c.NextProtos) != 2 || c.NextProtos[0] != "http/1.1" || c.NextProtos[1] != acme.ALPNProto {
		t.Errorf("protocols %v", c.NextProtos)
	}
}

func TestServeChallenges(t *testing.T) {
	a := newTestACME(t, ACMEOptions{HTTP: true})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.ServeChallenges(ctx, ln) }()
	for _, path := range []string{"/", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/xyz", "/.well-known/acme-challenge/..%2f..%2fx"} {
		for _, host := range []string{"relay.example", "relay.example:80", "stranger.example", "x"} {
			req, err := http.NewRequest(http.MethodGet, "http://"+ln.Addr().String()+path, nil)
			must(t, err)
			req.Host = host
			resp, err := http.DefaultTransport.RoundTrip(req)
			must(t, err)
			resp.Body.Close()
			if resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s at %s: %s", path, host, resp.Status)
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	ln, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ln.Close()
	if err := a.ServeChallenges(t.Context(), ln); err == nil {
		t.Error("served on a closed listener")
	}
}

func TestCheckHostname(t *testing.T) {
	for _, name := range []string{"relay.example.org", "a.b", "xn--bcher-kva.example", "RELAY.Example", "1.example"} {
		if err := CheckHostname(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "localhost", ".", "a.", ".a", "a..b", "*.example.org", "relay.example.org:443", "192.0.2.1", "2001:db8::1", "[2001:db8::1]",
		"https://relay.example", "relay.example/", "b\u00fccher.example", "a b.example", "-a.example", strings.Repeat("a.", 200) + "b",
	} {
		if CheckHostname(name) == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}
