package client

import (
	"fmt"
	"net"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

// A SOCKS request is held, without an answer, until a proxy comes, and then
// bytes flow, also those that came before the link.
func TestHoldThenLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		tor, req := w.tor(nil)
		write(t, tor, "early ")
		time.Sleep(250 * time.Second)
		wantState(t, req, "held")
		p := w.proxy("1.1.1.1:1")
		wantState(t, req, "granted")
		read(t, tor, "G")
		write(t, tor, "up")
		read(t, p, "early up")
		write(t, p, "down")
		read(t, tor, "down")
		if w.noticed("a flash proxy connected after 4m10s") != 1 {
			t.Errorf("notices: %q", w.notices)
		}
		p.Close()
		wantEOF(t, tor)
		synctest.Wait()
		if w.noticed("lost a flash proxy") != 1 || w.counts().linked != 0 {
			t.Errorf("notices: %q, %+v", w.notices, w.counts())
		}
	})
}

// A proxy that comes first stands by; what it sends is kept, bounded, in order.
func TestSpareThenLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		p1, p2 := w.proxy("1.1.1.1:1"), w.proxy("1.1.1.2:1")
		write(t, p1, "first")
		synctest.Wait()
		if n := w.counts(); n.spare != 2 {
			t.Fatalf("%+v", n)
		}
		big := string(make([]byte, 50_000)) // more than is held: the rest waits at the sender
		write(t, p1, big)
		if p1.Buffered() != 0 {
			t.Error("the client wrote something")
		}
		tor1, req1 := w.tor(nil)
		wantState(t, req1, "granted")
		read(t, tor1, "Gfirst"+big)
		tor2, req2 := w.tor(nil)
		wantState(t, req2, "granted")
		write(t, tor2, "x")
		read(t, p2, "x")
		tor1.Close() // Tor is done: not a lost proxy
		wantEOF(t, p1)
		synctest.Wait()
		if w.noticed("lost") != 0 {
			t.Errorf("notices: %q", w.notices)
		}
	})
}

func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		var reqs []*request
		for range 3 {
			_, r := w.tor(nil)
			reqs = append(reqs, r)
			time.Sleep(time.Second)
		}
		for i := range 3 {
			w.proxy(fmt.Sprintf("1.1.1.%d:1", i+1))
			for j, r := range reqs[i:] {
				want := "held"
				if j == 0 {
					want = "granted"
				}
				wantState(t, r, want)
			}
		}
	})
}

// Those that go away while they wait are not linked to anybody.
func TestGoneWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		tor1, req1 := w.tor(nil)
		tor1.Close()
		wantState(t, req1, "held")
		if n := w.counts(); n.waiting != 0 {
			t.Fatalf("%+v", n)
		}
		p1 := w.proxy("1.1.1.1:1")
		p1.Abort()
		synctest.Wait()
		if n := w.counts(); n.spare != 0 {
			t.Fatalf("%+v", n)
		}
		_, req2 := w.tor(nil)
		wantState(t, req2, "held")
		w.proxy("1.1.1.1:2")
		wantState(t, req2, "granted")
	})
}

// Those that said something before they went away neither.
func TestGoneAfterSomeBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		p := w.proxy("1.1.1.1:1")
		for range heldBytes - 1 {
			write(t, p, "x")
			synctest.Wait()
		}
		if n := w.counts(); n.spare != 1 {
			t.Fatalf("%+v", n)
		}
		p.Close()
		synctest.Wait()
		if n := w.counts(); n.spare != 0 {
			t.Fatalf("a proxy that is gone stands by: %+v", n)
		}
		tor, req := w.tor(nil)
		write(t, tor, "x")
		synctest.Wait()
		tor.Abort()
		wantState(t, req, "held")
		if n := w.counts(); n.waiting != 0 {
			t.Fatalf("a connection that is gone waits: %+v", n)
		}
	})
}

// What comes bit by bit before the link, while it is made, and after it, arrives in
// order.
func TestBytesAroundTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		p := w.proxy("1.1.1.1:1")
		want := "G"
		say := func(n int) {
			for i := range n {
				s := fmt.Sprint(i, " ")
				want += s
				write(t, p, s)
				if i%2 == 0 {
					synctest.Wait()
				}
			}
		}
		say(100)
		tor, req := w.tor(nil)
		say(1)
		wantState(t, req, "granted")
		say(100)
		read(t, tor, want)
	})
}

// failGrant is a request whose answer can't be sent any more.
type failGrant struct{ *request }

func (r *failGrant) Grant() error { return net.ErrClosed }

