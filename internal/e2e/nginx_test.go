package e2e

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/testca"
	"flashproxy/internal/tornet"
	"flashproxy/internal/wsconn"
)

// nginxPath is Debian's, whose directory is in root's PATH only.
func nginxPath(t *testing.T) string {
	t.Helper()
	const debians = "/usr/sbin/nginx"
	if _, err := os.Stat(debians); err == nil {
		return debians
	}
	need(t, "nginx", "nginx-light")
	path, err := exec.LookPath("nginx")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startNginx starts nginx with doc/nginx.conf, for a relay at address, under names
// and on ports of this machine. It gives its port, and the file that it logs to.
func startNginx(t *testing.T, ca *testca.CA, address string) (port, log string) {
	t.Helper()
	path := nginxPath(t)
	dir, err := os.MkdirTemp("", "flashproxy-nginx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	certFile, keyFile, err := ca.Files(dir, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "doc", "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	port, log = freePort(t), filepath.Join(dir, "relay.log")
	edited := string(text)
	for from, to := range map[string]string{
		"listen 443 ssl":                "listen 127.0.0.1:" + port + " ssl",
		"listen [::]:443 ssl":           "listen 127.0.0.1:" + freePort(t) + " ssl", // there may be no IPv6
		"server_name relay.example.org": "server_name localhost",
		"/etc/letsencrypt/live/relay.example.org/fullchain.pem": certFile,
		"/etc/letsencrypt/live/relay.example.org/privkey.pem":   keyFile,
		"error_log  /var/log/nginx/relay.log":                   "error_log " + log,
		"proxy_pass http://127.0.0.1:9902":                      "proxy_pass http://" + address,
	} {
		if !strings.Contains(edited, from) {
			t.Fatalf("doc/nginx.conf has no %q", from)
		}
		edited = strings.ReplaceAll(edited, from, to)
	}
	file, err := writeFile(dir, "nginx.conf", "daemon off; master_process off; pid "+dir+"/pid;\nerror_log stderr notice;\nevents {}\nhttp {\n"+
		"access_log "+dir+"/access.log;\nclient_body_temp_path "+dir+"/body;\nproxy_temp_path "+dir+"/proxy;\n"+
		"fastcgi_temp_path "+dir+"/f;\nuwsgi_temp_path "+dir+"/u;\nscgi_temp_path "+dir+"/s;\n"+edited+"\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	nginx, err := startProgram("nginx", path, nil, "-p", dir, "-e", "stderr", "-c", file)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, nginx)
	accepts(t, "127.0.0.1:"+port)
	return port, log
}

// accepts waits until something listens at address.
func accepts(t *testing.T, address string) {
	t.Helper()
	for ctx := within(t, time.Minute); ; {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			c.Close()
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

// The relay stands behind Debian's nginx, set up as doc/ says.
func TestRelayBehindNginx(t *testing.T) {
	ca := authority(t)
	nginxPath(t)
	s := &scene{net: torNetwork(t)}
	transport := tornet.Transport{Name: "flashproxy", Listen: netip.MustParseAddrPort("127.0.0.1:0")}
	b, line, err := programs.Bridge(within(t, time.Minute), s.net, name("bridge"), transport, "--trusted-proxies", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	ends(t, b)
	port, log := startNginx(t, ca, strings.Fields(line)[1])
	s.open(t, netip.MustParseAddr("127.0.0.1"), []string{"wss localhost:" + port})
	c := s.client(t)
	bootstrap(t, c)
	fetch(t, c, page(t, s.net, 10<<20))
	noAddressesIn(t, log)
}

// noAddressesIn checks nginx's logs: what nobody wanted is not there either.
func noAddressesIn(t *testing.T, log string) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	noAddresses(t, "nginx", strings.Split(string(text), "\n"))
	if info, err := os.Stat(filepath.Join(filepath.Dir(log), "access.log")); err == nil && info.Size() > 0 {
		t.Errorf("nginx logged who came: %d bytes", info.Size())
	}
}

// Many come through nginx at the same time: all have its address, and the relay does
// not take them for one that floods it. Hostile ones cost it nothing.
func TestManyThroughNginx(t *testing.T) {
	ca := authority(t)
	nginxPath(t)
	server, relay := echoServer(t, "--trusted-proxies", "127.0.0.1")
	port, log := startNginx(t, ca, relay)
	dial := func(ctx context.Context) (net.Conn, error) {
		return wsconn.Dial(ctx, "wss://localhost:"+port+"/", wsconn.DialOptions{TLS: &tls.Config{RootCAs: ca.Pool()}})
	}
	for range 40 { // that never say what they want; 32 would be too many for one address
		idle, err := net.Dial("tcp", relay)
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
	}
	for _, text := range []string{"", "\x16\x03\x01\x02\x00\x01", "garbage\r\n\r\n", upgrade} {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte(text)) // nginx may have closed it
		c.Close()
	}
	for range 100 {
		c, err := dial(within(t, time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := echoes(c, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	noAddressesIn(t, log)
	noAddresses(t, "server", server.Lines().Tail(1000))
}
