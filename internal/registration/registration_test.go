package registration

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestParse(t *testing.T) {
	host := netip.MustParseAddr("7.7.7.7")
	ws, obfs := Transport{"", "websocket"}, Transport{"obfs3", "websocket"}
	one := []Endpoint{{ap("1.2.3.4:9000"), ws}}
	for _, tt := range []struct {
		name, in string
		want     []Endpoint
	}{
		{"plain", "client=1.2.3.4:9000", one},
		{"line end", "client=1.2.3.4:9000\n", one},
		{"CRLF", "client=1.2.3.4:9000\r\n", one},
		{"escaped", "client=1.2.3.4%3A9000&client-transport=websocket", one},
		{"unknown keys", "x=y&client=1.2.3.4:9000&offer=abc&Client=9&", one},
		{"IPv6", "client=[2001:db8::1]:1", []Endpoint{{ap("[2001:db8::1]:1"), ws}}},
		{"v4-mapped", "client=[::ffff:1.2.3.4]:9000", one},
		{"no host", "client=:9000", []Endpoint{{ap("7.7.7.7:9000"), ws}}},
		{"two", "client=1.2.3.4:9000\r\nclient=1.2.3.4:10000&client-transport=obfs3|websocket\n",
			[]Endpoint{{ap("1.2.3.4:9000"), ws}, {ap("1.2.3.4:10000"), obfs}}},
		{"escaped transport", "client-transport=obfs3%7Cwebsocket&client=%5B2001:db8::1%5D%3A2",
			[]Endpoint{{ap("[2001:db8::1]:2"), obfs}}},
	} {
		got, err := Parse([]byte(tt.in), host)
		if err != nil || !reflect.DeepEqual(got.Endpoints, tt.want) {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"nothing", "", "no line"},
		{"a line end", "\n", "no line"},
		{"a CRLF", "\r\n", "no line"},
		{"no client", "x=y", "line 1: no client"},
		{"client twice", "client=1.2.3.4:1&client=1.2.3.4:2", "line 1: client is given 2 times"},
		{"transport twice", "client=1.2.3.4:1&client-transport=a&client-transport=a", "line 1: client-transport is given 2 times"},
		{"second line", "client=1.2.3.4:1\nclient=1.2.3.4", "line 2: client: no port"},
		{"blank line within", "client=1.2.3.4:1\n\nclient=1.2.3.4:2", "line 2: no client"},
		{"host name", "client=example.com:1", "line 1: client: not a numeric IP address"},
		{"no host known", "client=:1", "line 1: client: no address before the port"},
		{"port", "client=1.2.3.4:0", "line 1: client: the port"},
		{"plus", "client=1.2.3.4:%2B80", "line 1: client: the port"},
		{"transport", "client=1.2.3.4:1&client-transport=x|", "line 1: client-transport: the outer transport is empty"},
		{"no transport", "client=1.2.3.4:1&client-transport=", "line 1: client-transport: the outer transport is empty"},
		{"bad escape", "client=%zz", "line 1: not a form"},
		{"semicolon", "client=1.2.3.4:1;x=y", "line 1: not a form"},
		{"case", "CLIENT=1.2.3.4:1", "line 1: no client"},
		{"fields", strings.Repeat("&", 600) + "client=1.2.3.4:1", "line 1: too many fields"},
		{"endpoints", strings.Repeat("client=1.2.3.4:1\n", 17), "line 17: more than 16 endpoints"},
		{"size", "client=1.2.3.4:1&x=" + strings.Repeat("y", MaxBody), "longer than"},
	} {
		_, err := Parse([]byte(tt.in), netip.Addr{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		} else if strings.Contains(err.Error(), "1.2.3.4") {
			t.Errorf("%s: the error holds the address: %v", tt.name, err)
		}
	}
	if _, err := Parse(nil, netip.Addr{}); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty message: %v", err)
	}
	var le *LineError
	if _, err := Parse([]byte("client=1.2.3.4:1\nx"), netip.Addr{}); !errors.As(err, &le) || le.Line != 2 {
		t.Errorf("bad second line: %v", err)
	}
}

// Encode of "the address that you see me come from" is what a facilitator fills.
func TestEncodeWithoutHost(t *testing.T) {
	reg := Registration{[]Endpoint{{netip.AddrPortFrom(netip.Addr{}, 9000), Transport{"", "websocket"}}}}
	if got := string(reg.Encode()); got != "client=%3A9000&client-transport=websocket\n" {
		t.Fatalf("Encode: %q", got)
	}
	got, err := Parse(reg.Encode(), netip.MustParseAddr("::ffff:1.2.3.4"))
	if err != nil || got.Endpoints[0].Addr != ap("1.2.3.4:9000") {
		t.Fatalf("Parse: %v, %v", got, err)
	}
}

// endpointFrom makes a valid endpoint of arbitrary bytes.
func endpointFrom(addr [16]byte, v4 bool, port uint16, inner, outer uint8) Endpoint {
	a := netip.AddrFrom16(addr).Unmap()
	if v4 {
		a = netip.AddrFrom4([4]byte(addr[:4]))
	}
	inners := []string{"", "obfs4", "a|b", "x&y=z", "%41+~"}
	outers := []string{"websocket", "tcp", "wss", "a.b-c_d"}
	return Endpoint{netip.AddrPortFrom(a, max(port, 1)), Transport{inners[int(inner)%len(inners)], outers[int(outer)%len(outers)]}}
}

func TestRegistrationRoundTrip(t *testing.T) {
	f := func(addr [3][16]byte, v4 [3]bool, port [3]uint16, inner, outer [3]uint8, n uint8) bool {
		var reg Registration
		for i := range int(n)%3 + 1 {
			reg.Endpoints = append(reg.Endpoints, endpointFrom(addr[i], v4[i], port[i], inner[i], outer[i]))
		}
		got, err := Parse(reg.Encode(), netip.Addr{})
		return err == nil && reflect.DeepEqual(got, reg)
	}
	if err := quick.Check(f, nil); err != nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"client=1.2.3.4:9000", "client=:9000\r\n", "client=[2001:db8::1]:1&client-transport=obfs4|websocket\nclient=1.2.3.4:1", "%", "a;b", "client=%00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		reg, err := Parse(body, netip.MustParseAddr("7.7.7.7"))
		if err != nil {
			return
		}
		if len(reg.Endpoints) == 0 || len(reg.Endpoints) > MaxEndpoints {
			t.Fatalf("%d endpoints", len(reg.Endpoints))
		}
		again, err := Parse(reg.Encode(), netip.Addr{})
		if err != nil || !reflect.DeepEqual(again, reg) {
			t.Fatalf("round trip of %q: %v, then %v, %v", body, reg, again, err)
		}
		if !bytes.Equal(again.Encode(), reg.Encode()) {
			t.Fatalf("encoding of %q is not stable", body)
		}
	})
}
