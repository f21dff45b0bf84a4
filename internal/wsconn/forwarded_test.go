package wsconn

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestForwardedFor(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, tt := range []struct {
		peer   string
		header []string
		want   string // "" is the peer's own
	}{
		{"192.0.2.1:5", []string{"198.51.100.1"}, ""},
		{"[2001:db9::1]:5", nil, ""},
		{"@", []string{"198.51.100.1"}, ""}, // a Unix socket
		{"127.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1:1"},
		{"[::ffff:127.0.0.1]:5", []string{"198.51.100.1"}, "198.51.100.1:1"},
		{"[2001:db8::1]:5", []string{"2001:db9::7"}, "[2001:db9::7]:1"},
		{"127.0.0.1:5", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1:1"},
		{"127.0.0.1:5", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1:1"},
		{"127.0.0.1:5", []string{"203.0.113.9,198.51.100.1 , 10.1.2.3,127.0.0.1"}, "198.51.100.1:1"},
		{"127.0.0.1:5", []string{"::ffff:198.51.100.1"}, "198.51.100.1:1"},
		// Nobody knows.
		{"127.0.0.1:5", nil, ":0"},
		{"127.0.0.1:5", []string{""}, ":0"},
		{"127.0.0.1:5", []string{"unknown"}, ":0"},
		{"127.0.0.1:5", []string{"198.51.100.1, unknown"}, ":0"},
		{"127.0.0.1:5", []string{"198.51.100.1,"}, ":0"},
		{"127.0.0.1:5", []string{"10.1.2.3"}, ":0"},
		{"127.0.0.1:5", []string{"198.51.100.1:80"}, ":0"},
		{"127.0.0.1:5", []string{strings.Repeat(",", 4000)}, ":0"},
	} {
		got, ok := forwardedFor(&http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.header}}, trusted)
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("%s, %.60q: %v, %v; want %q", tt.peer, tt.header, got, ok, tt.want)
		}
	}
}

// A proxy in front names whom it passes on, and is not bounded as one of them.
func TestTrustedProxies(t *testing.T) {
	noLeaks(t)
	n := loopback(t)
	l := listen(t, n, ListenOptions{MaxPendingPerAddr: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for range 5 {
		idle, err := n.dial(context.Background())
		must(t, err)
		defer idle.Close()
	}
	peer := rawClient(t, n, request("X-Forwarded-For: 203.0.113.9, 198.51.100.1"))
	c, err := l.Accept()
	must(t, err)
	defer c.Close()
	if got := c.RemoteAddr().String(); got != "198.51.100.1:1" {
		t.Errorf("the peer is %s", got)
	}
	write(t, peer, binFrame([]byte("hello")))
	readString(t, c, "hello")
	peer.Close()
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("203.0.113.9, 198.51.100.1,10.1.2.3")
	f.Add("unknown,[2001:db8::1]:80,,")
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{RemoteAddr: "127.0.0.1:5", Header: http.Header{"X-Forwarded-For": {header}}}
		got, ok := forwardedFor(r, trusted)
		if !ok {
			t.Fatal("a trusted proxy was not asked")
		}
		if got.String() == ":0" {
			return
		}
		addr := netip.MustParseAddrPort(got.String()).Addr()
		if contains(trusted, addr) {
			t.Errorf("the peer is %v, one of ours", got)
		}
		// What is said further to the left changes nothing.
		r.Header.Set("X-Forwarded-For", "192.0.2.99,"+header)
		if again, _ := forwardedFor(r, trusted); again.String() != got.String() {
			t.Errorf("a stranger's word changes %v to %v", got, again)
		}
	})
}
