package scrub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logged returns what both of slog's handlers write of what do logs.
func logged(do func(*slog.Logger)) string {
	var b bytes.Buffer
	o := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	do(slog.New(NewHandler(slog.NewTextHandler(&b, o))))
	do(slog.New(NewHandler(slog.NewJSONHandler(&b, o))))
	return b.String()
}

func refuse(t *testing.T, log string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(strings.ToLower(log), strings.ToLower(s)) {
			t.Errorf("%q survives in\n%s", s, log)
		}
	}
}

type valuer struct{ v any }

func (v valuer) LogValue() slog.Value { return slog.AnyValue(v.v) }

func TestErrorsOfTheStandardLibrary(t *testing.T) {
	for _, f := range stdFailures(t) {
		t.Run(f.name, func(t *testing.T) {
			wrapped := fmt.Errorf("poll the facilitator: %w", fmt.Errorf("try 2: %w", f.err))
			joined := fmt.Errorf("%w; and %w", errors.Join(io.EOF, f.err), wrapped)
			forms := map[string]func(*slog.Logger){
				"attribute":  func(l *slog.Logger) { l.Info("m", "err", f.err) },
				"message":    func(l *slog.Logger) { l.Info(f.err.Error()) },
				"sentence":   func(l *slog.Logger) { l.Info(fmt.Sprintf("after 12:34:56, %v", wrapped)) },
				"string":     func(l *slog.Logger) { l.Info("m", "err", f.err.Error()) },
				"opaque":     func(l *slog.Logger) { l.Info("m", "err", fmt.Errorf("dial: %v", f.err)) },
				"wrapped":    func(l *slog.Logger) { l.Info("m", "err", wrapped) },
				"joined":     func(l *slog.Logger) { l.Info("m", "err", joined) },
				"joined msg": func(l *slog.Logger) { l.Info(joined.Error()) },
				"group":      func(l *slog.Logger) { l.Info("m", slog.Group("g", slog.Group("h", "err", f.err))) },
				"with":       func(l *slog.Logger) { l.With("err", f.err).WithGroup("g").With("e", wrapped).Info("m") },
				"valuer":     func(l *slog.Logger) { l.Info("m", "err", valuer{valuer{f.err}}) },
				"slice":      func(l *slog.Logger) { l.Info("m", "errs", []error{nil, f.err}) },
				"struct":     func(l *slog.Logger) { l.Info("m", "v", struct{ err error }{f.err}) },
				"map":        func(l *slog.Logger) { l.Info("m", "v", map[string]any{"k": &f.err}) },
				"key":        func(l *slog.Logger) { l.WithGroup(f.err.Error()).Info("m", f.err.Error(), 1) },
			}
			if f.name == "InvalidAddrError" || f.name == "unix socket file" {
				// As a string nothing tells the secret from other words.
				for _, name := range []string{"message", "sentence", "string", "opaque", "joined msg", "key"} {
					delete(forms, name)
				}
			}
			for name, do := range forms {
				log := logged(do)
				if refuse(t, log, f.secrets...); t.Failed() {
					t.Fatalf("as %s: %q", name, f.err)
				}
			}
		})
	}
}

func TestErrorStaysReadable(t *testing.T) {
	dns := &net.DNSError{Err: "no such host", Name: "a", Server: "192.0.2.1:53"}
	dial := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv6loopback, Port: 80}, Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "<nil>"},
		{io.EOF, "EOF"},
		{dns, "lookup [scrubbed]: no such host"},
		{fmt.Errorf("dial relay: %w", dial), "dial relay: dial tcp [scrubbed]: connection refused"},
		{&url.Error{Op: "Get", URL: "http://a/b", Err: dns}, `Get "[scrubbed]": lookup [scrubbed]: no such host`},
		{errors.Join(dns, dial), "lookup [scrubbed]: no such host\ndial tcp [scrubbed]: connection refused"},
		{(*net.DNSError)(nil), "[scrubbed]"},
	} {
		if got := Error(c.err); got != c.want {
			t.Errorf("%v:\ngot  %q\nwant %q", c.err, got, c.want)
		}
	}
}

// An error whose tree has no end is cut off, not followed.
func TestErrorWithoutEnd(t *testing.T) {
	e := &ring{}
	e.next = e
	if got := Error(e); got != mark {
		t.Errorf("got %q", got)
	}
}

type ring struct{ next error }

func (r *ring) Error() string { return "ring" }
func (r *ring) Unwrap() error { return r.next }

type id [16]byte

func (i id) String() string { return fmt.Sprintf("%x", i[:]) }

type bare struct{ a [4]byte }

type careless struct{}

func (careless) String() string { panic("192.0.2.1") }

