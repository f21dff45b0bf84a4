package browserproxy

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

func TestGzip(t *testing.T) {
	h := newHandler(t, Config{})
	plain := ask(h, "GET", "/proxy/proxy.js")
	for _, tt := range []struct {
		accept string
		packed bool
	}{
		{"gzip", true},
		{"gzip, deflate, br, zstd", true},
		{"br;q=1.0, GZIP ; q=0.5", true},
		{"", false},
		{"identity", false},
		{"*", false},
		{"gzip;q=0", false},
		{"gzip; q=0.000", false},
		{"gzip;q=x", false},
		{"xgzip", false},
	} {
		w := ask(h, "GET", "/proxy/proxy.js", "Accept-Encoding: "+tt.accept)
		if packed := w.Header().Get("Content-Encoding") == "gzip"; packed != tt.packed {
			t.Errorf("%q: packed %v", tt.accept, packed)
			continue
		}
		body := io.Reader(w.Body)
		if tt.packed {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, plain.Body.Bytes()) {
			t.Errorf("%q: another content: %v", tt.accept, err)
		}
		if same := w.Header().Get("ETag") == plain.Header().Get("ETag"); same == tt.packed {
			t.Errorf("%q: ETag %s, that of the plain one %s", tt.accept, w.Header().Get("ETag"), plain.Header().Get("ETag"))
		}
	}
}

func TestConditional(t *testing.T) {
	h := newHandler(t, Config{})
	etag := ask(h, "GET", "/proxy/").Header().Get("ETag")
	packed := ask(h, "GET", "/proxy/", "Accept-Encoding: gzip").Header().Get("ETag")
	for _, tt := range []struct {
		match  string
		status int
	}{
		{etag, 304},
		{"W/" + etag, 304},
		{`"x", ` + etag + `,"y"`, 304},
		{"*", 304},
		{`"x"`, 200},
		{packed, 200},
		{strings.Trim(etag, `"`), 200},
	} {
		w := ask(h, "GET", "/proxy/", "If-None-Match: "+tt.match)
		if w.Code != tt.status {
			t.Errorf("%s: %d, want %d", tt.match, w.Code, tt.status)
		}
		if w.Code == 304 && (w.Body.Len() > 0 || w.Header().Get("ETag") != etag || w.Header().Get("Cache-Control") != askAnew ||
			w.Header().Get("Content-Length") != "") {
			t.Errorf("%s: %v, %d bytes", tt.match, w.Header(), w.Body.Len())
		}
	}
	if w := ask(h, "GET", "/proxy/", "Accept-Encoding: gzip", "If-None-Match: "+packed); w.Code != 304 {
		t.Errorf("packed: %d", w.Code)
	}
}
