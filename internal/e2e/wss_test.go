package e2e

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http/httputil"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashproxy/internal/testca"
	"flashproxy/internal/tornet"
)

// authority gives a certificate authority that the programs started after it trust,
// and no other.
func authority(t testing.TB) *testca.CA {
	t.Helper()
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	trust(t, ca.PEM)
	return ca
}

// trust makes the programs that are started trust the certificate. (The root
// certificates of Go's tests themselves are read once: they get theirs by hand.)
func trust(t testing.TB, pem []byte) {
	t.Helper()
	file, err := writeFile(t.TempDir(), "authority.pem", string(pem))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	t.Setenv("SSL_CERT_DIR", t.TempDir())
}

// secureRelay starts a bridge behind TLS, with a certificate for names, and gives
// its port on 127.0.0.1 and the files of its certificate.
func secureRelay(t *testing.T, n *tornet.Network, ca *testca.CA, names ...string) (port, certFile, keyFile string) {
	t.Helper()
	certFile, keyFile, err := ca.Files(t.TempDir(), names...)
	if err != nil {
		t.Fatal(err)
	}
	transport := tornet.Transport{Name: "flashproxy", Listen: netip.MustParseAddrPort("127.0.0.1:0")}
	b, line, err := programs.Bridge(within(t, time.Minute), n, name("bridge"), transport, "--tls-cert", certFile, "--tls-key", keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, b)
	_, port, err = net.SplitHostPort(strings.Fields(line)[1])
	if err != nil {
		t.Fatal(err)
	}
	return port, certFile, keyFile
}

// A relay behind TLS, by its name and by its address; its certificate is renewed
// while Tor uses it.
func TestRelayByTLS(t *testing.T) {
	ca := authority(t)
	s := &scene{net: torNetwork(t)}
	for relay, names := range map[string][]string{"localhost": {"localhost"}, "127.0.0.1": {"relay.example", "127.0.0.1"}} {
		t.Run(relay, func(t *testing.T) {
			port, certFile, _ := secureRelay(t, s.net, ca, names...)
			s.open(t, netip.MustParseAddr("127.0.0.1"), []string{"wss " + net.JoinHostPort(relay, port)})
			c := s.client(t)
			bootstrap(t, c)
			fetch(t, c, page(t, s.net, 1<<20))
			if _, _, err := ca.Files(filepath.Dir(certFile), names...); err != nil {
				t.Fatal(err)
			}
			fetch(t, c, page(t, s.net, 1<<20))
		})
	}
}

