package facilitator

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

func newKey(t testing.TB) registration.PrivateKey {
	t.Helper()
	k, err := registration.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t testing.TB, k registration.PrivateKey, body string, at time.Time) string {
	t.Helper()
	reg, err := registration.Parse([]byte(body), netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	blob, err := k.Public().Seal(reg, at)
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func TestSealed(t *testing.T) {
	key := newKey(t)
	const hour = time.Hour
	for _, tt := range []struct {
		name   string
		body   string
		sealed time.Duration // after the server's start, 2 h before now
		format string        // of the request
		status int
		text   string
	}{
		{"GET", "client=8.8.4.4:9000", 2 * hour, "GET /reg/%s", 204, ""},
		{"HEAD", "client=8.8.4.4:9000", 2 * hour, "HEAD /reg/%s", 204, ""},
		{"slashes", "client=8.8.4.4:9000", 2 * hour, "GET //reg///%s//", 204, ""},
		{"padding", "client=8.8.4.4:9000", 2 * hour, "GET /reg/%s==", 204, ""},
		{"old", "client=8.8.4.4:9000", hour, "GET /reg/%s", 204, ""},
		{"too old", "client=8.8.4.4:9000", hour - time.Second, "GET /reg/%s", 400, "more than an hour ago"},
		{"ahead", "client=8.8.4.4:9000", 2*hour + 5*time.Minute, "GET /reg/%s", 204, ""},
		{"too far ahead", "client=8.8.4.4:9000", 2*hour + 6*time.Minute, "GET /reg/%s", 400, "in the future"},
		{"private", "client=10.0.0.1:9000", 2 * hour, "GET /reg/%s", 400, "line 1: client: the address is not one on"},
		{"unknown outer", "client=8.8.4.4:9000&client-transport=pigeon", 2 * hour, "GET /reg/%s", 400, "line 1: client-transport"},
		{"damaged", "client=8.8.4.4:9000", 2 * hour, "GET /reg/A%s", 400, "cannot be opened"},
		{"line break", "client=8.8.4.4:9000", 2 * hour, "GET /reg/%s%%0A", 400, "cannot be opened"},
		{"POST", "client=8.8.4.4:9000", 2 * hour, "POST /reg/%s", 405, "Method Not Allowed"},
		{"more path", "client=8.8.4.4:9000", 2 * hour, "GET /reg/%s/x", 404, "not found"},
		{"no blob", "client=8.8.4.4:9000", 2 * hour, "GET /reg/#%s", 404, "not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, Config{Key: key}, relay4)
				blob := seal(t, key, tt.body, time.Now().Add(tt.sealed))
				time.Sleep(2 * hour)
				path, _, _ := strings.Cut(fmt.Sprintf(tt.format, blob), "#")
				got := r.do(client4, path+" HTTP/1.0\r\n\r\n")
				if got.StatusCode != tt.status || !strings.Contains(got.body, tt.text) {
					t.Errorf("%d %q, want %d %q", got.StatusCode, got.body, tt.status, tt.text)
				}
				want := pool.Stats{}
				if tt.status == 204 {
					want.Registrations = 1
					if got.Header.Get("Cache-Control") != "no-store" {
						t.Errorf("Cache-Control: %q", got.Header.Get("Cache-Control"))
					}
				}
				r.waiting(want)
			})
		})
	}
}

