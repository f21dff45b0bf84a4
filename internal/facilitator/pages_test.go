package facilitator

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"flashproxy/internal/pool"
)

// browserAccept is what Firefox says when somebody opens a page.
const browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestPages(t *testing.T) {
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "page "+r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery)
	})
	accept := func(uri, accept string) string {
		return strings.TrimSuffix(get(uri), "\r\n") + "Accept: " + accept + "\r\n\r\n"
	}
	for _, tt := range []struct {
		name, request string
		status        int
		body          string // how it begins
	}{
		{"page", get("/proxy/"), 200, "page GET /proxy/?"},
		{"no slash", get("/proxy?lang=de"), 200, "page GET /proxy?lang=de"},
		{"module", get("/proxy/0123/badge.js"), 200, "page GET /proxy/0123/badge.js?"},
		{"badge", get("/embed.html?lang=de"), 200, "page GET /embed.html?lang=de"},
		{"options", get("/options.html"), 200, "page GET /options.html?"},
		{"slashes", get("//proxy///lang//de.js"), 200, "page GET /proxy/lang/de.js?"},
		{"HEAD", "HEAD /proxy/ HTTP/1.0\r\n\r\n", 200, ""},
		{"POST", "POST /proxy/ HTTP/1.0\r\n\r\n", 405, "Method Not Allowed"},
		{"OPTIONS", "OPTIONS /proxy/ HTTP/1.0\r\n\r\n", 204, ""},
		{"dots", get("/proxy/../x"), 404, "404"},
		{"another", get("/index.html"), 404, "404"},

		{"person", accept("/", browserAccept), 302, ""},
		{"person with a query", accept("/?lang=de", "TEXT/HTML"), 302, ""},
		{"person, slashes", accept("///", browserAccept), 302, ""},
		{"poll by navigation", accept("/?r=1", browserAccept), 200, emptyAnswer},
		{"bad poll by navigation", accept("/?r=2", browserAccept), 400, "r: "},
		{"poll", get("/?r=1"), 200, emptyAnswer},
		{"poll by fetch", accept("/?r=1&transport=websocket", "*/*"), 200, emptyAnswer},
		{"no r", get("/"), 400, "no r"},
		{"no r, anything", accept("/", "*/*"), 400, "no r"},
		{"HEAD of the root", "HEAD / HTTP/1.0\r\nAccept: text/html\r\n\r\n", 405, ""},
		{"register", post("client=:9000"), 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, Config{Pages: pages}, relay4)
				got := r.do(client4, tt.request)
				if got.StatusCode != tt.status || !strings.HasPrefix(got.body, tt.body) || tt.body == "" && got.body != "" {
					t.Errorf("%d %q, want %d %q", got.StatusCode, got.body, tt.status, tt.body)
				}
				if got.StatusCode != http.StatusFound {
					return
				}
				if h := got.Header; h.Get("Location") != "proxy/" || h.Get("Vary") != "Accept" || h.Get("Cache-Control") != "no-store" {
					t.Errorf("headers %v", h)
				}
			})
		})
	}
}

func TestNoPages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		for uri, status := range map[string]int{"/proxy/": 404, "/embed.html": 404, "/options.html": 404, "/": 400} {
			request := strings.TrimSuffix(get(uri), "\r\n") + "Accept: " + browserAccept + "\r\n\r\n"
			if got := r.do(client4, request); got.StatusCode != status {
				t.Errorf("%s: %d, want %d", uri, got.StatusCode, status)
			}
		}
		r.waiting(pool.Stats{})
	})
}
