package client

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
	"flashproxy/internal/registration"
	"flashproxy/internal/rendezvous"
)

// world is a client with all its sides in memory, in a synctest bubble. Where a test
// does not say which alternative, it is the plain one.
type world struct {
	*sides         // for plain Tor by WebSocket
	hidden  *sides // for obfs4 by TCP
	t       *testing.T
	c       *Client
	stop    context.CancelFunc
	stopped chan error

	mu       sync.Mutex
	notices  []string
	attempts []time.Duration // when something tried to register, since the start
	regs     []registration.Registration
	answer   func(n int) error // what the nth attempt gets, from 1
	start    time.Time
}

// sides are those of one alternative.
type sides struct {
	t      *testing.T
	remote *memnet.Listener
	reqs   chan *request
	link   *linker
}

func newSides(t *testing.T, address, transport string) (*sides, Alternative) {
	t.Helper()
	s := &sides{t: t, remote: memnet.Listen(netip.MustParseAddrPort("192.0.2.1:9000")), reqs: make(chan *request)}
	a := Alternative{Locals: []Locals{&locals{reqs: s.reqs, done: make(chan struct{})}}, Remotes: []net.Listener{s.remote}}
	a.Addr = netip.MustParseAddrPort(address)
	var err error
	if a.Transport, err = registration.ParseTransport(transport); err != nil {
		t.Fatal(err)
	}
	return s, a
}

// request is a SOCKS request as main would give it.
type request struct {
	net.Conn
	args     map[string][]string
	answered chan bool
}

func (r *request) Args() map[string][]string { return r.args }
func (r *request) Grant() error {
	r.answered <- true
	_, err := r.Conn.Write([]byte("G"))
	return err
}
func (r *request) Reject() error { r.answered <- false; return nil }
func (r *request) CloseWrite() error {
	return r.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// locals hands out requests.
type locals struct {
	reqs chan *request
	done chan struct{}
	once sync.Once
}

func (l *locals) Accept() (Request, error) {
	select {
	case r := <-l.reqs:
		return r, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *locals) Close() error { l.once.Do(func() { close(l.done) }); return nil }

// facilitator is where the client of a world registers, if anywhere, and what.
const (
	facilitator = "http://facilitator.example/"
	plainAddr   = "8.8.4.4:9000"
	hiddenAddr  = "8.8.4.4:9001"
)

func registering() Config { return Config{Facilitator: Facilitator{URL: facilitator}} }

// newWorld starts a client; with a Facilitator, it registers.
func newWorld(t *testing.T, cfg Config) *world {
	return newWorldWhere(t, cfg, func(int) error { return nil })
}

// newWorldWhere is newWorld with what the nth attempt to register gets, from 1.
func newWorldWhere(t *testing.T, cfg Config, answer func(n int) error) *world {
	plain, plainly := newSides(t, plainAddr, "websocket")
	hidden, hiddenly := newSides(t, hiddenAddr, "obfs4|tcp")
	w := &world{
		sides: plain, hidden: hidden, t: t, stopped: make(chan error, 1), start: time.Now(),
		answer: answer,
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Notice = func(s string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.notices = append(w.notices, s)
	}
	var err error
	if w.c, err = New(cfg, plainly, hiddenly); err != nil {
		t.Fatal(err)
	}
	plain.link, hidden.link = w.c.alternatives[0].link, w.c.alternatives[1].link
	w.c.ways = func(Config, Facilitator, []registration.Endpoint) ([]rendezvous.Method, error) {
		return []rendezvous.Method{w}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.stop = cancel
	go func() {
		w.stopped <- w.c.Run(ctx)
	}()
	t.Cleanup(w.end)
	return w
}

// end stops the client; synctest then finds what was left running.
func (w *world) end() {
	w.stop()
	if err := <-w.stopped; !errors.Is(err, context.Canceled) {
		w.t.Errorf("Run: %v", err)
	}
	for _, a := range w.c.alternatives {
		if n := a.link.counts(); n.waiting+n.spare+n.linked+len(a.link.demand) != 0 {
			w.t.Errorf("after the end: %+v, demand %v", n, a.link.demand)
		}
	}
}

func (w *world) Name() string { return "test" }

// Register is the facilitator.
func (w *world) Register(_ context.Context, reg registration.Registration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts = append(w.attempts, time.Since(w.start))
	w.regs = append(w.regs, reg)
	return w.answer(len(w.attempts))
}

func (w *world) tried() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.attempts)
}

func (w *world) noticed(part string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, s := range w.notices {
		if strings.Contains(s, part) {
			n++
		}
	}
	return n
}

// tor opens a SOCKS connection; its end and the request at the client's.
func (s *sides) tor(args map[string][]string) (*memnet.Conn, *request) {
	a, b := memnet.Pipe()
	r := &request{Conn: b, args: args, answered: make(chan bool, 1)}
	s.reqs <- r
	synctest.Wait()
	return a, r
}

// proxy connects to the remote side from addr.
func (s *sides) proxy(addr string) *memnet.Conn {
	s.t.Helper()
	c, err := s.remote.DialFrom(s.t.Context(), netip.MustParseAddrPort(addr))
	if err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	return c.(*memnet.Conn)
}

func (s *sides) counts() counts { return s.link.counts() }

// granted tells how the request was answered; "held" when it was not.
func (r *request) state() string {
	synctest.Wait()
	select {
	case ok := <-r.answered:
		if ok {
			return "granted"
		}
		return "rejected"
	default:
		return "held"
	}
}

func wantState(t *testing.T, r *request, want string) {
	t.Helper()
	if got := r.state(); got != want {
		t.Errorf("the request is %s, want %s", got, want)
	}
}

// read expects exactly this from c.
func read(t *testing.T, c net.Conn, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != want {
		t.Errorf("read %q, %v; want %q", buf, err, want)
	}
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Errorf("write %q: %v", s, err)
	}
}

func wantEOF(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v; want the end", n, err)
	}
}
