package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// relay is a server before an echo service that can be dead to those who connect, and
// tells of each.
type relay struct {
	address string
	dead    atomic.Bool
}

func newRelay(t *testing.T, name string, dialled chan<- string) *relay {
	t.Helper()
	r := &relay{}
	server := newEchoServer(t)
	r.address = serveTCP(t, func(c net.Conn) {
		dead := r.dead.Load()
		dialled <- name
		if !dead {
			copyTo(server)(c)
		}
	})
	return r
}

// origins is a web server before the facilitator that says where a proxy's polls come from.
type origins struct {
	url   string // as the proxies take it
	fresh atomic.Bool
	polls atomic.Int64
}

// newOrigins gives what is between a proxy and the facilitator. The proxy has one address, and
// another one for each poll once fresh is set.
func newOrigins(t *testing.T, facilitator string, n int) *origins {
	t.Helper()
	to, err := url.Parse(facilitator)
	if err != nil {
		t.Fatal(err)
	}
	o := &origins{}
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			from := fmt.Sprintf("9.9.%d.9", n)
			if o.fresh.Load() {
				poll := o.polls.Add(1)
				from = fmt.Sprintf("9.%d.%d.9", 100+n, poll%256)
			}
			r.Out.Header.Set("X-Forwarded-For", from)
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {}, // of proxies that end
	})
	t.Cleanup(s.Close)
	o.url = s.URL + "/"
	return o
}

// user is a client, and somebody who tries until a stream through it works, as Tor does.
type user struct {
	facilitator, local, remote string
	registered                 int
}

// register registers the client once, from an address of its own.
func (u *user) register(t *testing.T) {
	t.Helper()
	u.registered++
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.facilitator, strings.NewReader("client="+u.remote))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("8.8.%d.8", u.registered%256))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("register: %s %s", resp.Status, said)
	}
}

// try gets through in the end.
func (u *user) try(ctx context.Context) <-chan error {
	through := make(chan error, 1)
	go func() {
		for {
			err := carries(ctx, u.local, 0, []byte("hello"))
			if err == nil || ctx.Err() != nil {
				through <- err
				return
			}
		}
	}()
	return through
}

// TestDeadRelay: of two relays the one with most of the weight dies. Clients still get through,
// it is given less and less, and has its share again when it is back.
func TestDeadRelay(t *testing.T) {
	dialled := make(chan string, 100)
	good, bad := newRelay(t, "good", dialled), newRelay(t, "bad", dialled)
	f, err := programs.Facilitator(within(t, time.Minute), t.TempDir(), "127.0.0.1:0",
		[]string{"websocket " + good.address, "websocket " + bad.address + " weight=4"}, "--trusted-proxies", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	ends(t, f)
	var all []*origins
	for n := range 6 {
		o := newOrigins(t, f.URL, n)
		p, err := programs.Proxy(within(t, time.Minute), o.url, "--connections-per-client", "1", "--poll-interval", "1s", "--drain", "0s")
		if err != nil {
			t.Fatal(err)
		}
		ends(t, p)
		all = append(all, o)
	}
	u := &user{facilitator: f.URL}
	_, u.local, u.remote = newClient(t)
	ctx := within(t, 5*time.Minute)

	// give has the client given n times, and counts to which relay.
	through := u.try(ctx)
	give := func(n int) map[string]int {
		t.Helper()
		given := make(map[string]int)
		for range n {
			u.register(t)
			var to string
			select {
			case to = <-dialled:
			case <-ctx.Done():
				t.Fatal("no proxy dialled a relay")
			}
			given[to]++
			if to == "bad" && bad.dead.Load() {
				continue
			}
			if err := <-through; err != nil {
				t.Fatalf("by the %s relay: %v", to, err)
			}
			through = u.try(ctx)
		}
		return given
	}
	// until gives until the facilitator says so.
	until := func(text string, limit int) {
		t.Helper()
		said := make(chan error, 1)
		from := f.Lines().Next()
		go func() {
			_, _, err := f.WaitFrom(ctx, from, text)
			said <- err
		}()
		for n := range limit {
			select {
			case err := <-said:
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("after %d clients: %s", n, text)
				return
			default:
				give(1)
			}
		}
		t.Fatalf("after %d clients it has not said %q", limit, text)
	}

	if given := give(10); given["bad"] != 8 {
		t.Errorf("while both live: given %v", given)
	}
	bad.dead.Store(true)
	until("proxies cannot reach a relay", 60)
	if given := give(20); given["bad"] > 5 || given["bad"] == 0 {
		t.Errorf("dead: given %v", given)
	}
	bad.dead.Store(false)
	for _, o := range all {
		o.fresh.Store(true) // other proxies come, who find it alive
	}
	until("proxies no longer fail to reach a relay", 300)
	if given := give(10); given["bad"] < 7 {
		t.Errorf("back: given %v", given)
	}
}
