package registration

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestParseRelays(t *testing.T) {
	in := `# relays of the project
websocket         192.0.2.1:9902

	obfs4|websocket	192.0.2.1:9903   
   # more
tcp               192.0.2.1
websocket         [2001:db8::1]
websocket         [2001:db8::1]:443 	weight=1000
wss               Relay.Example:443 weight=1
wss relay.example.org weight=020`
	v4 := RelayAddr{IP: ap("192.0.2.1:1").Addr()}
	v6 := RelayAddr{IP: ap("[2001:db8::1]:1").Addr()}
	at := func(a RelayAddr, port uint16) RelayAddr { a.Port = port; return a }
	want := []Relay{
		{Transport{"", "websocket"}, at(v4, 9902), 1, 2},
		{Transport{"obfs4", "websocket"}, at(v4, 9903), 1, 4},
		{Transport{"", "tcp"}, at(v4, 9902), 1, 6},
		{Transport{"", "websocket"}, at(v6, 9902), 1, 7},
		{Transport{"", "websocket"}, at(v6, 443), 1000, 8},
		{Transport{"", "wss"}, RelayAddr{Name: "relay.example", Port: 443}, 1, 9},
		{Transport{"", "wss"}, RelayAddr{Name: "relay.example.org", Port: 9902}, 20, 10},
	}
	for _, text := range []string{in, strings.ReplaceAll(in, "\n", "\r\n") + "\r\n"} {
		got, err := ParseRelays(strings.NewReader(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseRelays: %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestParseRelaysRefuses(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "no relay"},
		{"# nothing\n\n", "no relay"},
		{"websocket", "line 1: want TRANSPORT ADDRESS"},
		{"websocket 192.0.2.1:9902 5 6", "line 1: want TRANSPORT ADDRESS, and then weight=N or nothing"},
		{"\nwebsocket 192.0.2.1:9902 weight", "line 2: want TRANSPORT ADDRESS, and then weight=N or nothing"},
		{"websocket 192.0.2.1:9902 Weight=5", "line 1: want"},
		{"websocket 192.0.2.1:9902 weight=5 weight=5", "line 1: want"},
		{"websocket 192.0.2.1:9902 weight=5 # fast", "line 1: want"},
		{"websocket weight=5 192.0.2.1:9902", "line 1: neither"},
		{"websocket 192.0.2.1:9902 weight=", "line 1: the weight is not a whole number from 1 to 1000"},
		{"websocket 192.0.2.1:9902 weight=0", "line 1: the weight is 0"},
		{"websocket 192.0.2.1:9902 weight=1001", "line 1: the weight is not"},
		{"websocket 192.0.2.1:9902 weight=65537", "line 1: the weight is not"},
		{"websocket 192.0.2.1:9902 weight=-1", "line 1: the weight is not"},
		{"websocket 192.0.2.1:9902 weight=+1", "line 1: the weight is not"},
		{"websocket 192.0.2.1:9902 weight=1.5", "line 1: the weight is not"},
		{"websocket 192.0.2.1:9902 weight=0x10", "line 1: the weight is not"},
		{"websocket 192.0.2.1:9902 weight= 5", "line 1: want"},
		{"websocket 192.0.2.1:9902 weight=2\nwebsocket 192.0.2.1 weight=3", "line 2: the same relay as in line 1"},
		{"\n192.0.2.1:9902 websocket", "line 2: "},
		{"websocket 192.0.2.1:9902\nwebsocket 192.0.2.1", "line 2: the same relay as in line 1"},
		{"websocket relay.example", "line 1: a relay by websocket needs a numeric address"},
		{"websocket 2001:db8::1", "line 1: an IPv6 address needs brackets"},
		{"websocket [fe80::1%eth0]:1", "line 1: an address with a zone"},
		{"wss 127.1:443", "line 1: neither"},
		{"wss a..b:443", "line 1: neither"},
		{"wss -a.b:443", "line 1: neither"},
		{"wss a b", "line 1: want"},
		{"wss " + strings.Repeat("a.", 130) + "b", "line 1: neither"},
		{"obfs4| 192.0.2.1", "line 1: the outer transport is empty"},
		{"a|b| 192.0.2.1", "line 1: the outer transport is empty"},
		{"obfs4 |websocket 192.0.2.1", "line 1: neither"},
		{"obfs4\x00|websocket 192.0.2.1", "line 1: the inner transport's name"},
		{"websocket\x00 192.0.2.1", "line 1: the outer transport's name"},
		{strings.Repeat("a", 300) + " 192.0.2.1", "line 1: the outer transport's name is too long"},
		{strings.Repeat("a", 300) + "|tcp 192.0.2.1", "line 1: the inner transport's name is too long"},
		{"websocket 192.0.2.1\n|websocket 192.0.2.1", "line 2: the same relay as in line 1"},
		{"websocket 192.0.2.1:0", "line 1: the port"},
		{"websocket 192.0.2.1:9902\n" + strings.Repeat("x", 70_000), "line 2: "},
		{strings.Repeat("# a comment\n", 100_000), "is it a relay file?"},
	} {
		_, err := ParseRelays(strings.NewReader(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseRelays(%.40q): %v; want %q", tt.in, err, tt.want)
		}
	}
	if _, err := ParseRelays(errReader{}); !errors.Is(err, errTest) {
		t.Errorf("an unreadable file: %v", err)
	}
}

var errTest = errors.New("test")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errTest }

func FuzzParseRelays(f *testing.F) {
	f.Add("websocket 192.0.2.1:9902\n# x\nwss relay.example\n")
	f.Add("obfs4|tcp [2001:db8::1]")
	f.Add("\nwebsocket 192.0.2.1:9902 weight=7\nwss relay.example weight=1000")
	f.Fuzz(func(t *testing.T, s string) {
		relays, err := ParseRelays(strings.NewReader(s))
		if err != nil {
			return
		}
		var b strings.Builder
		line := 1
		for _, r := range relays {
			if r.Weight < 1 || r.Weight > maxWeight || r.Line < line {
				t.Fatalf("ParseRelays(%q) = %+v", s, relays)
			}
			fmt.Fprintf(&b, "%s%s %s weight=%d\n", strings.Repeat("\n", r.Line-line), r.Transport, r.Addr, r.Weight)
			line = r.Line + 1
		}
		again, err := ParseRelays(strings.NewReader(b.String()))
		if err != nil || !reflect.DeepEqual(again, relays) {
			t.Fatalf("round trip of %q: %v, then %v, %v", s, relays, again, err)
		}
	})
}
