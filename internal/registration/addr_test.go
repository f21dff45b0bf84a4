package registration

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseAddrPort(t *testing.T) {
	for in, want := range map[string]string{
		"1.2.3.4:9000":           "1.2.3.4:9000",
		"1.2.3.4:1":              "1.2.3.4:1",
		"255.255.255.255:65535":  "255.255.255.255:65535",
		"[2001:db8::1]:9000":     "[2001:db8::1]:9000",
		"[::ffff:1.2.3.4]:9000":  "1.2.3.4:9000",
		"[2001:DB8:0:0::1]:9000": "[2001:db8::1]:9000",
		"[::]:1":                 "[::]:1",
	} {
		got, err := ParseAddrPort(in)
		if err != nil || got.String() != want {
			t.Errorf("ParseAddrPort(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", ":", "1.2.3.4", "1.2.3.4:", ":9000", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:+80", "1.2.3.4: 80", "1.2.3.4:80 ", " 1.2.3.4:80",
		"1.2.3.4:0x50", "1.2.3.4:80x", "1.2.3.4:080", "1.2.3.4:-1", "1.2.3.4:٨٠", "1.2.3.4:1e3", "1.2.3.4:99999999999999999999",
		"2001:db8::1:9000", "::1:80", "[2001:db8::1]", "[2001:db8::1]9000", "[2001:db8::1:9000", "2001:db8::1]:9000", "[[::1]]:80", "[]:80",
		"[fe80::1%eth0]:80", "[fe80::1%25eth0]:80", "001.2.3.4:80", "1.2.3.04:80", "127.1:80", "2130706433:80", "0x7f.0.0.1:80", "1.2.3:80", "1.2.3.4.5:80", "256.1.1.1:80",
		"[1.2.3.4]:80", "localhost:80", "example.com:80", "1.2.3.4:80:80", "http://1.2.3.4:80", "1.2.3.4:80/", "1.2.3.4\x00:80",
	} {
		got, err := ParseAddrPort(in)
		if err == nil {
			t.Errorf("ParseAddrPort(%q) = %v, want an error", in, got)
		} else if len(in) > 3 && strings.Contains(err.Error(), in) {
			t.Errorf("ParseAddrPort(%q): the error quotes it: %v", in, err)
		}
	}
}

func TestIsGlobal(t *testing.T) {
	for _, in := range []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.1.1", "192.0.3.1", "192.169.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255",
		"::ffff:8.8.8.8", "2001:4860::1", "2001:200::1", "2606:4700::1", "2a00::1", "3ffe::1", "2001:db7::1", "2001:db9::1",
	} {
		if !IsGlobal(netip.MustParseAddr(in)) {
			t.Errorf("IsGlobal(%s) = false", in)
		}
	}
	for _, in := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1",
		"192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::1.2.3.4", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1",
		"2002:a00:1::1", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fd00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2606:4700::1%eth0",
	} {
		if IsGlobal(netip.MustParseAddr(in)) {
			t.Errorf("IsGlobal(%s) = true", in)
		}
	}
	if IsGlobal(netip.Addr{}) {
		t.Error("IsGlobal of no address = true")
	}
}

func FuzzParseAddrPort(f *testing.F) {
	for _, s := range []string{"1.2.3.4:9000", "[2001:db8::1]:9000", "[::ffff:1.2.3.4]:1", ":9000", "[fe80::1%a]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddrPort(s)
		if err != nil {
			return
		}
		if !a.IsValid() || a.Port() == 0 || a.Addr().Is4In6() || a.Addr().Zone() != "" {
			t.Fatalf("ParseAddrPort(%q) = %v", s, a)
		}
		if again, err := ParseAddrPort(a.String()); err != nil || again != a {
			t.Fatalf("round trip of %q: %v, then %v, %v", s, a, again, err)
		}
	})
}
