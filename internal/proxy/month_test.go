package proxy

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

// month is the network around a busy proxy. Unlike a world it remembers nothing.
type month struct {
	start                      time.Time
	client, relay, facilitator *memnet.Listener
	polls, sessions            atomic.Int64
}

func (m *month) dial(ctx context.Context, address string) (net.Conn, error) {
	switch address {
	case client:
		m.sessions.Add(1)
		return m.client.Dial(ctx)
	case relay:
		return m.relay.Dial(ctx)
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// ServeHTTP is a facilitator with all moods, and with nobody for the proxy in
// the last six hours of each day.
func (m *month) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if hour := time.Since(m.start) / time.Hour % 24; hour >= 4 {
		io.WriteString(w, "client=&check-back-in=600")
		return
	}
	switch m.polls.Add(1) % 7 {
	case 1:
		w.WriteHeader(http.StatusBadGateway)
	case 2:
		hold(w, r)
	case 3:
		io.WriteString(w, match("6.6.6.6:1", relay)) // nobody there
	case 4:
		io.WriteString(w, match(client, "6.6.6.6:2"))
	default:
		io.WriteString(w, strings.Replace(match(client, relay), "in=0", "in=30", 1))
	}
}

// accept serves ln until it is closed.
func accept(wg *sync.WaitGroup, ln net.Listener, handle func(net.Conn)) {
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
}

// footprint is what the process holds when all is quiet.
func (m *month) footprint(p *Proxy, day int) (goroutines int, heap uint64, served, room int) {
	time.Sleep(time.Until(m.start.Add(time.Duration(day)*24*time.Hour - time.Minute)))
	synctest.Wait()
	runtime.GC()
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	p.served.mu.Lock()
	defer p.served.mu.Unlock()
	return runtime.NumGoroutine(), mem.HeapAlloc, len(p.served.clients), cap(p.served.clients)
}

// days is how long the month is: each has some 500 connections.
const days = 12

// What a proxy holds after a month is what it held after its first day.
func TestAMonthWithoutGrowth(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		m := &month{start: w.start, client: w.listen(client), relay: w.listen(relay), facilitator: w.listen("127.0.0.1:9002")}
		var wg sync.WaitGroup
		accept(&wg, m.relay, echo)
		accept(&wg, m.client, func(c net.Conn) {
			io.WriteString(c, "hello")
			time.Sleep(10 * time.Minute)
		})
		srv := &http.Server{Handler: m}
		wg.Go(func() { srv.Serve(m.facilitator) })
		p, err := New(Config{
			Facilitators:    []*url.URL{{Scheme: "http", Host: "127.0.0.1:9002"}},
			Dialers:         map[string]Dialer{"websocket": m.dial},
			DialFacilitator: func(ctx context.Context, _, _ string) (net.Conn, error) { return m.facilitator.Dial(ctx) },
			Logger:          slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { p.Run(ctx) })

		goroutines, heap, served, _ := m.footprint(p, 1)
		if served != 0 {
			t.Errorf("%d clients are served in the night", served)
		}
		goroutinesAfter, heapAfter, served, room := m.footprint(p, days)
		t.Logf("%d polls, %d connections to clients; %d then %d goroutines, %d then %d bytes",
			m.polls.Load(), m.sessions.Load(), goroutines, goroutinesAfter, heap, heapAfter)
		if m.sessions.Load() < 300*days {
			t.Errorf("only %d connections", m.sessions.Load())
		}
		// A poll's connection is three goroutines, and there may be one or none.
		if goroutinesAfter > goroutines+3 || served != 0 || room > 2*DefaultMaxClients {
			t.Errorf("%d goroutines where there were %d; %d clients, room for %d", goroutinesAfter, goroutines, served, room)
		}
		// One pointer and one address kept of each connection would show.
		if int64(heapAfter)-int64(heap) > 32*m.sessions.Load() {
			t.Errorf("%d bytes where there were %d", heapAfter, heap)
		}
		cancel()
		m.client.Close()
		m.relay.Close()
		srv.Close()
		wg.Wait()
	})
}
