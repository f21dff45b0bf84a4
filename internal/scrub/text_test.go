package scrub

import (
	"net/netip"
	"strings"
	"testing"
)

func TestString(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"1.2.3.4", "[scrubbed]"},
		{"from 1.2.3.4:5: EOF", "from [scrubbed]: EOF"},
		{"from [::1]:5: EOF", "from [scrubbed]: EOF"},
		{"from ::1: EOF", "from [scrubbed]: EOF"},
		{"(1.2.3.4), <::1>, \"::1\".", "([scrubbed]), <[scrubbed]>, \"[scrubbed]\"."},
		{"It was 1.2.3.4.", "It was [scrubbed]."},
		{"It was fe80::.", "It was [scrubbed]."},
		{"It was fe80:::", "It was [scrubbed]:"},
		{"1.2.3.4:5->[2001:db8::1%eth0.7]:80: x", "[scrubbed]->[scrubbed]: x"},
		{"fe80::1%br-lan->fe80::2%2: x", "[scrubbed]->[scrubbed]: x"},
		{"::ffff:192.0.2.1 and [::ffff:192.0.2.1]:80", "[scrubbed] and [scrubbed]"},
		{"1:2:3:4:5:6:7:8:9000", "[scrubbed]"},
		{"1:2:3:4:5:6:192.0.2.1", "[scrubbed]"},
		{"192.0.2.1:80.1.2.3 [192.0.2.1]:80.1.2.3", "[scrubbed].1.2.3 [scrubbed].1.2.3"},
		{"peer192.0.2.1x", "peer[scrubbed]x"},
		{"face192.0.2.1cafe", "face[scrubbed]cafe"},
		{"v001.002.003.004", "v[scrubbed]"},
		{"10.0.0.0/8, 2001:db8::/32", "[scrubbed], [scrubbed]"},
		{"1.2.3.4%3A9000 [::1]%253a80", "[scrubbed] [scrubbed]"},
		{"%5B2001%3adb8%3A%3A1%5D%3A9000&x=1", "[scrubbed]&x=1"},
		{"1%2E2%2E3%2E4", "[scrubbed]"},
		{"fe80::1%25eth0", "[scrubbed]"},
		{"client=1.2.3.4%3A9000&relay=%5B::1%5D:80", "client=[scrubbed]&relay=[scrubbed]"},
		{"1.2.3.4,5.6.7.8;9.10.11.12", "[scrubbed],[scrubbed];[scrubbed]"},
		{"tor 0.4.9.11", "tor [scrubbed]"}, // a version may be an address

		{"https://u:p@hidden.invalid/x?y#z, then", "[scrubbed], then"},
		{`Get "https://hidden.invalid/a b\"c": EOF`, `Get "[scrubbed]": EOF`},
		{`msg="Get \"https://hidden.invalid/x\": EOF"`, `msg="Get \"[scrubbed]\": EOF"`},
		{"wss://hidden.invalid. ws://[::1]:80", "[scrubbed]. [scrubbed]"},
		{"lookup hidden on 192.0.2.1:53: no such host\nlookup b: x", "lookup [scrubbed]: no such host\nlookup [scrubbed]: x"},
		{"address hidden: missing port in address", "address [scrubbed]: missing port in address"},

		// Kept.
		{"at 12:34:56.789 on 2026-11-22T08:45:36Z", "at 12:34:56.789 on 2026-11-22T08:45:36Z"},
		{"1h2m3.5s", "1h2m3.5s"},
		{"v1.26.8, 1.2.3", "v1.26.8, 1.2.3"},
		{"1.2.300.4 and 1..2.3.4", "1.2.300.4 and 1..2.3.4"},
		{"id deadbeef-0123 c0ffee", "id deadbeef-0123 c0ffee"},
		{"mac aa:bb:cc:dd:ee:ff", "mac aa:bb:cc:dd:ee:ff"},
		{"listen on port :9000", "listen on port :9000"},
		{"relays.txt:3: no transport", "relays.txt:3: no transport"},
		{"the address: bind: address already in use", "the address: bind: address already in use"},
		{"100% of 5.", "100% of 5."},
		{"...:..:.", "...:..:."},
	} {
		if got := String(c.in); got != c.want {
			t.Errorf("%q:\ngot  %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestStackTraceStaysReadable(t *testing.T) {
	const trace = `panic: no
goroutine 7 [running]:
net/http.(*conn).serve.func1.2()
	/usr/lib/go/src/net/http/server.go:1943 +0xd3
main.dial({{0x0, 0xffffc0000201}, {0xc000012345?}}, 0x50)
	/home/me/main.go:12 +0x1d fp=0xc0000 sp=0xc0001 pc=0x45
created by net/http.(*Server).Serve in goroutine 1
`
	want := strings.Replace(trace, "({{0x0, 0xffffc0000201}, {0xc000012345?}}, 0x50)", "(...)", 1)
	if got := String(trace); got != want {
		t.Errorf("got\n%s", got)
	}
}

// FuzzEmbedded puts an address into any text, in each way it is written.
func FuzzEmbedded(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, uint16(9000), "from ", ": EOF")
	f.Add([]byte{15: 1}, uint16(1), "[", "]")
	f.Add([]byte{0x20, 0x01, 0x0d, 0xb8, 15: 0}, uint16(1), "a:b", "::c")
	f.Add([]byte{10: 0xff, 11: 0xff, 12: 10, 15: 1}, uint16(80), "%3A", "%2F1")
	f.Add([]byte{127, 0, 0, 1}, uint16(80), "lookup ", ": https://")
	f.Fuzz(func(t *testing.T, b []byte, port uint16, before, after string) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok || len(before)+len(after) > 200 {
			return
		}
		ap := netip.AddrPortFrom(addr, port)
		for _, form := range []string{addr.String(), ap.String(), addr.StringExpanded(), addr.WithZone("eth0").String(),
			strings.ReplaceAll(ap.String(), ":", "%3A"), addr.Unmap().String()} {
			in := before + form + after
			out := String(in)
			if addr.IsUnspecified() || strings.Contains(before+after, form) && !strings.Contains(out, form) {
				continue
			}
			if strings.Contains(out, form) {
				t.Fatalf("%q in %q: %q", form, in, out)
			}
			if a := firstAddress(out); a != "" {
				t.Fatalf("%q left in %q: %q", a, in, out)
			}
		}
	})
}

