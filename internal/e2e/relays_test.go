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
	o := &origins{}
	o.url = before(t, facilitator, func(r *httputil.ProxyRequest) {
		from := fmt.Sprintf("9.9.%d.9", n)
		if o.fresh.Load() {
			poll := o.polls.Add(1)
			from = fmt.Sprintf("9.%d.%d.9", 100+n, poll%256)
		}
		r.Out.Header.Set("X-Forwarded-For", from)
	})
	return o
}

// before starts a web server before the facilitator, and gives its URL. Each request is seen
// before it is passed on.
func before(t *testing.T, facilitator string, see func(*httputil.ProxyRequest)) string {
	t.Helper()
	to, err := url.Parse(facilitator)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to); see(r) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {}, // of proxies that end
	})
	t.Cleanup(func() {
		s.CloseClientConnections() // polls wait
		s.Close()
	})
	return s.URL + "/"
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

// giver has one client given to proxies, again and again.
type giver struct {
	t           *testing.T
	ctx         context.Context
	facilitator *Facilitator
	dialled     <-chan string
	bad         *relay
	user        *user
	through     <-chan error // of the user
}

// give has the client given n times, and counts to which relay.
func (g *giver) give(n int) map[string]int {
	g.t.Helper()
	given := make(map[string]int)
	for range n {
		g.user.register(g.t)
		var to string
		select {
		case to = <-g.dialled:
		case <-g.ctx.Done():
			g.t.Fatal("no proxy dialled a relay")
		}
		given[to]++
		if to == "bad" && g.bad.dead.Load() {
			continue
		}
		if err := <-g.through; err != nil {
			g.t.Fatalf("by the %s relay: %v", to, err)
		}
		g.through = g.user.try(g.ctx)
	}
	return given
}

// until gives until the facilitator says so.
func (g *giver) until(text string, limit int) {
	g.t.Helper()
	said := make(chan error, 1)
	from := g.facilitator.Lines().Next()
	go func() {
		_, _, err := g.facilitator.WaitFrom(g.ctx, from, text)
		said <- err
	}()
	for n := range limit {
		select {
		case err := <-said:
			if err != nil {
				g.t.Fatal(err)
			}
			g.t.Logf("after %d clients: %s", n, text)
			return
		default:
			g.give(1)
		}
	}
	g.t.Fatalf("after %d clients it has not said %q", limit, text)
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
	g := &giver{t: t, facilitator: f, dialled: dialled, bad: bad, user: &user{facilitator: f.URL}, ctx: within(t, 5*time.Minute)}
	_, g.user.local, g.user.remote = newClient(t)
	g.through = g.user.try(g.ctx)

	if given := g.give(10); given["bad"] != 8 {
		t.Errorf("while both live: given %v", given)
	}
	bad.dead.Store(true)
	g.until("proxies cannot reach a relay", 60)
	if given := g.give(20); given["bad"] > 5 || given["bad"] == 0 {
		t.Errorf("dead: given %v", given)
	}
	bad.dead.Store(false)
	for _, o := range all {
		o.fresh.Store(true) // other proxies come, who find it alive
	}
	g.until("proxies no longer fail to reach a relay", 300)
	if given := g.give(10); given["bad"] < 7 {
		t.Errorf("back: given %v", given)
	}
}
