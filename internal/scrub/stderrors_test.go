package scrub

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// hidden is the host name that no log may show.
const hidden = "hidden-name.invalid"

// failure is an error that the standard library really made, and what must not
// be seen of it.
type failure struct {
	name    string
	err     error
	secrets []string
}

func stdFailures(t *testing.T) []failure {
	t.Helper()
	var all []failure
	all = append(all, parseFailures()...)
	all = append(all, netFailures(t)...)
	all = append(all, httpFailures(t)...)
	all = append(all, tlsFailures(t)...)
	for _, f := range all {
		if f.err == nil {
			t.Fatalf("%s: the standard library made no error", f.name)
		}
	}
	return all
}

func second[T any](_ T, err error) error { return err }

func parseFailures() []failure {
	const ip4, ip6 = "192.0.2.77", "2001:db8::77"
	var v struct {
		Addr netip.AddrPort
		N    int `json:",string"`
	}
	all := []failure{
		{"UnmarshalText", json.Unmarshal([]byte(`{"Addr":"192.0.2.77"}`), &v), []string{ip4}},
		{"json string option", json.Unmarshal([]byte(`{"N":"192.0.2.77"}`), &v), []string{ip4}},
		{"json syntax", json.Unmarshal([]byte(`192.0.2.77`), &v), []string{ip4}},
		{"AddrError mac", second(net.ParseMAC(hidden)), []string{hidden}},
		{"ParseError", func() error { _, _, err := net.ParseCIDR(hidden + "/24"); return err }(), []string{hidden}},
		{"ParseError number", func() error { _, _, err := net.ParseCIDR(ip4 + "/99"); return err }(), []string{ip4}},
		{"InvalidAddrError", net.InvalidAddrError("no host part in " + hidden), []string{hidden}},
		{"UnknownNetworkError", second(net.ResolveIPAddr(hidden, ip4)), []string{hidden, ip4}},
		{"strconv", second(strconv.Atoi(ip4)), []string{ip4}},
		{"time", second(time.Parse(time.RFC3339, ip4)), []string{ip4}},
		{"missing file", second(os.Open("/nonexistent/" + ip4)), []string{ip4}},
		{"unix socket file", os.Remove("/nonexistent/hidden.sock"), []string{"hidden.sock"}},
		{"netip range", second(netip.ParsePrefix(ip6 + "/129")), []string{ip6}},
	}
	for _, s := range []string{"", ":x", ":99999", ":80:90"} {
		for _, host := range []string{hidden, ip4, ip6, "[" + ip6 + "]", "[" + ip4 + "]", ip4 + ".1", ip6 + "%", "fe80::77%eth0"} {
			for name, err := range map[string]error{
				"ParseAddr":      second(netip.ParseAddr(host + s)),
				"ParseAddrPort":  second(netip.ParseAddrPort(host + s)),
				"ParsePrefix":    second(netip.ParsePrefix(host + s)),
				"ResolveTCPAddr": second(net.ResolveTCPAddr("tcp", ip4+s+s)),
				"SplitHostPort":  func() error { _, _, err := net.SplitHostPort(host + s); return err }(),
				"url.Parse":      second(url.Parse("http://" + host + s + "/ x\x7f?" + hidden)),
			} {
				if err != nil {
					all = append(all, failure{name + " " + host + s, err, []string{hidden, ip4, ip6, "fe80::77"}})
				}
			}
		}
	}
	return all
}

// brokenResolver fails without any network.
func brokenResolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no network here")
	}}
}

