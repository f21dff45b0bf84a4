package registration

import (
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

func TestAnswer(t *testing.T) {
	m := &Match{ap("1.2.3.4:2000"), "websocket", RelayAddr{IP: ap("5.6.7.8:1").Addr(), Port: 9902}, "websocket"}
	for in, want := range map[string]Answer{
		"client=":                  {CheckBackIn: -1},
		"client=&check-back-in=60": {CheckBackIn: time.Minute},
		"client=1.2.3.4:2000&client-transport=websocket&relay=5.6.7.8:9902&relay-transport=websocket": {Match: m, CheckBackIn: -1},
		"client=1.2.3.4%3A2000&relay=5.6.7.8%3A9902&check-back-in=0&x=y":                              {Match: m},
		"client=%5B2001%3Adb8%3A%3A1%5D%3A1&client-transport=webrtc&relay=relay.example:443&relay-transport=wss": {
			Match: &Match{ap("[2001:db8::1]:1"), "webrtc", RelayAddr{Name: "relay.example", Port: 443}, "wss"}, CheckBackIn: -1},
	} {
		got, err := ParseAnswer([]byte(in))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseAnswer(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "<html>", "client=1.2.3.4:1", "client=1.2.3.4:1&relay=", "client=x:1&relay=5.6.7.8:1", "client=&client=", "client=&check-back-in=", "client=&check-back-in=x",
		"client=&check-back-in=1&check-back-in=2", "client=1.2.3.4:1&relay=5.6.7.8:1&client-transport=", "client=1.2.3.4:1&relay=5.6.7.8:1&relay-transport=a%7Cb",
		"client=1.2.3.4:1&relay=5.6.7.8:1&relay-transport=%7Ctcp", "client=1.2.3.4:1&relay=5.6.7.8:1&client-transport=t%00cp", "client=1.2.3.4:1&relay=5.6.7.8:1&client-transport=t+cp",
		"client=1.2.3.4:1&relay=5.6.7.8:1&client-transport=" + strings.Repeat("x", 300),
		"client=1.2.3.4:1&relay=127.1:1", "client=1.2.3.4:1&relay=0x7f.1:1", "client=1.2.3.4:1&relay=a_b:1", "client=&check-back-in=-1", "client=&check-back-in=99999999999",
		"client=%zz", "client=" + string(make([]byte, MaxAnswer)),
	} {
		if got, err := ParseAnswer([]byte(in)); err == nil {
			t.Errorf("ParseAnswer(%.60q) = %+v, want an error", in, got)
		}
	}
}

// The order of the fields is that of the design's example.
func TestAnswerEncode(t *testing.T) {
	a := Answer{&Match{ap("[2001:db8::1]:2000"), "websocket", RelayAddr{Name: "relay.example", Port: 443}, "wss"}, 10 * time.Second}
	want := "client=%5B2001%3Adb8%3A%3A1%5D%3A2000&client-transport=websocket&relay=relay.example%3A443&relay-transport=wss&check-back-in=10"
	if got := string(a.Encode()); got != want {
		t.Errorf("Encode: %s", got)
	}
	if got := string(Answer{CheckBackIn: 1500 * time.Millisecond}.Encode()); got != "client=&check-back-in=2" {
		t.Errorf("Encode of nobody: %s", got)
	}
}

func TestAnswerRoundTrip(t *testing.T) {
	f := func(c, r [16]byte, c4, r4 bool, cp, rp uint16, back uint16, name, none bool) bool {
		a := Answer{CheckBackIn: time.Duration(back) * time.Second}
		if !none {
			client, relay := endpointFrom(c, c4, cp, 0, 1), endpointFrom(r, r4, rp, 0, 2)
			a.Match = &Match{client.Addr, client.Transport.Outer, RelayAddr{IP: relay.Addr.Addr(), Port: relay.Addr.Port()}, relay.Transport.Outer}
			if name {
				a.Match.Relay = RelayAddr{Name: "relay.example", Port: max(rp, 1)}
			}
		}
		got, err := ParseAnswer(a.Encode())
		return err == nil && reflect.DeepEqual(got, a)
	}
	if err := quick.Check(f, nil); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{"client=", "client=&check-back-in=60", "client=1.2.3.4:2000&client-transport=websocket&relay=relay.example:9902&relay-transport=wss&check-back-in=3"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAnswer(b)
		if err != nil {
			return
		}
		if m := a.Match; m != nil && (m.Client.Port() == 0 || m.Relay.Port == 0 || m.Relay.IP.IsValid() == (m.Relay.Name != "") || m.ClientOuter == "" || m.RelayOuter == "") {
			t.Fatalf("ParseAnswer(%q) = %+v", b, m)
		}
		if again, err := ParseAnswer(a.Encode()); err != nil || !reflect.DeepEqual(again, a) {
			t.Fatalf("round trip of %q: %+v, then %+v, %v", b, a, again, err)
		}
	})
}
