package facilitator

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestSourceOf(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	const proxy = "10.0.0.1:55555"
	for _, tt := range []struct {
		name, peer string
		xff, fwd   []string // header lines
		want       string   // "" for unknown
	}{
		{"direct", "8.8.8.8:1", nil, nil, "8.8.8.8"},
		{"direct, mapped", "[::ffff:8.8.8.8]:1", nil, nil, "8.8.8.8"},
		{"direct, zone", "[fe80::1%eth0]:1", nil, nil, "fe80::1"},
		{"direct, headers are lies", "8.8.8.8:1", []string{"9.9.9.9"}, []string{"for=9.9.9.9"}, "8.8.8.8"},
		{"Unix socket", "@", []string{"9.9.9.9"}, nil, ""},
		{"mute proxy", proxy, nil, nil, ""},
		{"blank", proxy, []string{" , "}, []string{""}, ""},

		{"xff", proxy, []string{"8.8.8.8"}, nil, "8.8.8.8"},
		{"xff, mapped proxy", "[::ffff:10.0.0.1]:1", []string{"8.8.8.8"}, nil, "8.8.8.8"},
		{"xff, last hop", proxy, []string{"9.9.9.9, 8.8.8.8"}, nil, "8.8.8.8"},
		{"xff, last untrusted hop", proxy, []string{"9.9.9.9, 8.8.8.8, 10.0.0.2,fd00::1"}, nil, "8.8.8.8"},
		{"xff, all trusted", proxy, []string{"10.0.0.3, 10.0.0.2"}, nil, "10.0.0.3"},
		{"xff, lines", proxy, []string{"9.9.9.9", "8.8.8.8", "10.0.0.2"}, nil, "8.8.8.8"},
		{"xff, port", proxy, []string{"8.8.8.8:1234"}, nil, "8.8.8.8"},
		{"xff, IPv6", proxy, []string{"2620:fe::fe"}, nil, "2620:fe::fe"},
		{"xff, IPv6 and port", proxy, []string{"[2620:fe::fe]:1234"}, nil, "2620:fe::fe"},
		{"xff, IPv6 mapped", proxy, []string{"::ffff:8.8.8.8"}, nil, "8.8.8.8"},
		{"xff, rubbish last", proxy, []string{"8.8.8.8, unknown"}, nil, ""},
		{"xff, rubbish before", proxy, []string{"<script>, 8.8.8.8"}, nil, "8.8.8.8"},
		{"xff, zone", proxy, []string{"fe80::1%1"}, nil, ""},
		{"xff, octal", proxy, []string{"010.8.8.8"}, nil, ""},

		{"fwd", proxy, nil, []string{"for=8.8.8.8"}, "8.8.8.8"},
		{"fwd, all of it", proxy, nil, []string{`By=10.0.0.1;FOR="8.8.8.8:47011" ; proto=http;host="a;b,c\"d"`}, "8.8.8.8"},
		{"fwd, IPv6", proxy, nil, []string{`for="[2620:fe::fe]:4711"`}, "2620:fe::fe"},
		{"fwd, IPv6, hidden port", proxy, nil, []string{`for="[2620:fe::fe]:_x"`}, "2620:fe::fe"},
		{"fwd, IPv6 without all", proxy, nil, []string{`for=2620:fe::fe`}, "2620:fe::fe"},
		{"fwd, hops", proxy, nil, []string{`for=9.9.9.9, for=8.8.8.8;proto=https`, `for="[fd00::1]"`}, "8.8.8.8"},
		{"fwd, hidden", proxy, nil, []string{"for=_secret"}, ""},
		{"fwd, unknown", proxy, nil, []string{"for=9.9.9.9, for=unknown"}, ""},
		{"fwd, no for", proxy, nil, []string{"for=9.9.9.9, proto=https"}, ""},
		{"fwd, for twice", proxy, nil, []string{"for=9.9.9.9;for=8.8.8.8"}, ""},
		{"fwd, empty elements", proxy, nil, []string{",,for=8.8.8.8,,"}, "8.8.8.8"},
		{"fwd, trailing semicolon", proxy, nil, []string{"for=8.8.8.8;"}, "8.8.8.8"},
		{"fwd, blanks", proxy, nil, []string{"for = 8.8.8.8"}, ""},
		{"fwd, bare word", proxy, nil, []string{"8.8.8.8"}, ""},
		{"fwd, IPv4 in brackets", proxy, nil, []string{`for="[8.8.8.8]"`}, ""},
		{"fwd, after the brackets", proxy, nil, []string{`for="[2620:fe::fe]x"`}, ""},
		// What a stranger wrote must not swallow what the proxy appended.
		{"fwd, open quote", proxy, nil, []string{`for=9.9.9.9;x="`, `for=8.8.8.8`}, ""},
		{"fwd, open quote, quoted hop", proxy, nil, []string{`for=9.9.9.9;x="`, `for="[2620:fe::fe]"`}, ""},
		{"fwd, open escape", proxy, nil, []string{`for=9.9.9.9;x="\`, `for="[2620:fe::fe]"`}, ""},
		{"fwd, quoted comma", proxy, nil, []string{`x="for=9.9.9.9, for=7.7.7.7", for=8.8.8.8`}, "8.8.8.8"},

		{"both agree", proxy, []string{"8.8.8.8"}, []string{"for=8.8.8.8"}, "8.8.8.8"},
		{"both agree in the end", proxy, []string{"1.1.1.1, 8.8.8.8"}, []string{"for=8.8.8.8, for=10.1.1.1"}, "8.8.8.8"},
		{"both differ", proxy, []string{"8.8.8.8"}, []string{"for=9.9.9.9"}, ""},
		{"one hides", proxy, []string{"8.8.8.8"}, []string{"for=_x"}, ""},
		{"one is malformed", proxy, []string{"8.8.8.8"}, []string{`for="`}, ""},
		{"one is blank", proxy, []string{"8.8.8.8"}, []string{","}, "8.8.8.8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{}}
			if tt.xff != nil {
				r.Header["X-Forwarded-For"] = tt.xff
			}
			if tt.fwd != nil {
				r.Header["Forwarded"] = tt.fwd
			}
			got := ""
			if a := sourceOf(r, trusted); a.IsValid() {
				got = a.String()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// formatForwarded is the inverse of parseForwarded, as RFC 7239 has it.
func formatForwarded(hops []netip.Addr) string {
	parts := make([]string, len(hops))
	for i, h := range hops {
		switch {
		case !h.IsValid():
			parts[i] = "for=_hidden"
		case h.Is4():
			parts[i] = "for=" + h.String()
		default:
			parts[i] = fmt.Sprintf("for=\"[%s]\"", h)
		}
	}
	return strings.Join(parts, ", ")
}

func FuzzForwarded(f *testing.F) {
	for _, s := range []string{
		"for=192.0.2.60;proto=http;by=203.0.113.43", `For="[2001:db8:cafe::17]:4711"`, "for=192.0.2.43, for=198.51.100.17",
		`for=_hidden, for="_SEVKISEK"`, `for="\"`, `for="\1.2.3.4"`, ";;;", "for=,", `x="a,b;c=d"; for=unknown`, "1.2.3.4, [::1]:80",
	} {
		f.Add(s)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, s string) {
		hops := parseForwarded(s)
		again := parseForwarded(formatForwarded(hops))
		if fmt.Sprint(hops) != fmt.Sprint(again) {
			t.Errorf("%q: %v, and again %v", s, hops, again)
		}
		for _, h := range slices.AppendSeq(hops, parseXForwardedFor(s)) {
			if h.Zone() != "" || h.Is4In6() {
				t.Errorf("%q: hop %v", s, h)
			}
		}
		// Whatever a stranger sent before, the hop that a trusted proxy appends is the
		// source, or nobody is.
		for _, seen := range []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("2620:fe::fe")} {
			for _, glue := range []string{", ", ","} {
				r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{
					"Forwarded": {s + glue + formatForwarded([]netip.Addr{seen})},
				}}
				if a := sourceOf(r, trusted); a.IsValid() && a != seen {
					t.Errorf("%q made %v of %v", s, a, seen)
				}
				r.Header = http.Header{"X-Forwarded-For": {s + glue + seen.String()}}
				if a := sourceOf(r, trusted); a != seen {
					t.Errorf("%q made %v of %v", s, a, seen)
				}
			}
		}
	})
}
