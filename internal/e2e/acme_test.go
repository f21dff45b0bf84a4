package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/testca"
	"flashproxy/internal/tornet"
	"flashproxy/internal/wsconn"
)

// acmeName is a name that resolves nowhere but in these tests (RFC 6761).
const acmeName = "relay.test"

// pebble is an ACME authority for tests (RFC 8555), which asks for proof in earnest,
// on ports that are free to be taken.
type pebble struct {
	*Process
	directory  string
	management string
	ca         *testca.CA // of its own certificate, not of those that it gives

	httpPort, tlsPort string // where it looks for answers
}

// startPebble starts the authority and its DNS server, in which every name is here.
func startPebble(t *testing.T) *pebble {
	t.Helper()
	need(t, "pebble", "pebble")
	need(t, "pebble-challtestsrv", "pebble")
	p := &pebble{ca: authority(t), httpPort: freePort(t), tlsPort: freePort(t)}
	dns, listen, management := "127.0.0.1:"+freePort(t), "localhost:"+freePort(t), "localhost:"+freePort(t)
	p.directory, p.management = "https://"+listen+"/dir", "https://"+management
	names, err := startProgram("pebble-challtestsrv", "pebble-challtestsrv", nil, "-dns01", dns, "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:"+freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(names.Kill)
	if _, err := names.WaitFor(within(t, time.Minute), "management server"); err != nil {
		t.Fatal(err)
	}
	certFile, keyFile, err := p.ca.Files(t.TempDir(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": management, "certificate": certFile, "privateKey": keyFile,
		"httpPort": json.Number(p.httpPort), "tlsPort": json.Number(p.tlsPort),
	}})
	if err != nil {
		t.Fatal(err)
	}
	file, err := writeFile(t.TempDir(), "pebble.json", string(config))
	if err != nil {
		t.Fatal(err)
	}
	// Its pauses before it asks are for tests of the waiting.
	p.Process, err = startProgram("pebble", "pebble", []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0"}, "-config", file, "-dnsserver", dns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if _, err := p.WaitFor(within(t, time.Minute), "ACME directory available"); err != nil {
		t.Fatal(err)
	}
	return p
}

// root is the certificate that a browser would have to know.
func (p *pebble) root(t *testing.T) *x509.CertPool {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.ca.Pool()}, DisableKeepAlives: true}}
	resp, err := c.Get(p.management + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	pem, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no root certificate: %v, %q", err, pem)
	}
	return pool
}

// args are what a relay says to get a certificate from it.
func (p *pebble) args(cache string, more ...string) []string {
	args := []string{"--acme-hostnames", acmeName, "--acme-email", "relay@example.org", "--acme-directory", p.directory}
	if cache != "" {
		args = append(args, "--acme-cache", cache)
	}
	return append(args, more...)
}

// dialRelay connects to a relay by wss under acmeName.
func dialRelay(t *testing.T, roots *x509.CertPool, address string) (net.Conn, error) {
	t.Helper()
	return wsconn.Dial(t.Context(), "wss://"+acmeName+"/", wsconn.DialOptions{
		TLS: &tls.Config{RootCAs: roots},
		NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	})
}

func relayEchoes(t *testing.T, roots *x509.CertPool, address string) {
	t.Helper()
	c, err := dialRelay(t, roots, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := echoes(c, []byte("hello")); err != nil {
		t.Error(err)
	}
}

// A relay gets a certificate by either proof, and keeps it when it is started anew.
func TestACME(t *testing.T) {
	for _, proof := range []string{"TLS-ALPN-01", "HTTP-01"} {
		t.Run(proof, func(t *testing.T) {
			p := startPebble(t)
			cache := filepath.Join(t.TempDir(), "acme")
			port, challenges := p.tlsPort, "off"
			if proof == "HTTP-01" { // proxies come to a port that the authority does not look at
				port, challenges = freePort(t), "127.0.0.1:"+p.httpPort
			}
			args := append(p.args(cache, "--acme-http", challenges), "--listen", "127.0.0.1:"+port, "--forward", serveTCP(t, echo))
			server, err := programs.Run("flashproxy-server", args...)
			if err != nil {
				t.Fatal(err)
			}
			ends(t, server)
			for _, text := range []string{"msg=listening method", "there is a certificate"} {
				if _, err := server.WaitFor(within(t, time.Minute), text); err != nil {
					t.Fatal(err)
				}
			}
			roots := p.root(t)
			relayEchoes(t, roots, "127.0.0.1:"+port)
			// Pebble tells of its requests by HTTP only.
			if byHTTP := strings.Contains(strings.Join(p.Lines().Tail(1000), "\n"), "validate w/ HTTP"); byHTTP != (proof == "HTTP-01") {
				t.Errorf("proved by HTTP-01: %v", byHTTP)
			}
			onlyOwnFiles(t, cache)
			if err := server.Stop(); err != nil {
				t.Fatal(err)
			}
			noAddresses(t, "server", server.Lines().Tail(1000))

			p.Kill() // what was kept needs no authority
			if server, err = programs.Run("flashproxy-server", args...); err != nil {
				t.Fatal(err)
			}
			ends(t, server)
			for _, text := range []string{"msg=listening method", "there is a certificate"} {
				if _, err := server.WaitFor(within(t, time.Minute), text); err != nil {
					t.Fatal(err)
				}
			}
			relayEchoes(t, roots, "127.0.0.1:"+port)
		})
	}
}

// onlyOwnFiles checks that the cache is its owner's alone, and has what belongs there.
func onlyOwnFiles(t *testing.T, cache string) {
	t.Helper()
	dir, err := os.Stat(cache)
	if err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("the cache: %v, %v", dir, err)
	}
	files, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info, err)
		}
		if !strings.HasPrefix(f.Name(), acmeName) && !strings.HasPrefix(f.Name(), "acme_account") && !strings.HasSuffix(f.Name(), "+http-01") {
			t.Errorf("what is %s?", f.Name())
		}
	}
}

// Under Tor it works the same, and keeps its files where Tor wants them.
func TestACMEUnderTor(t *testing.T) {
	n := torNetwork(t)
	p := startPebble(t)
	listen := netip.MustParseAddrPort("127.0.0.1:" + p.tlsPort)
	b, _, err := programs.Bridge(within(t, time.Minute), n, name("bridge"), tornet.Transport{Name: "flashproxy", Listen: listen}, p.args("", "--acme-http", "off")...)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, b)
	roots := p.root(t)
	for ctx := within(t, time.Minute); ; {
		c, err := dialRelay(t, roots, listen.String())
		if err == nil {
			c.Close()
			break
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("no certificate: %v; pebble says:\n%s", err, strings.Join(p.Lines().Tail(20), "\n"))
		}
	}
	onlyOwnFiles(t, filepath.Join(b.Dir(), "pt_state", "acme"))
}

// A relay that the authority cannot reach says what is wrong, refuses whoever
// comes at once, and goes on when asked to end.
func TestACMEOutOfReach(t *testing.T) {
	p := startPebble(t)
	server, err := programs.Run("flashproxy-server", append(p.args(t.TempDir(), "--acme-http", "off"),
		"--listen", "127.0.0.1:0", "--forward", serveTCP(t, echo))...)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, server)
	port, err := server.Port(within(t, time.Minute), "msg=listening method")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.WaitFor(within(t, time.Minute), "no certificate yet, trying again"); err != nil {
		t.Error(err)
	}
	start := time.Now()
	if c, err := dialRelay(t, nil, "127.0.0.1:"+port); err == nil {
		c.Close()
		t.Error("connected without a certificate")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the refusal took %v", took)
	}
}