func TestSealedOnce(t *testing.T) {
	key := newKey(t)
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{Key: key}, relay4)
		use := func(blob string, status int, text string) {
			t.Helper()
			got := r.do(client4, get("/reg/"+blob))
			if got.StatusCode != status || !strings.Contains(got.body, text) {
				t.Errorf("%d %q, want %d %q", got.StatusCode, got.body, status, text)
			}
		}
		time.Sleep(time.Second)
		blob := seal(t, key, "client=8.8.4.4:9000", time.Now())
		ahead := seal(t, key, "client=8.8.4.4:9000", time.Now().Add(registration.SealedMaxAhead))
		use(blob, 204, "")
		use(blob, 400, "used already")
		use(blob+"==", 400, "used already")
		use("%20"+blob, 400, "cannot be opened")
		use(blob[:9]+"%0D%0A"+blob[9:], 400, "cannot be opened")
		use(ahead, 204, "")
		for range 13 { // until each is too old
			time.Sleep(5 * time.Minute)
			if got := r.do(client4, get("/reg/"+ahead)); got.StatusCode != 400 {
				t.Fatalf("replayed at %v", time.Now())
			}
		}
		time.Sleep(time.Minute)
		use(seal(t, key, "client=8.8.4.4:9000", time.Now()), 204, "")
		if n := len(r.seen.queue); n != 1 || len(r.seen.until) != 1 {
			t.Errorf("%d and %d blobs are remembered, want the last", n, len(r.seen.until))
		}
	})
}

func TestSealedBeforeStart(t *testing.T) {
	key := newKey(t)
	bubble(t, func(t *testing.T) {
		time.Sleep(time.Hour + time.Second/2)
		r := newRig(t, Config{Key: key}, relay4)
		for _, tt := range []struct {
			behind time.Duration // the client's clock
			wait   string
		}{{0, "1"}, {10 * time.Minute, "601"}} {
			old := seal(t, key, "client=8.8.4.4:9000", time.Now().Add(-tt.behind))
			got := r.do(client4, get("/reg/"+old))
			if got.StatusCode != 503 || !strings.Contains(got.body, "before this facilitator started: seal it anew") ||
				got.Header.Get("Retry-After") != tt.wait {
				t.Errorf("%d %q %v", got.StatusCode, got.body, got.Header)
			}
		}
		time.Sleep(601 * time.Second)
		late := seal(t, key, "client=8.8.4.4:9000", time.Now().Add(-10*time.Minute))
		if got := r.do(client4, get("/reg/"+late)); got.StatusCode != 204 {
			t.Errorf("%d %q", got.StatusCode, got.body)
		}
	})
}

func TestSealedLimits(t *testing.T) {
	key := newKey(t)
	bubble(t, func(t *testing.T) {
		p := pool.NewMemory(pool.Config{MaxRegistrations: 1})
		t.Cleanup(func() { _ = p.Close() })
		r := newRig(t, Config{Key: key, Pool: p}, relay4)
		time.Sleep(time.Second)
		r.register(client4, "client=:1")
		blob := seal(t, key, "client=8.8.4.4:9000", time.Now())
		if got := r.do(client4, get("/reg/"+blob)); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
			t.Errorf("full pool: %d %v", got.StatusCode, got.Header)
		}
		// What was not stored may come again.
		r.poll(proxy4, "")
		if got := r.do(client4, get("/reg/"+blob)); got.StatusCode != 204 {
			t.Errorf("again: %d %q", got.StatusCode, got.body)
		}
		r.poll(proxy4, "")

		r.seen.max = len(r.seen.queue)
		next := seal(t, key, "client=8.8.4.4:9000", time.Now())
		if got := r.do(client4, get("/reg/"+next)); got.StatusCode != 503 || !strings.Contains(got.body, "too many sealed") {
			t.Errorf("full set: %d %q", got.StatusCode, got.body)
		}
		for range carriedBurst {
			r.carried.take(client4.Addr())
		}
		if got := r.do(client4, get("/reg/"+next)); got.StatusCode != 429 || got.Header.Get("Retry-After") != "1" {
			t.Errorf("many: %d %v", got.StatusCode, got.Header)
		}
	})
}

func TestForgottenBlobIsSeenAgain(t *testing.T) {
	start := time.Now()
	s := newSeenSet(start)
	id := idOf("x")
	add := func(after time.Duration, want error) {
		t.Helper()
		if err := s.add(id, start, start.Add(after)); !errors.Is(err, want) {
			t.Errorf("after %v: %v, want %v", after, err, want)
		}
	}
	add(0, nil)
	s.forget(id)
	add(time.Minute, nil)
	add(seenFor, errSeen) // the first place in the queue is over, the second is not
	add(seenFor+time.Minute, nil)
}
