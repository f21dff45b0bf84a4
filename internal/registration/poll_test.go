package registration

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

func TestParsePoll(t *testing.T) {
	ws := []string{"websocket"}
	for in, want := range map[string]Poll{
		"r=1":                          {Outers: ws},
		"r=1&transport=":               {Outers: ws},
		"r=1&transport=&transport=%20": {Outers: ws},
		"r=1&transport=tcp":            {Outers: []string{"tcp"}},
		"r=1&transport=tcp&transport=websocket&transport=tcp": {Outers: []string{"tcp", "websocket"}},
		"r=1&client=": {Outers: ws},
		"r=1&client=7.1.43.21:9999&client=7.1.43.21:9999&client=rubbish&client=1.2.3.4:0": {
			Outers: ws, Clients: []netip.AddrPort{ap("7.1.43.21:9999"), ap("7.1.43.21:9999")}},
		"r=1&client=2001:db8::1:9000&client=[2001:db8::2]:9000": {
			Outers: ws, Clients: []netip.AddrPort{ap("[2001:db8::1]:9000"), ap("[2001:db8::2]:9000")}},
		"r=1&wait=30":    {Outers: ws, Wait: 30 * time.Second},
		"r=1&wait=0&x=y": {Outers: ws},
		"r=1&unreachable=7.1.43.21:9902&unreachable=[2001:db8::1]:9902&unreachable=Relay.Example:443&unreachable=7.1.43.21:9902": {
			Outers: ws, Unreachable: []RelayAddr{
				{IP: ap("7.1.43.21:1").Addr(), Port: 9902}, {IP: ap("[2001:db8::1]:1").Addr(), Port: 9902}, {Name: "relay.example", Port: 443}}},
		"r=1&unreachable=&unreachable=7.1.43.21&unreachable=7.1.43.21:0&unreachable=2001:db8::1:9&unreachable=%00:1&unreachable=127.1:1": {Outers: ws},
	} {
		got, err := ParsePoll(in)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParsePoll(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "r=", "r=2", "r=1&r=1", "r=01", "R=1", "r=1&wait=x", "r=1&wait=-1", "r=1&wait=1.5", "r=1&wait=86401", "r=1&wait=1&wait=1",
		"r=1&transport=a%7Cb", "r=1&x=%zz", "r=1;x", "r=1" + strings.Repeat("&", 600),
	} {
		if got, err := ParsePoll(in); err == nil {
			t.Errorf("ParsePoll(%q) = %+v, want an error", in, got)
		}
	}
}

func TestParsePollIsBounded(t *testing.T) {
	p, err := ParsePoll("r=1" + strings.Repeat("&client=1.2.3.4:5", 400))
	if err != nil || len(p.Clients) != maxClients {
		t.Fatalf("%d clients, %v; want %d", len(p.Clients), err, maxClients)
	}
	var b strings.Builder
	for i := range 100 {
		b.WriteString("&transport=t" + strings.Repeat("x", i%30) + string(rune('a'+i%26)))
	}
	p, err = ParsePoll("r=1" + b.String())
	if err != nil || len(p.Outers) != maxOuters {
		t.Fatalf("%d transports, %v; want %d", len(p.Outers), err, maxOuters)
	}
	b.Reset()
	for i := range 100 {
		fmt.Fprintf(&b, "&unreachable=%s:%d", strings.Repeat("a", 60*(i%8)), 1+i/2)
	}
	p, err = ParsePoll("r=1" + b.String())
	if err != nil || len(p.Unreachable) != MaxUnreachable {
		t.Fatalf("%d relays, %v; want %d", len(p.Unreachable), err, MaxUnreachable)
	}
}

func TestPollRoundTrip(t *testing.T) {
	f := func(addr [16]byte, v4 bool, port uint16, wait uint16, n uint8) bool {
		p := Poll{Outers: []string{"websocket", "tcp"}[:1+n%2], Wait: time.Duration(wait) * time.Second}
		for range n % 4 {
			p.Clients = append(p.Clients, endpointFrom(addr, v4, port, 0, 0).Addr)
		}
		for i := range n % 3 {
			a := endpointFrom(addr, v4, port, 0, 0).Addr
			p.Unreachable = append(p.Unreachable, []RelayAddr{{IP: a.Addr(), Port: a.Port()}, {Name: "relay.example", Port: a.Port()}}[i])
		}
		got, err := ParsePoll(p.Encode())
		return err == nil && reflect.DeepEqual(got, p)
	}
	if err := quick.Check(f, nil); err != nil {
		t.Fatal(err)
	}
}

func FuzzParsePoll(f *testing.F) {
	for _, s := range []string{"r=1", "r=1&client=7.1.43.21:9999&transport=webrtc&wait=3", "r=1&client=2001:db8::1:9000", "r=1&client=::1", "r=1&client=[:1",
		"r=1&unreachable=1.2.3.4:5&unreachable=x:1&unreachable=%5B::1%5D:9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePoll(s)
		if err != nil {
			return
		}
		if len(p.Outers) == 0 || p.Wait < 0 || p.Wait > MaxSeconds*time.Second || len(p.Unreachable) > MaxUnreachable {
			t.Fatalf("ParsePoll(%q) = %+v", s, p)
		}
		if again, err := ParsePoll(p.Encode()); err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("round trip of %q: %+v, then %+v, %v", s, p, again, err)
		}
	})
}
