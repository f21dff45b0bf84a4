package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashproxy/internal/registration"
)

const client, relay = "4.4.4.4:9000", "5.5.5.5:9902"

// once answers the first poll with a match, and holds the others.
func once(body string) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 0 {
			io.WriteString(w, body)
			return
		}
		hold(w, r)
	}
}

// holding accepts and keeps connections, until it is told otherwise.
type holding struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (h *holding) handle(c net.Conn) {
	h.mu.Lock()
	h.conns = append(h.conns, c)
	h.mu.Unlock()
	silent(c)
}

func (h *holding) all() []net.Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.conns)
}

func TestPairs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var clients holding
		w.serve(client, clients.handle)
		w.serve(relay, echo)
		f := w.facilitator("127.0.0.1:9002", once(match(client, relay)))
		stop := w.run(Config{}, f)
		w.settle(time.Second)
		if got, want := w.dialled(), []string{client, relay, client, relay}; !slices.Equal(got, want) {
			t.Fatalf("dialled %q, want %q", got, want)
		}
		for _, at := range []time.Duration{20 * time.Minute, 45 * time.Minute} {
			w.settle(at)
			for i, c := range clients.all() {
				io.WriteString(c, fmt.Sprint("hello ", i))
			}
		}
		w.settle(time.Hour)
		for _, c := range clients.all() {
			c.Close()
		}
		w.settle(90 * time.Minute)
		stop()
		w.wantLogged("msg=\"in the last hour\" clients=1 unreachable=0 failed_polls=0 bytes_to_relays=28 bytes_to_clients=28 open_connections=2", 1)
		w.wantLogged("msg=\"in all of 1h30m0s\" clients=1 unreachable=0 failed_polls=0 bytes_to_relays=28 bytes_to_clients=28 open_connections=0", 1)
		w.wantLogged("level=WARN", 0)
	})
}

func TestDeadPeers(t *testing.T) {
	never := func(ctx context.Context, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, tt := range []struct {
		name        string
		clientLives bool
		dialer      Dialer // of what is dead; nil: refuses
		want        []string
		takes       time.Duration
	}{
		{"dead client", false, nil, []string{client}, 0},
		{"silent client", false, never, []string{client}, 30 * time.Second},
		{"dead relay", true, nil, []string{client, relay}, 0},
		{"silent relay", true, never, []string{client, relay}, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var conns holding
				if tt.clientLives {
					w.serve(client, conns.handle)
				}
				dialer := func(ctx context.Context, address string) (net.Conn, error) {
					c, err := w.dial(ctx, address)
					if err != nil && tt.dialer != nil {
						return tt.dialer(ctx, address)
					}
					return c, err
				}
				f := w.facilitator("127.0.0.1:9002", once(match(client, relay)))
				stop := w.run(Config{MaxClients: 1, Dialers: map[string]Dialer{"websocket": dialer}}, f)
				w.settle(2 * time.Minute)
				if got := w.dialled(); !slices.Equal(got, tt.want) {
					t.Errorf("dialled %q, want %q", got, tt.want)
				}
				for _, c := range conns.all() {
					if _, err := c.Write([]byte("x")); err == nil {
						t.Error("the client's connection is still open")
					}
				}
				// The only slot is free again: the second poll was not later than this.
				wantBetween(t, "next poll", f.gaps()[0], tt.takes, tt.takes+time.Second)
				if second := f.seen()[1]; len(second.Clients) != 0 {
					t.Errorf("reported as served: %v", second.Clients)
				}
				stop()
				w.wantLogged("clients=0 unreachable=1", 1)
			})
		})
	}
}

func TestSlots(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var clients holding
		w.serve(client, clients.handle)
		w.serve("[2a00::1]:9000", clients.handle)
		w.serve(relay, silent)
		f := w.facilitator("127.0.0.1:9002", func(n int, rw http.ResponseWriter, _ *http.Request) {
			io.WriteString(rw, match([]string{client, "[2a00::1]:9000"}[n%2], relay))
		})
		w.run(Config{MaxClients: 3}, f)
		w.settle(20 * time.Minute)
		if n, m := len(f.seen()), len(clients.all()); n != 3 || m != 6 {
			t.Fatalf("%d polls, %d connections; want 3 and 6", n, m)
		}
		ap := netip.MustParseAddrPort
		want := []netip.AddrPort{ap(client), ap("[2a00::1]:9000")}
		if got := f.seen()[2].Clients; !slices.Equal(got, want) {
			t.Errorf("reported as served: %v, want %v", got, want)
		}
		clients.all()[0].Close() // one of two of the first client: its slot stays taken
		w.settle(25 * time.Minute)
		if n := len(f.seen()); n != 3 {
			t.Fatalf("%d polls while all are served", n)
		}
		clients.all()[1].Close()
		w.settle(28 * time.Minute)
		polls := f.seen()
		if len(polls) != 4 || polls[3].at != 25*time.Minute {
			t.Fatalf("polls after a client left: %v", polls)
		}
		want = []netip.AddrPort{ap("[2a00::1]:9000"), ap(client)}
		if got := polls[3].Clients; !slices.Equal(got, want) {
			t.Errorf("reported as served: %v, want %v", got, want)
		}
	})
}