// A proxy that was linked to a connection that turns out dead goes to the next.
func TestProxyIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		_, b := net.Pipe()
		w.c.wg.Go(func() {
			w.c.serveLocal(t.Context(), w.c.alternatives[0], &failGrant{&request{Conn: b}})
		})
		synctest.Wait()
		p := w.proxy("1.1.1.1:1")
		if n := w.counts(); n.spare != 1 || n.linked != 0 {
			t.Fatalf("%+v", n)
		}
		tor, req := w.tor(nil)
		wantState(t, req, "granted")
		write(t, p, "x")
		read(t, tor, "Gx")
	})
}

func TestSparesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		for i := range maxSparesPerSource + 3 {
			p := w.proxy(fmt.Sprintf("1.1.1.1:%d", i+1))
			if i >= maxSparesPerSource {
				wantEOF(t, p)
			}
		}
		if n := w.counts(); n.spare != maxSparesPerSource {
			t.Fatalf("%d spares of one address, want %d", n.spare, maxSparesPerSource)
		}
		for i := range maxSparesPerSource + 3 { // one /64 is one source
			w.proxy(fmt.Sprintf("[2a00::%d]:1", i+1))
		}
		if n := w.counts(); n.spare != 2*maxSparesPerSource {
			t.Fatalf("%d spares, want %d", n.spare, 2*maxSparesPerSource)
		}
		for i := range maxSpares {
			w.proxy(fmt.Sprintf("1.1.2.%d:1", i+1))
		}
		if n := w.counts(); n.spare != maxSpares {
			t.Fatalf("%d spares, want %d", n.spare, maxSpares)
		}
		time.Sleep(spareAge)
		synctest.Wait()
		if n := w.counts(); n.spare != 0 {
			t.Fatalf("%d spares after %v", n.spare, spareAge)
		}
		if w.link.perSource == nil || len(w.link.perSource) != 0 {
			t.Fatalf("sources are remembered: %v", w.link.perSource)
		}
	})
}

func TestLocalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		for range maxLocals {
			if _, r := w.tor(nil); r.state() != "held" {
				t.Fatal("not held")
			}
		}
		_, r := w.tor(nil)
		wantState(t, r, "rejected")
	})
}

func TestBridgeLineArguments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		for _, args := range []map[string][]string{
			{"url": {"ftp://x"}}, {"url": {"http://x", "http://y"}}, {"transport": {"a|"}}, {"transport": {"pigeon"}},
			{"pubkey": {"x"}}, {"remote": {"x:1"}}, {"ulr": {"http://x"}},
		} {
			_, r := w.tor(args)
			wantState(t, r, "rejected")
		}
		if got := w.noticed("Bridge line"); got != 7 {
			t.Errorf("%d notices: %q", got, w.notices)
		}
		if n := len(w.tried()); n != 0 {
			t.Fatalf("%d registrations", n)
		}
		_, r := w.tor(map[string][]string{"url": {facilitator}, "transport": {"obfs4|websocket"}, "remote": {":7000"}})
		wantState(t, r, "held")
		if len(w.regs) != 1 || w.regs[0].Endpoints[0].Transport.String() != "obfs4|websocket" || w.regs[0].Endpoints[0].Addr.Port() != 7000 {
			t.Errorf("registered %v", w.regs)
		}
		for i := range maxTargets + 2 {
			_, r = w.tor(map[string][]string{"url": {fmt.Sprintf("http://f%d.example/", i)}})
		}
		wantState(t, r, "rejected")
	})
}

func TestSourceOf(t *testing.T) {
	for addr, want := range map[net.Addr]string{
		&net.TCPAddr{IP: net.ParseIP("1.2.3.4"), Port: 5}:               "1.2.3.4/32",
		&net.TCPAddr{IP: net.ParseIP("::ffff:1.2.3.4"), Port: 5}:        "1.2.3.4/32",
		&net.TCPAddr{IP: net.ParseIP("2a00:1:2:3:4::5"), Port: 5}:       "2a00:1:2:3::/64",
		&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 5, Zone: "eth0"}: "fe80::/64",
		&net.UnixAddr{Name: "x"}:                                        "invalid Prefix",
	} {
		if got := sourceOf(addr).String(); got != want {
			t.Errorf("sourceOf(%v) = %s, want %s", addr, got, want)
		}
	}
}

// The remote side must not look as if it could half-close: the pipe would then
// wait for an end that never comes.
func TestOnlyTheLocalSideHalfCloses(t *testing.T) {
	type halfCloser interface{ CloseWrite() error }
	if _, ok := reflect.TypeFor[*held]().MethodByName("CloseWrite"); ok {
		t.Error("a held remote has CloseWrite")
	}
	if !reflect.TypeFor[heldLocal]().Implements(reflect.TypeFor[halfCloser]()) {
		t.Error("a held local has no CloseWrite")
	}
}