// A bridge whose certificate has expired starts, and Tor's log says so.
func TestRelayExpired(t *testing.T) {
	ca := authority(t)
	n := torNetwork(t)
	cert, key, err := ca.Issue(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile, err := testca.Write(t.TempDir(), cert, key)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := programs.Bridge(within(t, time.Minute), n, name("bridge"), tornet.Transport{Name: "flashproxy"}, "--tls-cert", certFile, "--tls-key", keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, b)
	if _, err := b.WaitLog(within(t, time.Minute), "nobody connects until it is renewed"); err != nil {
		t.Error(err)
	}
}

// trusted makes Chromium trust one certificate more.
func trusted(t *testing.T, certFile, keyFile string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(pair.Leaf.RawSubjectPublicKeyInfo)
	return "--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(sum[:])
}

// A page that came by http takes a client by ws to a relay by wss.
func TestPageRelayByTLS(t *testing.T) {
	need(t, "chromium", "chromium")
	ca := authority(t)
	s := &scene{net: torNetwork(t)}
	port, certFile, keyFile := secureRelay(t, s.net, ca, "localhost")
	b := startBrowser(t, "chromium", trusted(t, certFile, keyFile))
	s.open(t, netip.MustParseAddr("127.0.0.1"), []string{"wss localhost:" + port})
	if err := s.proxy.Stop(); err != nil {
		t.Fatal(err)
	}
	tab := volunteer(t, b, s.facilitator.URL)
	c := s.client(t)
	bootstrap(t, c)
	fetch(t, c, page(t, s.net, 1<<20))
	tab.until(t, "the page says that it helps", state("active"), 10*time.Second)
}

// falseRelay is something at a wss relay's address that is not that relay. It counts
// what it hears in the clear or by TLS.
type falseRelay struct {
	address string
	gone    chan struct{} // one in it for a connection that has ended
	plain   atomic.Int64  // connections that did not begin with TLS
	inside  atomic.Int64  // bytes of data that came by TLS
}

// serve answers TLS with the certificate, or with plain words if there is none.
func (f *falseRelay) serve(config *tls.Config, words string) func(net.Conn) {
	return func(c net.Conn) {
		defer func() {
			select {
			case f.gone <- struct{}{}:
			default:
			}
		}()
		first := make([]byte, 1)
		if _, err := io.ReadFull(c, first); err != nil {
			return
		}
		if first[0] != 0x16 { // a TLS handshake record (RFC 8446, section 5.1)
			f.plain.Add(1)
			return
		}
		if config == nil {
			io.WriteString(c, words)
			return
		}
		n, _ := io.Copy(io.Discard, tls.Server(replayed{c, io.MultiReader(bytes.NewReader(first), c)}, config))
		f.inside.Add(n)
	}
}

// replayed reads what was read before once more.
type replayed struct {
	net.Conn
	r io.Reader
}

func (r replayed) Read(p []byte) (int, error) { return r.r.Read(p) }

// certificate is a server's that has one for names.
func certificate(t *testing.T, ca *testca.CA, from, to time.Duration, names ...string) *tls.Config {
	t.Helper()
	cert, key, err := ca.Issue(time.Now().Add(from), time.Now().Add(to), names...)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// begin has a client wait at a facilitator that knows no relay but the false one.
func (f *falseRelay) begin(t *testing.T, config *tls.Config, words string, args ...string) *Facilitator {
	t.Helper()
	f.gone = make(chan struct{}, 1)
	_, port, err := net.SplitHostPort(serveTCP(t, f.serve(config, words)))
	if err != nil {
		t.Fatal(err)
	}
	f.address = net.JoinHostPort("localhost", port)
	facilitator, err := programs.Facilitator(within(t, time.Minute), t.TempDir(), "127.0.0.1:0", []string{"wss " + f.address}, args...)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, facilitator)
	c, err := net.Dial("tcp", (&forward{facilitator: facilitator}).client(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := askBy(c, ""); err != nil {
		t.Fatal(err)
	}
	return facilitator
}

// A relay that cannot prove who it is, is told nothing, and never asked without TLS.
func TestFalseRelays(t *testing.T) {
	ca := authority(t)
	stranger, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	const hour = time.Hour
	for _, tt := range []struct {
		name   string
		config *tls.Config
		words  string
	}{
		{"of another name", certificate(t, ca, -hour, hour, "relay.example", "127.0.0.2"), ""},
		{"expired", certificate(t, ca, -2*hour, -hour, "localhost"), ""},
		{"not valid yet", certificate(t, ca, hour, 2*hour, "localhost"), ""},
		{"of an unknown authority", certificate(t, stranger, -hour, hour, "localhost"), ""},
		{"plain HTTP", nil, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
		{"a redirect to ws", nil, "HTTP/1.1 301 Moved Permanently\r\nLocation: ws://localhost/\r\nContent-Length: 0\r\n\r\n"},
		{"no answer", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := new(falseRelay)
			facilitator := f.begin(t, tt.config, tt.words)
			proxy, err := programs.Proxy(within(t, time.Minute), facilitator.URL, "--verbose")
			if err != nil {
				t.Fatal(err)
			}
			ends(t, proxy)
			if _, err := proxy.WaitFor(within(t, time.Minute), "no connection"); err != nil {
				t.Error(err)
			}
			if err := proxy.Stop(); err != nil {
				t.Error(err)
			}
			f.check(t)
			noAddresses(t, "proxy", proxy.Lines().Tail(1000))
		})
	}
}

// The same for a page, whose browser knows no authority of ours. It tells the facilitator.
func TestPageFalseRelay(t *testing.T) {
	ca := authority(t)
	for _, which := range browsers {
		t.Run(which, func(t *testing.T) {
			b := startBrowser(t, which)
			f := new(falseRelay)
			facilitator := f.begin(t, certificate(t, ca, -time.Hour, time.Hour, "localhost"), "", "--max-wait", "2s") // it reports in its next poll
			told := make(chan []string, 1)
			volunteer(t, b, before(t, facilitator.URL, func(r *httputil.ProxyRequest) {
				if relays := r.In.URL.Query()["unreachable"]; len(relays) > 0 {
					select {
					case told <- relays:
					default:
					}
				}
			}))
			select {
			case relays := <-told:
				if !slices.Equal(relays, []string{f.address}) {
					t.Errorf("the page could not reach %q, want %q", relays, f.address)
				}
			case <-within(t, time.Minute).Done():
				t.Error("the page did not report it")
			}
			f.check(t)
		})
	}
}

func (f *falseRelay) check(t *testing.T) {
	t.Helper()
	select {
	case <-f.gone: // only then it is known what came
	case <-within(t, time.Minute).Done():
		t.Error("nobody came, or who came stays: the test shows nothing")
	}
	if n := f.plain.Load(); n != 0 {
		t.Errorf("%d connections without TLS", n)
	}
	if n := f.inside.Load(); n != 0 {
		t.Errorf("%d bytes were sent to it", n)
	}
}
