package rendezvous

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/registration"
)

func reg(addrs ...string) registration.Registration {
	var r registration.Registration
	for _, a := range addrs {
		r.Endpoints = append(r.Endpoints, registration.Endpoint{
			Addr: netip.MustParseAddrPort(a), Transport: registration.Transport{Outer: "websocket"}})
	}
	return r
}

// serve starts a facilitator that answers with h, and gives its URL with path.
func serve(t *testing.T, path string, h http.HandlerFunc) *url.URL {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestHTTP(t *testing.T) {
	want := reg("1.2.3.4:9000", "[2001:db8::1]:9001")
	for _, path := range []string{"", "/", "/facilitator/", "/?x=y#z"} {
		var got registration.Registration
		u := serve(t, path, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "POST" || r.URL.RawQuery != "" || !strings.HasPrefix(r.URL.Path, strings.TrimSuffix(strings.SplitN(path, "?", 2)[0], "/")) {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			if got, err = registration.Parse(body, netip.Addr{}); err != nil {
				t.Error(err)
			}
		})
		m := &HTTP{u, NewClient("tcp")}
		if err := m.Register(t.Context(), want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("path %q: got %v, %v", path, got, err)
		}
	}
}

func TestURL(t *testing.T) {
	key, err := registration.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	want := reg("1.2.3.4:9000")
	blobs := map[string]bool{}
	u := serve(t, "/f/", func(w http.ResponseWriter, r *http.Request) {
		blob, ok := strings.CutPrefix(r.URL.Path, "/f/reg/")
		got, _, err := key.Open(blob, time.Now())
		if !ok || r.Method != "GET" || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s: %v, %v", r.Method, r.URL, got, err)
		}
		blobs[blob] = true
		w.WriteHeader(http.StatusNoContent)
	})
	m := &URL{u, key.Public(), NewClient("tcp")}
	for range 2 {
		if err := m.Register(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	if len(blobs) != 2 {
		t.Errorf("%d blobs for 2 registrations: a facilitator takes each once", len(blobs))
	}
	noHost := registration.Registration{Endpoints: []registration.Endpoint{{
		Addr: netip.AddrPortFrom(netip.Addr{}, 9000), Transport: registration.Transport{Outer: "websocket"}}}}
	if err := m.Register(t.Context(), noHost); err == nil {
		t.Error("sealed a registration without an address")
	}
}

func TestAnswers(t *testing.T) {
	refused := func(reason string) func(error) bool {
		return func(err error) bool {
			var e *RefusedError
			return errors.As(err, &e) && e.Reason == reason
		}
	}
	busy := func(d time.Duration) func(error) bool {
		return func(err error) bool {
			var e *BusyError
			return errors.As(err, &e) && e.RetryAfter == d
		}
	}
	says := func(text string) func(error) bool {
		return func(err error) bool { return err != nil && strings.Contains(err.Error(), text) }
	}
	for name, tt := range map[string]struct {
		code  int
		retry string
		body  string
		ok    func(error) bool
	}{
		"200":          {200, "", "", func(err error) bool { return err == nil }},
		"204":          {204, "", "", func(err error) bool { return err == nil }},
		"400":          {400, "", "line 1: client: no port\n", refused("line 1: client: no port")},
		"400 empty":    {400, "", "", refused("400 Bad Request")},
		"400 hostile":  {400, "", "\x1b[31mred\x00\xff\u202e" + strings.Repeat("x", 10000), refused("[31mred" + strings.Repeat("x", 200-len("[31mred")))},
		"413":          {413, "", "too large", refused("too large")},
		"429":          {429, "30", "", busy(30 * time.Second)},
		"503":          {503, "", "", busy(0)},
		"503 date":     {503, "Wed, 21 Oct 2015 07:28:00 GMT", "", busy(0)},
		"503 for ever": {503, "4294967295", "", busy(time.Hour)},
		"503 negative": {503, "-5", "", busy(0)},
		"404":          {404, "", "", says("404 Not Found: is its URL right?")},
		"redirect":     {302, "", "", says("302 Found")},
		"502":          {502, "", "", says("502")},
	} {
		u := serve(t, "/", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				t.Errorf("%s: followed to %s", name, r.URL)
			}
			if tt.retry != "" {
				w.Header().Set("Retry-After", tt.retry)
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(tt.code)
			io.WriteString(w, tt.body)
		})
		err := (&HTTP{u, NewClient("tcp")}).Register(t.Context(), reg("1.2.3.4:9000"))
		if !tt.ok(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A facilitator that never stops talking, or never answers, ends.
func TestBounded(t *testing.T) {
	u := serve(t, "/", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	})
	if err := (&HTTP{u, NewClient("tcp")}).Register(t.Context(), reg("1.2.3.4:9000")); err != nil {
		t.Errorf("endless body after 200: %v", err)
	}
	u = serve(t, "/", func(w http.ResponseWriter, r *http.Request) {
		for i := range 1 << 10 {
			w.Header().Add("X", strings.Repeat("x", 100+i%2))
		}
	})
	if err := (&HTTP{u, NewClient("tcp")}).Register(t.Context(), reg("1.2.3.4:9000")); err == nil {
		t.Error("100 KiB of header: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	u = serve(t, "/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // else the server does not notice that the client left
		cancel()
		<-r.Context().Done()
	})
	if err := (&HTTP{u, NewClient("tcp")}).Register(ctx, reg("1.2.3.4:9000")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
