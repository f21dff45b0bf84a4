package browserproxy

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
)

// newHandler is a handler with cfg.
func newHandler(t *testing.T, cfg Config) http.Handler {
	t.Helper()
	h, err := Handler(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask does one request with headers, "name: value".
func ask(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	html       = "text/html; charset=utf-8"
	javascript = "text/javascript"
	css        = "text/css; charset=utf-8"
	svg        = "image/svg+xml"
)

func TestPaths(t *testing.T) {
	h := newHandler(t, Config{})
	version := versionIn(t, h)
	for _, tt := range []struct {
		path        string
		status      int
		contentType string
		cache       string
		ancestors   string // "" for no policy
	}{
		{"/proxy/", 200, html, askAnew, "'none'"},
		{"/proxy/?r=1&lang=de", 200, html, askAnew, "'none'"},
		{"/proxy/embed.html", 200, html, askAnew, "*"},
		{"/proxy/options.html", 200, html, askAnew, "'none'"},
		{"/embed.html", 200, html, askAnew, "*"},
		{"/embed.html?max_clients=1", 200, html, askAnew, "*"},
		{"/options.html", 200, html, askAnew, "'none'"},
		{"/proxy/badge.js", 200, javascript, askAnew, ""},
		{"/proxy/config.js", 200, javascript, askAnew, ""},
		{"/proxy/worker.js", 200, javascript, askAnew, "'none'"},
		{"/proxy/lang/zh.js", 200, javascript, askAnew, ""},
		{"/proxy/style.css", 200, css, askAnew, ""},
		{"/proxy/icon.svg", 200, svg, askAnew, "'none'"},
		{"/proxy/" + version + "/badge.js", 200, javascript, keepForever, ""},
		{"/proxy/" + version + "/worker.js", 200, javascript, keepForever, "'none'"},
		{"/proxy/" + version + "/lang/zh.js", 200, javascript, keepForever, ""},

		{"/proxy/0123456789abcdef/badge.js", 404, "", "", ""}, // of another version
		{"/proxy/" + version + "/", 404, "", "", ""},
		{"/proxy/" + version + "/embed.html", 404, "", "", ""},
		{"/proxy/index.html", 404, "", "", ""},
		{"/proxy/nothing", 404, "", "", ""},
		{"/proxy/lang/", 404, "", "", ""},
		{"/index.html", 404, "", "", ""},
		{"/badge.js", 404, "", "", ""},
		{"/", 404, "", "", ""},
	} {
		w := ask(h, "GET", tt.path)
		if w.Code != tt.status {
			t.Errorf("%s: %d, want %d", tt.path, w.Code, tt.status)
			continue
		}
		if w.Code != http.StatusOK {
			continue
		}
		got := w.Header()
		if got.Get("Content-Type") != tt.contentType || got.Get("Cache-Control") != tt.cache {
			t.Errorf("%s: %s, %s; want %s, %s", tt.path, got.Get("Content-Type"), got.Get("Cache-Control"), tt.contentType, tt.cache)
		}
		if tag := got.Get("ETag"); (tag != "") != (tt.cache == askAnew) || got.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: headers %v", tt.path, got)
		}
		if got.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie", tt.path)
		}
		checkPolicy(t, tt.path, got, tt.ancestors)
	}
}

func checkPolicy(t *testing.T, path string, got http.Header, ancestors string) {
	t.Helper()
	policy := got.Get("Content-Security-Policy")
	if ancestors == "" {
		if policy != "" {
			t.Errorf("%s: a policy that nobody reads: %s", path, policy)
		}
		return
	}
	want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws: wss:;" +
		" worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors " + ancestors
	if policy != want {
		t.Errorf("%s: policy %s, want %s", path, policy, want)
	}
	if got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(got.Get("Permissions-Policy"), "camera=()") {
		t.Errorf("%s: headers %v", path, got)
	}
}

func TestMethods(t *testing.T) {
	h := newHandler(t, Config{})
	get, head := ask(h, "GET", "/embed.html"), ask(h, "HEAD", "/embed.html")
	if head.Code != 200 || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d with %d bytes", head.Code, head.Body.Len())
	}
	for name := range get.Header() {
		if head.Header().Get(name) != get.Header().Get(name) {
			t.Errorf("HEAD has %s %q, GET %q", name, head.Header().Get(name), get.Header().Get(name))
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		if w := ask(h, method, "/proxy/"); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

// TestRedirect: relative, for a reverse proxy may have us below another path.
func TestRedirect(t *testing.T) {
	w := ask(newHandler(t, Config{}), "GET", "/proxy?lang=de")
	if w.Code != http.StatusFound || w.Header().Get("Location") != "proxy/?lang=de" {
		t.Errorf("%d %q", w.Code, w.Header().Get("Location"))
	}
}

// versionIn is the version that pages name.
func versionIn(t *testing.T, h http.Handler) string {
	t.Helper()
	found := regexp.MustCompile(`"([0-9a-f]{16})/style\.css"`).FindStringSubmatch(ask(h, "GET", "/proxy/").Body.String())
	if found == nil {
		t.Fatal("the page names no version")
	}
	return found[1]
}

// TestReferences follows all that pages load and link to, as a browser resolves it.
func TestReferences(t *testing.T) {
	h := newHandler(t, Config{})
	attribute := regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	for _, page := range []string{"/proxy/", "/proxy/embed.html", "/proxy/options.html", "/embed.html", "/options.html"} {
		base := &url.URL{Path: page}
		found := attribute.FindAllStringSubmatch(ask(h, "GET", page).Body.String(), -1)
		if len(found) < 3 {
			t.Errorf("%s: only %d references", page, len(found))
		}
		for _, ref := range found {
			target, err := base.Parse(ref[1])
			if err != nil {
				t.Fatal(err)
			}
			w := ask(h, "GET", target.Path)
			want := keepForever
			if ext := path.Ext(target.Path); ext == ".html" || ext == "" {
				want = askAnew
			}
			if w.Code != 200 || w.Header().Get("Cache-Control") != want {
				t.Errorf("%s: %s is %s: %d, %s", page, ref[1], target.Path, w.Code, w.Header().Get("Cache-Control"))
			}
		}
	}
}

func TestVersion(t *testing.T) {
	a, b := versionIn(t, newHandler(t, Config{})), versionIn(t, newHandler(t, Config{}))
	if a != b {
		t.Errorf("two versions of the same: %s, %s", a, b)
	}
	if c := versionIn(t, newHandler(t, Config{AllowPrivate: true})); c == a {
		t.Error("another config has the same version")
	}
}