func TestDrain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var clients holding
		w.serve(client, clients.handle)
		w.serve(relay, silent)
		f := w.facilitator("127.0.0.1:9002", once(match(client, relay)))
		stop := w.run(Config{Drain: 30 * time.Second}, f)
		w.settle(10 * time.Second)
		var wg sync.WaitGroup
		wg.Go(stop)
		w.settle(39 * time.Second)
		for _, c := range clients.all() {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Errorf("while draining: %v", err)
			}
		}
		wg.Wait()
		if d := time.Since(w.start); d != 40*time.Second {
			t.Errorf("stopped after %v, want 40s", d)
		}
		if n := len(f.seen()); n != 2 {
			t.Errorf("%d polls, want 2", n)
		}
		w.wantLogged("stopping", 1)
		w.wantLogged("bytes_to_relays=2 ", 1)
	})
}

func TestStopsWhenLastPairEnds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var clients holding
		w.serve(client, clients.handle)
		w.serve(relay, silent)
		f := w.facilitator("127.0.0.1:9002", once(match(client, relay)))
		stop := w.run(Config{Drain: 30 * time.Second}, f)
		w.settle(10 * time.Second)
		var wg sync.WaitGroup
		wg.Go(stop)
		w.settle(15 * time.Second)
		for _, c := range clients.all() {
			c.Close()
		}
		wg.Wait()
		if d := time.Since(w.start); d != 15*time.Second {
			t.Errorf("stopped after %v, want 15s", d)
		}
	})
}

// A dial that is under way is no reason to wait, and no failure to report.
func TestStopWhileDialling(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		f := w.facilitator("127.0.0.1:9002", once(match(client, relay)))
		stuck := func(ctx context.Context, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("dial: %w", ctx.Err())
		}
		stop := w.run(Config{Drain: time.Hour, Dialers: map[string]Dialer{"websocket": stuck}}, f)
		w.settle(5 * time.Second)
		stop()
		if d := time.Since(w.start); d != 5*time.Second {
			t.Errorf("stopped after %v, want 5s", d)
		}
		w.wantLogged("unreachable=0", 1)
	})
}

func TestIdlePairsEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve(client, silent)
		w.serve(relay, silent)
		f := w.facilitator("127.0.0.1:9002", once(match(client, relay)))
		w.run(Config{MaxClients: 1}, f)
		w.settle(time.Hour)
		if second := f.seen()[1]; second.at != idleTimeout {
			t.Errorf("the slot was free after %v, want %v", second.at, idleTimeout)
		}
	})
}

// The limit holds for all pairs and both ways together.
func TestRateLimit(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var got atomic.Int64
		count := func(c net.Conn) {
			go func() {
				for block := bytes.Repeat([]byte("x"), 4096); ; {
					if _, err := c.Write(block); err != nil {
						return
					}
				}
			}()
			for b := make([]byte, 4096); ; {
				n, err := c.Read(b)
				got.Add(int64(n))
				if err != nil {
					return
				}
			}
		}
		w.serve(client, count)
		w.serve(relay, count)
		limiter, err := ParseRate("100K")
		if err != nil {
			t.Fatal(err)
		}
		f := w.facilitator("127.0.0.1:9002", func(n int, rw http.ResponseWriter, _ *http.Request) {
			io.WriteString(rw, match(client, relay))
		})
		w.run(Config{MaxClients: 5, Limiter: limiter}, f)
		w.settle(10 * time.Second)
		start := got.Load()
		w.settle(110 * time.Second)
		// Ten pairs at once, a hundred seconds, give or take the burst.
		if n := got.Load() - start; n < 99*100<<10 || n > 101*100<<10 {
			t.Errorf("%d bytes in 100 s at 100K", n)
		}
	})
}

func TestGiven(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var clients holding
		w.serve("127.0.0.1:9000", clients.handle)
		ln := w.listen("127.0.0.1:9902")
		ln.Close()
		m, err := registration.ParseAnswer([]byte(match("127.0.0.1:9000", "127.0.0.1:9902")))
		if err != nil {
			t.Fatal(err)
		}
		stop := w.run(Config{Given: m.Match})
		w.settle(time.Hour)
		if n := len(clients.all()); n < 120 || n > 170 {
			t.Errorf("%d attempts in an hour", n)
		}
		w.wantLogged("level=WARN", 2)
		w.serve("127.0.0.1:9902", echo)
		w.settle(time.Hour + 2*time.Minute)
		w.wantLogged("msg=connected", 2)
		conns := clients.all()
		conns[len(conns)-1].Close()
		conns[len(conns)-2].Close()
		w.settle(time.Hour + 5*time.Minute)
		w.wantLogged("msg=connected", 4)
		stop()
		w.wantLogged("clients=4", 1)
	})
}
