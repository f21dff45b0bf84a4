package e2e

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"flashproxy/internal/tornet"
)

// browsers are those that the page must work in.
var browsers = []string{"chromium", "firefox"}

// state is a script that tells whether the page is in one of its states.
func state(kind string) string {
	return fmt.Sprintf(`document.querySelector("#proxy").dataset.state === %q`, kind)
}

// volunteer opens the facilitator's page and turns it on, as a person would.
func volunteer(t testing.TB, b *browser, facilitator string) *tab {
	t.Helper()
	p := b.open(t, facilitator)
	p.until(t, "the page loads", state("off")+"||"+state("starting")+"||"+state("idle"), time.Minute)
	if p.eval(t, `document.querySelector("#switch").getAttribute("aria-checked")`) == "false" {
		p.click(t, "#switch") // else the browser has remembered it
	}
	p.until(t, "the page waits for somebody", state("idle"), time.Minute)
	return p
}

// noProxy is a scene whose proxies are pages.
func noProxy(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, netip.MustParseAddr("127.0.0.1"))
	if err := s.proxy.Stop(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Tor bootstraps and browses through a page in an ordinary browser.
func TestPage(t *testing.T) {
	for _, which := range browsers {
		t.Run(which, func(t *testing.T) {
			b := startBrowser(t, which)
			s := noProxy(t)
			tab := volunteer(t, b, s.facilitator.URL)
			big, small := page(t, s.net, 10<<20), page(t, s.net, 200<<10)
			one := s.client(t)
			bootstrap(t, one)
			fetch(t, one, big)
			tab.until(t, "the page says that it helps", state("active"), 10*time.Second)

			two := s.client(t)
			bootstrap(t, two)
			var wg sync.WaitGroup
			for _, c := range []*tornet.Client{one, two} {
				wg.Go(func() {
					if _, _, err := big.Fetch(within(t, 2*time.Minute), c.HTTPClient()); err != nil {
						t.Errorf("two at once: %v", err)
					}
				})
			}
			wg.Wait()
			tab.until(t, "the page counts two people", `Number(/^\((\d+)\)/.exec(document.title)?.[1]) >= 2`, 10*time.Second)

			closedInTransfer(t, b, s, tab, one, small)
		})
	}
}

// closedInTransfer closes the page while something comes through it; another page
// takes over.
func closedInTransfer(t *testing.T, b *browser, s *scene, tab *tab, c *tornet.Client, small *Page) {
	t.Helper()
	huge := page(t, s.net, 100<<20)
	req, err := http.NewRequestWithContext(within(t, time.Minute), http.MethodGet, huge.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	from := c.Log().Next()
	tab.close(t)
	if _, _, err := c.Log().Wait(within(t, time.Minute), from, func(l string) bool { return strings.Contains(l, "lost a flash proxy") }); err != nil {
		t.Error(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil && n == int64(len(huge.Body))-1<<20 {
		t.Error("100 MB came through before the page could be closed: the test shows nothing")
	}
	volunteer(t, b, s.facilitator.URL)
	fetch(t, c, small)
}

// A page that is open when the facilitator is started anew goes on by itself.
func TestPageFacilitatorRestarted(t *testing.T) {
	for _, which := range browsers {
		t.Run(which, func(t *testing.T) {
			b := startBrowser(t, which)
			f := newForward(t, echo)
			tab := volunteer(t, b, f.facilitator.URL)
			f.facilitator.Kill()
			tab.until(t, "the page says that nobody answers", state("trouble"), time.Minute)
			listen := strings.TrimSuffix(strings.TrimPrefix(f.facilitator.URL, "http://"), "/")
			again, err := programs.Facilitator(within(t, time.Minute), t.TempDir(), listen, []string{f.relay})
			if err != nil {
				t.Fatal(err)
			}
			ends(t, again)
			c := f.open(t, f.client(t))
			if err := echoes(c, []byte("hello")); err != nil {
				t.Error(err)
			}
		})
	}
}

// forward is the system without Tor: the server gives the stream to a service of
// the test's, and the test speaks SOCKS to the client.
type forward struct {
	facilitator *Facilitator
	relay       string // its line in the relay file
}

func newForward(t testing.TB, service func(net.Conn)) *forward {
	t.Helper()
	server, err := programs.Run("flashproxy-server", "--listen", "127.0.0.1:0", "--forward", serveTCP(t, service))
	if err != nil {
		t.Fatal(err)
	}
	ends(t, server)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	port, err := server.Port(ctx, "msg=listening")
	if err != nil {
		t.Fatal(err)
	}
	f := &forward{relay: "websocket 127.0.0.1:" + port}
	if f.facilitator, err = programs.Facilitator(ctx, t.TempDir(), "127.0.0.1:0", []string{f.relay}); err != nil {
		t.Fatal(err)
	}
	ends(t, f.facilitator)
	return f
}

// client starts a client that registers, and gives its SOCKS address.
func (f *forward) client(t testing.TB) string {
	t.Helper()
	c, err := programs.Run("flashproxy-client", "--external", "--register", "--facilitator", f.facilitator.URL, "--proxies", "1", "--refresh", "5s", "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ends(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	port, err := c.Port(ctx, "for=Tor")
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + port
}

// open asks for a stream, which is there when a proxy has come.
func (f *forward) open(t testing.TB, local string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", local)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	if err := socks(c, 2); err != nil {
		t.Fatal(err)
	}
	return c
}

// lineRate is more than the line of any volunteer gives, in bytes a second. What
// loopback gives is ten times that, which outruns a script in Firefox: what it has not
// seen yet, the browser holds.
const lineRate = 40 << 20

// source sends without end once it has heard something, and counts what it could
// send. Spare connections are not spoken to.
func source(sent *atomic.Int64) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := c.Read(make([]byte, 1)); err != nil {
			return
		}
		buf := make([]byte, 32<<10)
		for pace := rate.NewLimiter(lineRate, len(buf)); ; {
			if pace.WaitN(context.Background(), len(buf)) != nil {
				return
			}
			n, err := c.Write(buf)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
}

// A window is what may be under way of a stream with flow control of its own, as
// Tor's has: without, a browser that can't stop a sender has to cut it.
const (
	credit = 64 << 10
	window = 8 // credits
)

// obedient sends a credit for each byte that it hears.
func obedient(c net.Conn) {
	asked, buf := make([]byte, window), make([]byte, credit)
	for {
		n, err := c.Read(asked)
		if err != nil {
			return
		}
		for range n {
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	}
}

// With a reader that hardly reads, what a page holds for it stays bounded: the
// sender is stopped, or, where the browser can't do that, the pair is closed.
func TestPageSlowReader(t *testing.T) {
	// What fits on the way besides the page: kernel buffers of eight sockets, of up
	// to 6 MB each on loopback, and our own. The page may hold 8 MiB more.
	const most = 64 << 20
	for _, which := range browsers {
		t.Run(which, func(t *testing.T) {
			b := startBrowser(t, which)
			var sent atomic.Int64
			f := newForward(t, source(&sent))
			tab := volunteer(t, b, f.facilitator.URL)
			c := f.open(t, f.client(t))
			io.WriteString(c, "x") // a client speaks first
			var got int64
			buf := make([]byte, 64<<10)
			pace := time.NewTicker(100 * time.Millisecond)
			defer pace.Stop()
			for range 100 {
				<-pace.C
				n, err := c.Read(buf)
				if got += int64(n); err != nil {
					t.Logf("the stream was cut after %d bytes: %v", got, err)
					break
				}
			}
			on := sent.Load() - got
			t.Logf("%d bytes read, %d under way", got, on)
			if on > most {
				t.Errorf("%d bytes are held on the way, want at most %d", on, most)
			}
			c.Close()
			again := f.open(t, f.client(t)) // the page goes on for others
			io.WriteString(again, "x")
			if _, err := io.ReadFull(again, make([]byte, credit)); err != nil {
				t.Error(err)
			}
			tab.until(t, "the page helps somebody", state("active"), time.Minute)
		})
	}
}

// The limit that the visitor sets holds, within a tenth.
func TestPageRateLimit(t *testing.T) {
	const limit = 1e6
	for _, which := range browsers {
		t.Run(which, func(t *testing.T) {
			b := startBrowser(t, which)
			f := newForward(t, obedient)
			tab := volunteer(t, b, f.facilitator.URL)
			tab.eval(t, fmt.Sprintf(`(() => { const e = document.querySelector("#limit-rate"); e.value = "%d"; e.dispatchEvent(new Event("change", {bubbles: true})); })()`, int(limit)))
			c := f.open(t, f.client(t))
			got := throughput(t, c, 3*time.Second, 8*time.Second)
			t.Logf("%.0f bytes a second, of %.0f", got, limit)
			if math.Abs(got/limit-1) > 0.1 {
				t.Errorf("%.0f bytes a second, want %.0f within a tenth", got, limit)
			}
		})
	}
}

// throughput reads from an obedient service, and gives the bytes a second after a
// time to settle.
func throughput(t testing.TB, c net.Conn, settle, measure time.Duration) float64 {
	t.Helper()
	if _, err := c.Write(make([]byte, window)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, credit)
	read := func(d time.Duration) (total int64, took time.Duration) {
		start := time.Now()
		for time.Since(start) < d {
			if _, err := io.ReadFull(c, buf); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write(buf[:1]); err != nil {
				t.Fatal(err)
			}
			total += credit
		}
		return total, time.Since(start)
	}
	read(settle)
	n, took := read(measure)
	return float64(n) / took.Seconds()
}

// A page in a tab that nobody looks at picks up a client as quickly as one in front.
func TestPageHidden(t *testing.T) {
	for _, which := range browsers {
		t.Run(which, func(t *testing.T) {
			b := startBrowser(t, which)
			f := newForward(t, echo)
			tab := volunteer(t, b, f.facilitator.URL)
			front := b.open(t, "about:blank")
			b.do(t, "front", map[string]any{"page": front.name})
			t.Log("the page is", tab.eval(t, "document.visibilityState"))
			// Timers of a page that has been hidden for 10 s are throttled.
			tab.eval(t, "new Promise(r => setTimeout(r, 10_000))")
			local := f.client(t)
			start := time.Now()
			c := f.open(t, local)
			if err := echoes(c, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			took := time.Since(start)
			t.Logf("client served after %v", took.Round(time.Millisecond))
			if took > 10*time.Second {
				t.Errorf("it took %v, want seconds", took)
			}
		})
	}
}

// What a page may connect to is not for a link to say.
func TestPageIgnoresAddressesInLinks(t *testing.T) {
	b := startBrowser(t, "chromium")
	f := newForward(t, echo)
	var knocks atomic.Int64
	victim := serveTCP(t, func(net.Conn) { knocks.Add(1) })
	for _, link := range []string{
		"proxy/?client=" + victim + "&relay=" + victim, "proxy/?facilitator=http://" + victim + "/",
		"embed.html?cookierequired=0&client=" + victim + "&relay=" + victim, "embed.html?cookierequired=0&facilitator=http://" + victim + "/",
	} {
		p := b.open(t, f.facilitator.URL+link)
		p.until(t, "the page refuses", state("dead"), time.Minute)
		p.click(t, "#switch")
		p.eval(t, "new Promise(r => setTimeout(r, 1000))")
		p.close(t)
	}
	if n := knocks.Load(); n != 0 {
		t.Errorf("%d connections where a link pointed", n)
	}
}
