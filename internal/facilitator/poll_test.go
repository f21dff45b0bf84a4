package facilitator

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/pool"
)

func TestHeldPollGetsTheNextClient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		_, replies := r.send(proxy4, get("/?r=1&wait=40"))
		time.Sleep(30 * time.Second)
		r.waiting(pool.Stats{Polls: 1})
		start := time.Now()
		r.register(client4, "client=:9000")
		a := r.answer(<-replies)
		if a.Match == nil || a.Match.Client.String() != "8.8.4.4:9000" {
			t.Errorf("answer %+v", a)
		}
		seconds(t, "the answer took", time.Since(start), 0, 0)
		seconds(t, "check-back-in", a.CheckBackIn, 0, 3)
		r.waiting(pool.Stats{})
	})
}

func TestWaitIsBounded(t *testing.T) {
	for _, tt := range []struct {
		query              string
		held               int
		lowCheck, maxCheck int
	}{
		{"", 0, 45, 75},
		{"&wait=0", 0, 45, 75},
		{"&wait=3", 3, 7, 7},
		{"&wait=20", 20, 0, 3},
		{"&wait=86400", 50, 0, 3},
	} {
		t.Run(tt.query, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, Config{}, relay4)
				start := time.Now()
				a := r.poll(proxy4, tt.query)
				seconds(t, "held", time.Since(start), tt.held, tt.held)
				seconds(t, "check-back-in", a.CheckBackIn, tt.lowCheck, tt.maxCheck)
			})
		})
	}
}

func TestLeastCheckBackIn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{PollInterval: time.Second}, relay4)
		seconds(t, "check-back-in", r.poll(proxy4, "").CheckBackIn, 10, 10)
	})
}

// TestProxyGoesAway: what was meant for a proxy that hung up goes to another.
func TestProxyGoesAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		c, _ := r.send(proxy4, get("/?r=1&wait=40"))
		synctest.Wait()
		c.Abort()
		r.waiting(pool.Stats{})
		r.register(client4, "client=:9000")
		if r.poll(proxy4, "").Match == nil {
			t.Error("the client is lost")
		}
	})
}

// eventfulPool lets something happen between a claim and what is made of it.
type eventfulPool struct {
	pool.Pool
	claimed func()
}

func (p eventfulPool) Claim(ctx context.Context, w pool.Want) (pool.Claim, error) {
	c, err := p.Pool.Claim(ctx, w)
	if err == nil {
		p.claimed()
	}
	return c, err
}

func TestProxyGoesAwayBeforeTheAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := pool.NewMemory(pool.Config{})
		defer m.Close()
		var hangUp func()
		r := newRig(t, Config{Pool: eventfulPool{m, func() { hangUp() }}}, relay4)
		r.register(client4, "client=:9000")
		c, replies := r.send(proxy4, "") // the request only when hangUp is there
		hangUp = func() {
			c.Abort()
			time.Sleep(time.Millisecond) // until the server noticed
		}
		if _, err := c.Write([]byte(get("/?r=1"))); err != nil {
			t.Fatal(err)
		}
		if got := <-replies; got.err == nil {
			t.Errorf("answer %q to nobody", got.body)
		}
		time.Sleep(time.Second)
		r.waiting(pool.Stats{Registrations: 1})
		hangUp = func() {}
		if r.poll(proxy4, "").Match == nil {
			t.Error("the client is lost")
		}
	})
}

func TestNewRelaysForHeldPolls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		r.register(client4, "client=:9000&client-transport=obfs4|websocket")
		_, replies := r.send(proxy4, get("/?r=1&wait=40"))
		time.Sleep(10 * time.Second)
		r.waiting(pool.Stats{Registrations: 1, Polls: 1})

		r.setRelays(relay6) // of no use to it
		time.Sleep(10 * time.Second)
		r.waiting(pool.Stats{Registrations: 1, Polls: 1})

		r.setRelays("obfs4|websocket 1.1.1.1:9903")
		a := r.answer(<-replies)
		if a.Match == nil || a.Match.Relay.String() != "1.1.1.1:9903" {
			t.Errorf("answer %+v", a)
		}
	})
}

func TestNewRelaysDoNotProlongTheWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		start := time.Now()
		_, replies := r.send(proxy4, get("/?r=1&wait=40"))
		for range 5 {
			time.Sleep(7 * time.Second)
			r.setRelays(relay4b)
		}
		r.answer(<-replies)
		seconds(t, "held", time.Since(start), 40, 40)
	})
}

func TestRelayGoneAfterClaim(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := pool.NewMemory(pool.Config{})
		defer m.Close()
		var r *rig
		once := true
		r = newRig(t, Config{Pool: eventfulPool{m, func() {
			if once {
				once = false
				r.setRelays(relay6)
			}
		}}}, relay4)
		r.register(client4, "client=:9000")
		if a := r.poll(proxy4, ""); a.Match != nil {
			t.Errorf("a relay that is gone: %+v", a.Match)
		}
		r.waiting(pool.Stats{Registrations: 1})
		r.setRelays(relay4b)
		if a := r.poll(proxy4, ""); a.Match == nil {
			t.Error("the client is lost")
		}
	})
}

func TestStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		var waiting []<-chan reply
		for i := range 100 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, 1, byte(i)}), 40000)
			_, replies := r.send(from, get("/?r=1&wait=40"))
			waiting = append(waiting, replies)
		}
		r.waiting(pool.Stats{Polls: 100})
		start := time.Now()
		r.Stop()
		told := make(map[time.Duration]bool)
		for _, replies := range waiting {
			a := r.answer(<-replies)
			if a.Match != nil {
				t.Errorf("match %+v", a.Match)
			}
			seconds(t, "check-back-in", a.CheckBackIn, 135, 225)
			told[a.CheckBackIn] = true
		}
		seconds(t, "stop took", time.Since(start), 0, 0)
		if len(told) < 20 {
			t.Errorf("only %d different answers to 100 polls: no jitter", len(told))
		}
		seconds(t, "check-back-in of a new poll", r.poll(proxy4, "&wait=40").CheckBackIn, 135, 225)
		got := r.do(client4, post("client=:9000"))
		if got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
			t.Errorf("registration: %d %v", got.StatusCode, got.Header)
		}
		r.waiting(pool.Stats{})
	})
}

func TestHeldPollsOfOneSource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		var waiting []<-chan reply
		for i := range maxHeldPerSource {
			from := netip.AddrPortFrom(proxy4.Addr(), uint16(1000+i))
			_, replies := r.send(from, get("/?r=1&wait=40"))
			waiting = append(waiting, replies)
		}
		synctest.Wait()
		start := time.Now()
		a := r.poll(proxy4, "&wait=40")
		seconds(t, "the one too many was held", time.Since(start), 0, 0)
		seconds(t, "its check-back-in", a.CheckBackIn, 135, 225)

		_, other := r.send(netip.MustParseAddrPort("9.9.9.10:1"), get("/?r=1&wait=40"))
		r.waiting(pool.Stats{Polls: maxHeldPerSource + 1})
		for _, replies := range append(waiting, other) {
			r.answer(<-replies)
		}
		seconds(t, "the others were held", time.Since(start), 40, 40)
		synctest.Wait()
		if len(r.held.n) != 0 {
			t.Errorf("still counted: %v", r.held.n)
		}
		// The one too many still gets a client that is there.
		for range maxHeldPerSource {
			r.send(proxy4, get("/?r=1&wait=5&transport=tcp"))
		}
		synctest.Wait()
		r.register(client4, "client=:9000")
		if r.poll(proxy4, "&wait=5").Match == nil {
			t.Error("no client for the one too many")
		}
	})
}

// badPool fails.
type badPool struct {
	pool.Pool
	err  error
	hang bool
}

