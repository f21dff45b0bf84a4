package browserproxy

import (
	"bytes"
	"compress/gzip"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestWithoutComments(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"a", "a\n"},
		{"\ta {\n\t\tb\r\n\t}\n", "a {\nb\n}\n"},
		{"a\nb\n", "a\nb\n"},
		{"// x\na // y\n  // z\n", "\na\n\n"},
		{"a; //  y // z\n", "a;\n"},
		{"a = \"b // c\" // d\n", "a = \"b // c\" // d\n"},
		{"a = ` // ${b}`\n", "a = ` // ${b}`\n"},
		{"a = /x // y/.test(z)\n", "a = /x // y/.test(z)\n"},
		{"/* x */\n  /** y */\n/* x */ a\n", "\n\n/* x */ a\n"},
		{"/*\nx\n * y\n*\n */\na\n", "\n\n\n\n\na\n"},
		{"/** x\n y */ a\nb", "\n a\nb\n"},
		{"/* x */ a /* y */\n", "/* x */ a /* y */\n"},
		{"a /* x\n// y */ b\n", "a /* x\n\n"}, // never write that; see TestSources
		{"*\n", "*\n"},
	} {
		if got := string(withoutComments([]byte(tt.in))); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

// document is what only the modules in views may know.
var document = regexp.MustCompile(`\b(document|window|localStorage|sessionStorage)\b`)

// elsewhere is an address that a page could load something from.
var elsewhere = regexp.MustCompile(`https?://`)

var views = []string{"badge.js", "choice.js", "choices.js", "dom.js", "page.js"}

// TestSources holds the files to what withoutComments expects, to who may know the
// document, and to loading nothing from elsewhere.
func TestSources(t *testing.T) {
	files, err := read()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 30 {
		t.Fatalf("only %d files", len(files))
	}
	for name, data := range files {
		if _, known := types[path.Ext(name)]; !known {
			t.Errorf("%s: no content type for it", name)
		}
		for i, line := range strings.Split(string(data), "\n") {
			if strings.Count(line, "`")%2 != 0 {
				t.Errorf("%s:%d: a text of several lines", name, i+1)
			}
			if n := strings.Count(line, "/*"); path.Ext(name) == ".js" && n > strings.Count(line, "*/") {
				t.Errorf("%s:%d: a comment of several lines that begins after code", name, i+1)
			}
			if elsewhere.MatchString(line) && name != "icon.svg" {
				t.Errorf("%s:%d: an address elsewhere: %s", name, i+1, line)
			}
			if path.Ext(name) == ".js" && !slices.Contains(views, name) && document.MatchString(line) {
				t.Errorf("%s:%d: it is not one of %s: %s", name, i+1, views, line)
			}
		}
	}
}

// imported is what a module loads.
var imported = regexp.MustCompile("(?:from |import\\(|new URL\\()[\"`](\\./[^\"`$]*)[\"`]")

// TestWeight counts what a visitor's browser loads for the badge, headers and all,
// when it is off, and when it runs.
func TestWeight(t *testing.T) {
	h := newHandler(t, Config{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*") // as the facilitator does
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	version := versionIn(t, h)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	sizes := make(map[string]int)
	var load func(name string)
	load = func(name string) {
		if _, done := sizes[name]; done {
			return
		}
		target := "/proxy/" + version + "/" + name
		if path.Ext(name) == ".html" {
			target = "/" + name
		}
		r, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := httputil.DumpResponse(resp, true)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %s, %v", target, resp.Status, err)
		}
		sizes[name] = len(raw)
		for _, m := range imported.FindAllSubmatch(ask(h, "GET", target).Body.Bytes(), -1) {
			load(path.Join(path.Dir(name), string(m[1])))
		}
	}
	sum := func() (n int) {
		for size := range maps.Values(sizes) {
			n += size
		}
		return n
	}
	heaviest := heaviestLanguage(t)
	for _, name := range []string{"embed.html", "style.css", "badge.css", heaviest, "badge.js"} {
		load(name)
	}
	t.Logf("the badge, with all that it runs: %d files, %d bytes (language: %s)", len(sizes), sum(), heaviest)
	if len(sizes) < 25 || sizes["worker.js"] == 0 || sizes["proxy.js"] == 0 {
		t.Errorf("not all of it: %v", sizes)
	}
	const budget = 40 << 10
	if sum() > budget {
		t.Errorf("%d bytes, more than %d: %v", sum(), budget, sizes)
	}
}

// heaviestLanguage is the one with most bytes when packed.
func heaviestLanguage(t *testing.T) string {
	t.Helper()
	files, err := read()
	if err != nil {
		t.Fatal(err)
	}
	heaviest, size := "", 0
	for name, data := range files {
		if n := len(pack(t, data).packed.data); strings.HasPrefix(name, "lang/") && n > size {
			heaviest, size = name, n
		}
	}
	return heaviest
}

func pack(t *testing.T, data []byte) content {
	t.Helper()
	c, err := newContent(gzip.NewWriter(nil), data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPackedOnlyIfSmaller: a file that gzip makes longer is served as it is.
func TestPackedOnlyIfSmaller(t *testing.T) {
	f := newFile("x.js", pack(t, []byte("a")), askAnew, "")
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	f.ServeHTTP(w, r)
	if w.Header().Get("Content-Encoding") != "" || !bytes.Equal(w.Body.Bytes(), []byte("a")) {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
}
