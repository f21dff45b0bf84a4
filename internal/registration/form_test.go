package registration

import (
	"net/netip"
	"net/url"
	"reflect"
	"testing"
)

// FuzzEachField: what is read is what net/url reads.
func FuzzEachField(f *testing.F) {
	for _, s := range []string{"", "a=b", "a=b&a=c", "&&a&=b&", "a=%3A+x", "a%20=b", "a=%zz", "a;b=c", "%zz=", "a=b=c", "é=\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := url.Values{}
		err := eachField(s, func(key, value string) error {
			got.Add(key, value)
			return nil
		})
		if err != nil && err != errForm {
			return // too long
		}
		want, wantErr := url.ParseQuery(s)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v; net/url says %v", s, err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
		if got := string(appendEscaped(nil, s)); got != url.QueryEscape(s) {
			t.Errorf("%q is escaped to %q", s, got)
		}
	})
}

// TestAllocs: each number is the copies that the result itself needs.
func TestAllocs(t *testing.T) {
	body := []byte("client=198.51.100.7:9000&client-transport=websocket\n")
	escaped := Registration{[]Endpoint{{ap("198.51.100.7:9000"), Transport{"obfs4", "websocket"}}}}.Encode()
	query := Poll{Outers: []string{"websocket"}, Wait: 50e9}.Encode()
	serving := Poll{Outers: []string{"websocket"}, Clients: []netip.AddrPort{ap("198.51.100.7:9000")}}.Encode()
	answer := Answer{
		Match: &Match{
			Client:      ap("[2001:db8::1]:9000"),
			ClientOuter: "websocket",
			Relay:       RelayAddr{IP: netip.MustParseAddr("2001:db8::2"), Port: 9902},
			RelayOuter:  "websocket",
		},
		CheckBackIn: 3e9,
	}
	for _, tt := range []struct {
		name string
		want float64
		do   func() error
	}{
		// The message as a string, and the endpoints.
		{"Parse", 2, func() error { _, err := Parse(body, netip.Addr{}); return err }},
		// And two values without their escapes.
		{"Parse, escaped", 4, func() error { _, err := Parse(escaped, netip.Addr{}); return err }},
		// The transports.
		{"ParsePoll", 1, func() error { _, err := ParsePoll(query); return err }},
		// And the clients, and one without its escapes.
		{"ParsePoll, serving", 3, func() error { _, err := ParsePoll(serving); return err }},
		// The body.
		{"Answer.Encode", 1, func() error { answer.Encode(); return nil }},
		{"Answer.Encode, empty", 1, func() error { Answer{CheckBackIn: 60e9}.Encode(); return nil }},
	} {
		if got := testing.AllocsPerRun(100, func() {
			if err := tt.do(); err != nil {
				t.Fatal(err)
			}
		}); got != tt.want {
			t.Errorf("%s allocates %v times, want %v", tt.name, got, tt.want)
		}
	}
}
