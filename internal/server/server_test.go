package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

func TestCarries(t *testing.T) {
	run(t, nil, func(t *testing.T, f *fixture) {
		c := f.dial()
		up := f.accept()
		send(t, up, "SSH-2.0-a") // the service speaks first
		wantRead(t, c, "SSH-2.0-a")
		send(t, c, "SSH-2.0-b")
		wantRead(t, up, "SSH-2.0-b")
		send(t, c, "bye")
		c.Close()
		wantRead(t, up, "bye")
		wantEnd(t, up)
		if got, want := f.dialled(), []string{"9.9.9.9:4444 websocket"}; !slices.Equal(got, want) {
			t.Errorf("upstream dialled %q, want %q", got, want)
		}
		f.wantLogged("9.9.9.9", 0)
	})
}

func TestUpstreamEnds(t *testing.T) {
	run(t, nil, func(t *testing.T, f *fixture) {
		c := f.dial()
		up := f.accept()
		send(t, up, "last words")
		up.Close()
		wantRead(t, c, "last words")
		wantEnd(t, c)
	})
}

// Tor's client speaks first: until it does the ORPort is left alone.
func TestClientFirst(t *testing.T) {
	clientFirst := func(cfg *Config) { cfg.ClientFirst = true }
	t.Run("data", func(t *testing.T) {
		run(t, clientFirst, func(t *testing.T, f *fixture) {
			c := f.dial()
			time.Sleep(119 * time.Minute)
			synctest.Wait()
			if n := len(f.dialled()); n != 0 {
				t.Fatalf("upstream dialled %d times before there was any data", n)
			}
			send(t, c, "hello")
			up := f.accept()
			wantRead(t, up, "hello")
			time.Sleep(119 * time.Minute) // from now on only the pipe's own limit counts
			send(t, up, "world")
			wantRead(t, c, "world")
		})
	})
	t.Run("silence", func(t *testing.T) {
		run(t, clientFirst, func(t *testing.T, f *fixture) {
			start := time.Now()
			wantEnd(t, f.dial())
			if d := time.Since(start); d < 2*time.Hour || d > 2*time.Hour+10*time.Second {
				t.Errorf("closed after %v, want 2h", d)
			}
			if n := len(f.dialled()); n != 0 {
				t.Errorf("upstream dialled %d times", n)
			}
		})
	})
	t.Run("stop", func(t *testing.T) {
		run(t, clientFirst, func(t *testing.T, f *fixture) {
			c := f.dial()
			synctest.Wait()
			start := time.Now()
			f.cancel()
			wantEnd(t, c)
			f.serving.Wait()
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("stopped after %v", d)
			}
			if n := len(f.dialled()); n != 0 {
				t.Errorf("upstream dialled %d times", n)
			}
		})
	})
}

func TestIdle(t *testing.T) {
	run(t, func(cfg *Config) { cfg.IdleTimeout = 10 * time.Minute }, func(t *testing.T, f *fixture) {
		c := f.dial()
		up := f.accept()
		for range 3 {
			time.Sleep(9 * time.Minute)
			send(t, up, "x")
			wantRead(t, c, "x")
		}
		start := time.Now()
		wantEnd(t, c)
		wantEnd(t, up)
		if d := time.Since(start); d != 10*time.Minute {
			t.Errorf("closed after %v, want 10m", d)
		}
	})
}

func TestUpstreamDown(t *testing.T) {
	run(t, nil, func(t *testing.T, f *fixture) {
		f.setDown(true)
		for range 6 {
			wantEnd(t, f.dial())
			time.Sleep(19 * time.Second)
		}
		f.wantLogged("level=WARN", 2)
		f.wantLogged("times=1 ", 1)
		f.wantLogged("times=4 ", 1)
		f.setDown(false)
		c := f.dial()
		send(t, c, "hello")
		wantRead(t, f.accept(), "hello")
	})
}

func TestSlowUpstream(t *testing.T) {
	never := func(ctx context.Context, _ netip.AddrPort, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	run(t, func(cfg *Config) { cfg.Dial = never }, func(t *testing.T, f *fixture) {
		start := time.Now()
		wantEnd(t, f.dial())
		if d := time.Since(start); d < 10*time.Second || d > 15*time.Second {
			t.Errorf("closed after %v, want 10s", d)
		}
		f.wantLogged("level=WARN", 1)
		f.dial()
		synctest.Wait()
		f.cancel()
		f.serving.Wait()
		f.wantLogged("level=WARN", 1) // being asked to stop is no fault of the upstream
	})
}

func TestTooMany(t *testing.T) {
	run(t, func(cfg *Config) { cfg.MaxConns = 2 }, func(t *testing.T, f *fixture) {
		first, second := f.dial(), f.dial()
		ups := []net.Conn{f.accept(), f.accept()}
		for range 100 {
			wantEnd(t, f.dial())
		}
		f.wantLogged("too many connections", 1)
		send(t, first, "x")
		send(t, second, "x")
		wantRead(t, ups[0], "x")
		wantRead(t, ups[1], "x")
		first.Close()
		synctest.Wait()
		send(t, f.dial(), "y")
		wantRead(t, f.accept(), "y")
	})
}

func TestStopCutsConnections(t *testing.T) {
	run(t, nil, func(t *testing.T, f *fixture) {
		c := f.dial()
		up := f.accept()
		f.cancel()
		wantEnd(t, c)
		wantEnd(t, up)
		f.serving.Wait()
		if _, err := f.ln.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial after the end: %v", err)
		}
	})
}

func TestListenerFails(t *testing.T) {
	run(t, nil, func(t *testing.T, f *fixture) {
		c := f.dial()
		f.ln.Close()
		f.serving.Wait()
		wantEnd(t, c)
		if !errors.Is(f.err, net.ErrClosed) {
			t.Errorf("Serve: %v", f.err)
		}
		f.err = nil
	})
}

func TestNew(t *testing.T) {
	dial := func(context.Context, netip.AddrPort, string) (net.Conn, error) { return nil, errors.ErrUnsupported }
	listeners := map[string]func(net.Listener) net.Listener{"x": func(ln net.Listener) net.Listener { return ln }}
	for _, cfg := range []Config{
		{},
		{Dial: dial, MaxConns: 1},
		{Listeners: listeners, MaxConns: 1},
		{Dial: dial, Listeners: listeners},
		{Dial: dial, Listeners: listeners, MaxConns: 1, IdleTimeout: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New(%+v): no error", cfg)
		}
	}
	s, err := New(Config{Dial: dial, Listeners: listeners, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	ln := memnet.Listen(user)
	if err := s.Serve(t.Context(), "y", ln); err == nil {
		t.Error("no error for an unknown method")
	}
	if ln.Close() == nil {
		t.Error("the listener was left open")
	}
}
