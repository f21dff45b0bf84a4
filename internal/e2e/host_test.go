package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A site puts the badge in a frame of its own page: who turns it on there helps.
func TestBadgeInFrame(t *testing.T) {
	for _, which := range browsers {
		t.Run(which, func(t *testing.T) {
			b := startBrowser(t, which)
			f := newForward(t, echo)
			site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprintf(w, `<!doctype html><title>a site</title><iframe src="%sembed.html" width="240" height="120"></iframe>`, f.facilitator.URL)
			}))
			t.Cleanup(site.Close)
			tab := b.open(t, site.URL)
			b.do(t, "clickInFrame", map[string]any{"page": tab.name, "selector": "#switch"})
			if err := echoes(f.open(t, f.client(t)), []byte("hello")); err != nil {
				t.Error(err)
			}
		})
	}
}

// The files work from any web host, with config.js edited: here for a facilitator
// elsewhere, and with a page on which a link may name a client and a relay.
func TestStaticHost(t *testing.T) {
	b := startBrowser(t, "chromium")
	f := newForward(t, echo)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "browserproxy", "web"))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config.js")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := string(config)
	for from, to := range map[string]string{
		`facilitator: "../"`:  fmt.Sprintf("facilitator: %q", f.facilitator.URL),
		`allowPrivate: false`: `allowPrivate: true`,
		`trustedPages: []`:    `trustedPages: ["embed"]`,
	} {
		if !strings.Contains(edited, from) {
			t.Fatalf("config.js has no %s", from)
		}
		edited = strings.Replace(edited, from, to, 1)
	}
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	host := httptest.NewServer(http.FileServerFS(os.DirFS(dir)))
	t.Cleanup(host.Close)

	tab := volunteer(t, b, host.URL+"/")
	if err := echoes(f.open(t, f.client(t)), []byte("hello")); err != nil {
		t.Errorf("by the facilitator: %v", err)
	}
	tab.close(t)

	// The same without any facilitator: a client that nobody was told of.
	client, err := programs.Run("flashproxy-client", "--external", "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ends(t, client)
	local, err := client.Port(within(t, time.Minute), "for=Tor")
	if err != nil {
		t.Fatal(err)
	}
	remote, err := client.Port(within(t, time.Minute), "for=proxies")
	if err != nil {
		t.Fatal(err)
	}
	relay := strings.TrimPrefix(f.relay, "websocket ")
	b.open(t, fmt.Sprintf("%s/embed.html?cookierequired=0&client=%s&relay=%s", host.URL, net.JoinHostPort("127.0.0.1", remote), relay))
	if err := echoes(f.open(t, net.JoinHostPort("127.0.0.1", local)), []byte("hello")); err != nil {
		t.Errorf("a given pair: %v", err)
	}
}
