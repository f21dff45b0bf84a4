package facilitator

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// sink is a ResponseWriter that is used again and allocates nothing.
type sink struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (s *sink) Header() http.Header              { return s.header }
func (s *sink) WriteHeader(status int)           { s.status = status }
func (s *sink) Write(b []byte) (int, error)      { return s.body.Write(b) }
func (s *sink) Flush()                           {}
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) serve(h http.Handler, r *http.Request) {
	clear(s.header)
	s.status = http.StatusOK
	s.body.Reset()
	h.ServeHTTP(s, r)
}

// TestAllocs: what a registration, and a poll that finds a client, allocate beyond
// what net/http does. The numbers are what there is now; who raises one knows why.
func TestAllocs(t *testing.T) {
	m := pool.NewMemory(pool.Config{})
	defer m.Close()
	s := New(Config{Pool: m, Outers: []string{"websocket"}, MaxWait: DefaultMaxWait, PollInterval: DefaultPollInterval})
	defer s.Stop()
	relays, err := registration.ParseRelays(strings.NewReader(relay4))
	if err != nil {
		t.Fatal(err)
	}
	s.SetRelays(relays)
	h, w := s.Handler(), &sink{header: make(http.Header)}
	const body = "client=:9000&client-transport=websocket"
	reader := strings.NewReader("")
	post := httptest.NewRequest(http.MethodPost, "/", reader)
	post.RemoteAddr, post.ContentLength = client4.String(), int64(len(body))
	register := func() {
		reader.Reset(body)
		post.Body = io.NopCloser(reader)
		if w.serve(h, post); w.status != http.StatusOK {
			t.Fatalf("register: %d %s", w.status, &w.body)
		}
	}
	// Fewer than registerBurst, all of one source.
	const runs = registerBurst / 4
	registering := testing.AllocsPerRun(runs, register)
	// The body, and the test's own Closer; the message as a string and its endpoints; the
	// context; the name of the class in the pool, which is new each time.
	const wantRegistering = 6
	if registering != wantRegistering {
		t.Errorf("a registration allocates %v times, want %v", registering, wantRegistering)
	}
	for query, want := range map[string]float64{
		// The question and its transports; a context to claim with, and one to commit; the claim's
		// token; the answer, its length, and the header for that.
		"/?r=1": 8,
		// It claims with the request's own context.
		"/?r=1&wait=50": 7,
	} {
		get := httptest.NewRequest(http.MethodGet, query, nil)
		get.RemoteAddr = proxy4.String()
		both := testing.AllocsPerRun(runs, func() {
			register()
			if w.serve(h, get); !bytes.HasPrefix(w.body.Bytes(), []byte("client=8.8.4.4")) {
				t.Fatalf("poll: %d %s", w.status, &w.body)
			}
		})
		if got := both - registering; got != want {
			t.Errorf("%s allocates %v times, want %v", query, got, want)
		}
	}
}