func (p badPool) Claim(ctx context.Context, _ pool.Want) (pool.Claim, error) {
	if p.hang {
		<-ctx.Done()
		return pool.Claim{}, ctx.Err()
	}
	return pool.Claim{}, p.err
}

func TestPoolErrors(t *testing.T) {
	for _, tt := range []struct {
		pool badPool
		took int
	}{
		{badPool{err: pool.ErrBusy}, 0},
		{badPool{err: pool.ErrClosed}, 0},
		{badPool{err: errors.New("redis at 10.1.2.3:6379: no")}, 0},
		{badPool{hang: true}, 45},
	} {
		t.Run(fmt.Sprint(tt.pool.err), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := pool.NewMemory(pool.Config{})
				defer m.Close()
				tt.pool.Pool = m
				var log strings.Builder
				r := newRig(t, Config{Pool: tt.pool, Logger: logTo(&log)}, relay4)
				start := time.Now()
				got := r.do(proxy4, get("/?r=1&wait=40"))
				seconds(t, "took", time.Since(start), tt.took, tt.took)
				seconds(t, "check-back-in", r.answer(got).CheckBackIn, 135, 225)
				if strings.Contains(got.body, "10.1.2.3") {
					t.Errorf("%q tells of the store", got.body)
				}
				decision := errors.Is(tt.pool.err, pool.ErrBusy) || errors.Is(tt.pool.err, pool.ErrClosed)
				if told := strings.Contains(log.String(), "level=ERROR"); told == decision {
					t.Errorf("log %q", log.String())
				}
			})
		})
	}
}

func TestFamilies(t *testing.T) {
	const named = "wss relay.example:443"
	for _, tt := range []struct {
		name, client, poller, query string
		relays                      []string
		relay                       string // "" for no match
	}{
		{"4 to 4", "8.8.4.4:1", "9.9.9.9:1", "", []string{relay6, relay4}, "1.1.1.1:9902"},
		{"6 to 6", "[2620:fe::1]:1", "[2620:fe::fe]:1", "", []string{relay4, relay6}, "[2606:4700:4700::1111]:9902"},
		{"6 to 4", "[2620:fe::1]:1", "9.9.9.9:1", "", []string{relay4, relay6}, ""},
		{"4 to 6", "8.8.4.4:1", "[2620:fe::fe]:1", "", []string{relay4, relay6}, ""},
		{"no relay of the family", "[2620:fe::1]:1", "[2620:fe::fe]:1", "", []string{relay4}, ""},
		{"mapped", "8.8.4.4:1", "[::ffff:9.9.9.9]:1", "", []string{relay4}, "1.1.1.1:9902"},
		{"relay by name, 4", "8.8.4.4:1", "9.9.9.9:1", "&transport=websocket&transport=wss", []string{named}, "relay.example:443"},
		{"relay by name, 6", "[2620:fe::1]:1", "[2620:fe::fe]:1", "&transport=websocket&transport=wss", []string{named}, "relay.example:443"},
		{"relay by name, not spoken", "8.8.4.4:1", "9.9.9.9:1", "", []string{named}, ""},
		{"client not spoken", "8.8.4.4:1", "9.9.9.9:1", "&transport=wss", []string{named}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, Config{}, tt.relays...)
				r.register(client4, "client="+tt.client)
				relay := ""
				if m := r.poll(netip.MustParseAddrPort(tt.poller), tt.query).Match; m != nil {
					relay = m.Relay.String()
				}
				if relay != tt.relay {
					t.Errorf("relay %q, want %q", relay, tt.relay)
				}
			})
		})
	}
}

// TestHalfClosed: who only says that no more requests come may be reading still.
// It gets an answer, but no client, since it looks like one who went away.
func TestHalfClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		c, replies := r.send(proxy4, get("/?r=1&wait=40"))
		synctest.Wait()
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if a := r.answer(<-replies); a.Match != nil {
			t.Errorf("match %+v", a.Match)
		}
	})
}