func TestValues(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	u, err := url.Parse("https://user@hidden.invalid/path?q")
	if err != nil {
		t.Fatal(err)
	}
	tcp := net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 80))
	_, ipnet, err := net.ParseCIDR("192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	mapped := netip.AddrFrom16(ip.As16())
	for _, c := range []struct {
		v    any
		want string
	}{
		{ip, mark}, {&ip, mark}, {mapped, mark}, {netip.Addr{}, mark},
		{netip.AddrPortFrom(ip, 80), mark},
		{netip.PrefixFrom(ip, 24), mark},
		{net.IP{192, 0, 2, 1}, mark},
		{ipnet, mark}, {*ipnet, mark},
		{tcp, mark}, {*tcp, mark}, {net.Addr(tcp), mark}, {(*net.TCPAddr)(nil), mark},
		{&net.UnixAddr{Name: "/run/x", Net: "unix"}, mark},
		{net.HardwareAddr{1, 2, 3, 4, 5, 6}, mark},
		{u, mark}, {*u, mark},
		{[]netip.Addr{ip, mapped}, "[[scrubbed] [scrubbed]]"},
		{[]any{1, ip, "a 192.0.2.1", nil}, "[1 [scrubbed] a [scrubbed] <nil>]"},
		{[2]net.Addr{tcp, nil}, "[[scrubbed] <nil>]"},
		{map[netip.Addr]int{ip: 1}, mark},
		{map[string]int{"192.0.2.1:80": 1}, "map[[scrubbed]:1]"},
		{struct{ a, b any }{1, &tcp}, mark},
		{struct{ raw []byte }{[]byte{192, 0, 2, 1}}, mark},
		{bare{[4]byte{192, 0, 2, 1}}, mark},
		{&syscall.SockaddrInet4{Port: 80, Addr: [4]byte{192, 0, 2, 1}}, mark},
		{struct{ cause error }{&net.DNSError{Name: "hidden"}}, mark},
		{struct{ to struct{ url url.URL } }{}, mark},
		{id{1: 0xff}, "00ff0000000000000000000000000000"},
		{struct{ ID id }{id{1: 0xff}}, "{ID:00ff0000000000000000000000000000}"},
		{struct {
			N int
			S string
		}{3, "from 192.0.2.1"}, "{N:3 S:from [scrubbed]}"},
		{[]byte("to 192.0.2.1!"), "to [scrubbed]!"},
		{[]byte(net.IP{192, 0, 2, 1}), "[4 bytes]"},
		{[]byte{10, 0, 0, 1}, "[4 bytes]"},
		{slog.LevelWarn, "WARN"},
		{time.Friday, "Friday"},
		{careless{}, "PANIC"},
	} {
		got := value(slog.AnyValue(c.v)).String()
		if c.want == "PANIC" {
			refuse(t, got, "192.0.2.1")
			continue
		}
		if got != c.want {
			t.Errorf("%T:\ngot  %q\nwant %q", c.v, got, c.want)
		}
	}
}

func TestOtherKindsPass(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	log := logged(func(l *slog.Logger) {
		l.Debug("state", "n", 3, "f", 1.5, "ok", true, "after", 90*time.Second, "at", at, "nothing", nil)
	})
	for _, want := range []string{`n=3 f=1.5 ok=true after=1m30s at=2026-01-02T03:04:05.000Z nothing=<nil>`, `"n":3`, `"ok":true`, "scrub_test.go:"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in\n%s", want, log)
		}
	}
	h := NewHandler(slog.NewTextHandler(io.Discard, nil))
	if h.Enabled(context.Background(), slog.LevelDebug) || !h.Enabled(context.Background(), slog.LevelInfo) {
		t.Error("the level of the next handler is not kept")
	}
}

// The lines of http.Server's own log come as plain strings.
func TestHTTPServerErrorLog(t *testing.T) {
	var b bytes.Buffer
	panicked := make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		defer close(panicked)
		panicWith(netip.MustParseAddrPort(r.RemoteAddr))
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(NewHandler(slog.NewTextHandler(&b, nil)), slog.LevelError)
	srv.StartTLS()
	addr := srv.Listener.Addr().String()
	if resp, err := srv.Client().Get(srv.URL); err == nil {
		resp.Body.Close()
		t.Error("the handler did not panic")
	}
	<-panicked
	plain, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	local := plain.LocalAddr().String()
	io.WriteString(plain, "GET / HTTP/1.0\r\n\r\n")
	io.Copy(io.Discard, plain)
	plain.Close()
	srv.Close() // waits for the connections, and so for their log lines
	log := b.String()
	refuse(t, log, addr, local, "127.0.0.1", "0x7f000001", "ffff7f000001")
	for _, want := range []string{"http: panic serving [scrubbed]: nobody at [scrubbed]", "http: TLS handshake error from [scrubbed]: ",
		"goroutine ", "scrub.panicWith(...)", "scrub_test.go:"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in\n%s", want, log)
		}
	}
}

//go:noinline
func panicWith(a netip.AddrPort) { panic(fmt.Sprintf("nobody at %v", a)) }
