package registration

import (
	"strings"
	"testing"
)

func TestParseTransport(t *testing.T) {
	for in, want := range map[string]Transport{
		"websocket":             {"", "websocket"},
		"obfs4|websocket":       {"obfs4", "websocket"},
		"a|b|tcp":               {"a|b", "tcp"},
		"a|b|c":                 {"a|b", "c"},
		"||tcp":                 {"|", "tcp"},
		"|websocket":            {"", "websocket"},
		"x_Y-1.2|ws":            {"x_Y-1.2", "ws"},
		"!~|websocket":          {"!~", "websocket"},
		"obfs4;iat=1|websocket": {"obfs4;iat=1", "websocket"},
	} {
		got, err := ParseTransport(in)
		if err != nil || got != want {
			t.Errorf("ParseTransport(%q) = %+v, %v; want %+v", in, got, err, want)
		}
		if again, err := ParseTransport(got.String()); err != nil || again != got {
			t.Errorf("round trip of %q: %+v, %v", in, again, err)
		}
	}
	for _, in := range []string{
		"", "|", "obfs4|", "web socket", "websocket ", "obfs 4|websocket", "ob\nfs|websocket", "é|websocket", "wébsocket",
		"a&b", "a=b", "a%", strings.Repeat("a", 33), strings.Repeat("a", 65) + "|websocket",
		"a|b|", "||", " websocket", "a| websocket", "a |websocket", "a|web socket", "a\t|websocket", "\x00", "a\x00|websocket", "a|websocket\x00", "a\x7f|websocket",
		strings.Repeat("a", 300), strings.Repeat("a", 300) + "|websocket", "a|" + strings.Repeat("b", 300), strings.Repeat("a|", 150) + "websocket",
	} {
		if got, err := ParseTransport(in); err == nil {
			t.Errorf("ParseTransport(%q) = %+v, want an error", in, got)
		}
	}
}

func TestTransportText(t *testing.T) {
	var got Transport
	if err := got.UnmarshalText([]byte("obfs4|wss")); err != nil || got != (Transport{"obfs4", "wss"}) {
		t.Fatalf("UnmarshalText: %+v, %v", got, err)
	}
	if b, err := got.MarshalText(); err != nil || string(b) != "obfs4|wss" {
		t.Fatalf("MarshalText: %q, %v", b, err)
	}
	if err := got.UnmarshalText([]byte("x|")); err == nil {
		t.Fatal("UnmarshalText of an empty outer: no error")
	}
}

func FuzzParseTransport(f *testing.F) {
	for _, s := range []string{"websocket", "obfs4|websocket", "a|b|c", "|websocket", "a |b", "a\x00|b", "|", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTransport(s)
		if err != nil {
			return
		}
		if got.Outer == "" || strings.ContainsAny(got.String(), " \t\r\n") {
			t.Fatalf("%q gave %+v", s, got)
		}
		if again, err := ParseTransport(got.String()); err != nil || again != got {
			t.Fatalf("round trip of %q: %+v, then %+v, %v", s, got, again, err)
		}
	})
}
