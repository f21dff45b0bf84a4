package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
	"flashproxy/internal/registration"
)

// world is a network in memory, and who watches it.
type world struct {
	t     *testing.T
	start time.Time

	mu    sync.Mutex
	hosts map[string]*memnet.Listener
	dials []string
	log   bytes.Buffer
}

func newWorld(t *testing.T) *world {
	return &world{t: t, start: time.Now(), hosts: make(map[string]*memnet.Listener)}
}

// Write makes the world its own log.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// wantLogged checks how many lines of the log contain s.
func (w *world) wantLogged(s string, times int) {
	w.t.Helper()
	if n := strings.Count(w.logged(), s); n != times {
		w.t.Errorf("%q is %d times in the log, want %d:\n%s", s, n, times, w.logged())
	}
}

func (w *world) listen(addr string) *memnet.Listener {
	ln := memnet.Listen(netip.MustParseAddrPort(addr))
	w.mu.Lock()
	w.hosts[addr] = ln
	w.mu.Unlock()
	return ln
}

// dial is a Dialer, and notes what was dialled.
func (w *world) dial(ctx context.Context, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dials = append(w.dials, address)
	ln := w.hosts[address]
	w.mu.Unlock()
	if ln == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return ln.Dial(ctx)
}

func (w *world) dialled() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dials)
}

// serve makes addr accept connections until the test ends, and gives each to handle.
func (w *world) serve(addr string, handle func(net.Conn)) {
	ln := w.listen(addr)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				handle(c)
			})
		}
	})
	w.t.Cleanup(func() { ln.Close(); wg.Wait() })
}

func echo(c net.Conn)   { io.Copy(c, c) }
func silent(c net.Conn) { io.Copy(io.Discard, c) }

// poll is a poll as a facilitator got it.
type poll struct {
	at time.Duration // since the start
	registration.Poll
}

// fakeFacilitator answers polls as a test wants.
type fakeFacilitator struct {
	w      *world
	url    *url.URL
	answer func(n int, w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	polls []poll
}

// facilitator starts a facilitator whose nth poll, from 0, is given to answer.
func (w *world) facilitator(host string, answer func(n int, w http.ResponseWriter, r *http.Request)) *fakeFacilitator {
	f := &fakeFacilitator{w: w, url: &url.URL{Scheme: "http", Host: host}, answer: answer}
	srv := &http.Server{Handler: f}
	var wg sync.WaitGroup
	ln := w.listen(host)
	wg.Go(func() { srv.Serve(ln) })
	w.t.Cleanup(func() { srv.Close(); wg.Wait() })
	return f
}

func (f *fakeFacilitator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, err := registration.ParsePoll(r.URL.RawQuery)
	if err != nil || r.Method != http.MethodGet {
		f.w.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	f.mu.Lock()
	n := len(f.polls)
	f.polls = append(f.polls, poll{time.Since(f.w.start), p})
	f.mu.Unlock()
	f.answer(n, w, r)
}

func (f *fakeFacilitator) seen() []poll {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.polls)
}

// gaps are the times between polls.
func (f *fakeFacilitator) gaps() []time.Duration {
	var gaps []time.Duration
	polls := f.seen()
	for i := 1; i < len(polls); i++ {
		gaps = append(gaps, polls[i].at-polls[i-1].at)
	}
	return gaps
}

// say answers a poll at once.
func say(body string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

// hold answers a poll that nobody came for, as a facilitator does that can wait.
func hold(w http.ResponseWriter, r *http.Request) {
	p, _ := registration.ParsePoll(r.URL.RawQuery)
	select {
	case <-time.After(p.Wait):
		io.WriteString(w, "client=&check-back-in=0")
	case <-r.Context().Done():
	}
}

func match(client, relay string) string {
	return fmt.Sprintf("client=%s&client-transport=websocket&relay=%s&relay-transport=websocket&check-back-in=0", client, relay)
}

// run starts a proxy; the function that it returns stops it and waits.
func (w *world) run(cfg Config, facilitators ...*fakeFacilitator) (stop func()) {
	w.t.Helper()
	for _, f := range facilitators {
		cfg.Facilitators = append(cfg.Facilitators, f.url)
	}
	if cfg.Dialers == nil {
		cfg.Dialers = map[string]Dialer{"websocket": w.dial}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(w, nil))
	}
	cfg.DialFacilitator = func(ctx context.Context, _, addr string) (net.Conn, error) {
		w.mu.Lock()
		ln := w.hosts[addr]
		w.mu.Unlock()
		if ln == nil {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}
		return ln.Dial(ctx)
	}
	p, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	w.t.Cleanup(stop)
	return stop
}

// inWorld runs test in a synctest bubble; all that it started must have ended
// when it is over.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

// settle lets all go on until d after the start.
func (w *world) settle(d time.Duration) {
	time.Sleep(time.Until(w.start.Add(d)))
	synctest.Wait()
}

func wantBetween(t *testing.T, what string, got, low, high time.Duration) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s: %v, want from %v to %v", what, got, low, high)
	}
}