func netFailures(t *testing.T) []failure {
	ctx := t.Context()
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	ln := listen(t)
	addr := ln.Addr().String()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	local := conn.LocalAddr().String()
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	conn.SetReadDeadline(time.Now().Add(-time.Second))
	_, deadline := conn.Read(make([]byte, 1))
	conn.Close()
	_, closed := conn.Write(make([]byte, 1))
	inUse := second(net.Listen("tcp", addr))
	ln.Close()

	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	_, tooLong := udp.WriteTo(make([]byte, 1<<17), udp.LocalAddr())

	ip := "127.0.0.1"
	sock := filepath.Join(t.TempDir(), "hidden.sock")
	dialer := &net.Dialer{Resolver: brokenResolver()}
	loopback6 := &net.TCPAddr{IP: net.IPv6loopback, Port: 7}
	return []failure{
		{"dial refused", second(net.Dial("tcp", addr)), []string{addr, ip}},
		{"dial unix", second(net.Dial("unix", sock)), []string{sock}},
		{"dial cancelled", second(dialer.DialContext(cancelled, "tcp", addr)), []string{addr, ip}},
		{"dial a name", second(dialer.DialContext(ctx, "tcp", hidden+":80")), []string{hidden}},
		{"dial without port", second(net.Dial("tcp", hidden)), []string{hidden}},
		{"dial with two ports", second(net.Dial("tcp", hidden+":80:90")), []string{hidden}},
		{"dial unknown network", second(net.Dial("tcp9", addr)), []string{addr, ip}},
		{"dial from another family", second((&net.Dialer{LocalAddr: loopback6}).Dial("tcp4", addr)), []string{addr, ip, "[::1]:7"}},
		{"lookup a name", second(brokenResolver().LookupHost(ctx, hidden)), []string{hidden}},
		{"lookup an odd name", second(brokenResolver().LookupHost(ctx, hidden+" on a ship")), []string{hidden}},
		{"lookup an address", second(brokenResolver().LookupAddr(ctx, "192.0.2.77")), []string{"192.0.2.77", "77.2.0.192"}},
		{"lookup a port", second(net.LookupPort("tcp", hidden)), []string{hidden}},
		{"read deadline", deadline, []string{addr, local, ip}},
		{"write on a closed connection", closed, []string{addr, local, ip}},
		{"listen twice", inUse, []string{addr, ip}},
		{"accept on a closed listener", second(ln.Accept()), []string{addr, ip}},
		{"udp too long", tooLong, []string{udp.LocalAddr().String(), ip}},
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func httpFailures(t *testing.T) []failure {
	closedLn := listen(t)
	closedLn.Close()
	closed := closedLn.Addr().String()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bad-location":
			w.Header().Set("Location", "http://"+hidden+" /\x7f")
			w.WriteHeader(http.StatusFound)
		case "/away":
			http.Redirect(w, r, "http://"+hidden+"/path", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/malformed":
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				io.WriteString(c, "192.0.2.77 is your address\r\n\r\n")
				c.Close()
			}
		}
	}))
	t.Cleanup(srv.Close)
	here := srv.Listener.Addr().String()
	tr := &http.Transport{DialContext: (&net.Dialer{Resolver: brokenResolver()}).DialContext}
	t.Cleanup(tr.CloseIdleConnections)
	client := &http.Client{Transport: tr}
	get := func(u string) error { return second(client.Get(u)) }
	proxied := &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		return url.Parse("http://user:secret@" + closed)
	}}}
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	req, err := http.NewRequestWithContext(expired, http.MethodPut, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{here, closed, "127.0.0.1", hidden, "192.0.2.77", "secret@"}
	return []failure{
		{"get refused", get("http://" + closed + "/path"), secrets},
		{"get a name", get("https://" + hidden + "/path"), secrets},
		{"post a name", second(client.Post("http://"+hidden+":99999", "text/plain", nil)), secrets},
		{"get a bad location", get(srv.URL + "/bad-location"), secrets},
		{"get sent away", get(srv.URL + "/away"), secrets},
		{"get a loop", get(srv.URL + "/loop"), secrets},
		{"get something malformed", get(srv.URL + "/malformed"), secrets},
		{"get tls from plain", get("https://" + here), secrets},
		{"get a relative URL", get("/" + hidden + "/x"), secrets},
		{"get an opaque URL", get("mailto:" + hidden), secrets},
		{"get an unknown scheme", get("gopher://" + hidden), secrets},
		{"get by a proxy", second(proxied.Get("http://" + hidden)), secrets},
		{"get by a proxy and tls", second(proxied.Get("https://" + hidden)), secrets},
		{"put too late", second(client.Do(req)), secrets},
	}
}

// tlsFailures makes certificates that fail in each way that names a host.
func tlsFailures(t *testing.T) []failure {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial := int64(0)
	issue := func(tmpl, parent *x509.Certificate) *x509.Certificate {
		serial++
		tmpl.SerialNumber = big.NewInt(serial)
		tmpl.NotBefore, tmpl.BasicConstraintsValid = time.Now().Add(-time.Hour), true
		if tmpl.NotAfter.IsZero() {
			tmpl.NotAfter = time.Now().Add(time.Hour)
		}
		if parent == nil {
			parent = tmpl
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	ca := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "ca." + hidden}, IsCA: true,
		KeyUsage: x509.KeyUsageCertSign, PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"allowed.invalid"}}, nil)
	leaf := issue(&x509.Certificate{DNSNames: []string{hidden, "www." + hidden}}, ca)
	numbers := issue(&x509.Certificate{IPAddresses: []net.IP{net.ParseIP("192.0.2.77"), net.ParseIP("2001:db8::77")}}, ca)
	nameless := issue(&x509.Certificate{Subject: pkix.Name{CommonName: hidden}}, ca)
	old := issue(&x509.Certificate{DNSNames: []string{hidden}, NotAfter: time.Now().Add(-time.Minute)}, ca)
	// The same name with another key: the text then names the "candidate authority".
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	twin := *ca
	twin.PublicKey = nil
	der, err := x509.CreateCertificate(rand.Reader, &twin, &twin, other.Public(), other)
	if err != nil {
		t.Fatal(err)
	}
	impostor, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots, wrong := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(ca)
	wrong.AddCert(impostor)
	verify := func(c *x509.Certificate, pool *x509.CertPool) error {
		return second(c.Verify(x509.VerifyOptions{Roots: pool}))
	}
	secrets := []string{hidden, "192.0.2.77", "2001:db8::77", "elsewhere.invalid", "192.0.2.78"}
	return []failure{
		{"hostname", leaf.VerifyHostname("elsewhere.invalid"), secrets},
		{"hostname by number", leaf.VerifyHostname("192.0.2.78"), secrets},
		{"number", numbers.VerifyHostname("192.0.2.78"), secrets},
		{"number by name", numbers.VerifyHostname("elsewhere.invalid"), secrets},
		{"nameless", nameless.VerifyHostname("elsewhere.invalid"), secrets},
		{"unknown authority", verify(leaf, x509.NewCertPool()), secrets},
		{"unknown authority with a hint", verify(leaf, wrong), secrets},
		{"name constraint", verify(leaf, roots), secrets},
		{"expired", verify(old, roots), secrets},
		{"handshake", handshake(t, leaf, key, &tls.Config{RootCAs: wrong, ServerName: hidden}), secrets},
		{"handshake by another name", handshake(t, issue(&x509.Certificate{DNSNames: []string{"x.allowed.invalid"}}, ca), key,
			&tls.Config{RootCAs: roots, ServerName: "elsewhere.invalid"}), append(secrets, "allowed.invalid")},
	}
}

func handshake(t *testing.T, cert *x509.Certificate, key *ecdsa.PrivateKey, c *tls.Config) error {
	t.Helper()
	ln := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}).Handshake()
	}()
	err := second(tls.Dial("tcp", ln.Addr().String(), c))
	ln.Close()
	<-done
	return err
}