// FuzzString: no part of the output is an address, and cleaning it again
// changes nothing.
func FuzzString(f *testing.F) {
	for _, s := range []string{"1.2.3.4:5->[::1]:80", "%253A%3a::", "1.1.1.1a1.1.1.1:1", `Get "http://a": lookup a: x`, "goroutine 1\nf(0x1)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 500 {
			return
		}
		out := String(s)
		if a := firstAddress(out); a != "" {
			t.Fatalf("%q left of %q: %q", a, s, out)
		}
		if again := String(out); again != out {
			t.Fatalf("%q: %q, then %q", s, out, again)
		}
	})
}

// firstAddress tries every part of s with netip, the judge of what an address is.
func firstAddress(s string) string {
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	for i := range len(s) {
		for j := i + 2; j <= min(i+longest, len(s)); j++ {
			if _, err := netip.ParseAddr(s[i:j]); err == nil {
				return s[i:j]
			}
		}
	}
	return ""
}

// A hostile line costs time in proportion to its length, not to its square.
func BenchmarkHostile(b *testing.B) {
	for _, s := range []string{"1.1.1.1a", "lookup ", "::", "....", "%25", "a://", "address ", `"`, "1."} {
		line := strings.Repeat(s, 1<<16/len(s))
		b.Run(s, func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				String(line)
			}
		})
	}
}

func BenchmarkOrdinary(b *testing.B) {
	for b.Loop() {
		String("a proxy connected after 3 s")
	}
}
