package proxy

import (
	"testing"

	"golang.org/x/time/rate"
)

func TestParseRate(t *testing.T) {
	for in, want := range map[string]struct {
		limit rate.Limit
		burst int
	}{
		"1":             {1, 32 << 10},
		"500K":          {500 << 10, 125 << 10},
		"500k":          {500 << 10, 125 << 10},
		"1M":            {1 << 20, 256 << 10},
		"1.5m":          {1.5 * (1 << 20), 384 << 10},
		"0.5G":          {1 << 29, 1 << 27},
		"100000":        {100000, 32 << 10},
		"2147483647.0k": {2147483647 << 10, 2147483647 << 8},
	} {
		l, err := ParseRate(in)
		if err != nil || l.Limit() != want.limit || l.Burst() != want.burst {
			t.Errorf("ParseRate(%q): %+v, %v; want %v", in, l, err, want)
		}
	}
	if l, err := ParseRate("off"); l != nil || err != nil {
		t.Errorf("off: %v, %v", l, err)
	}
	for _, in := range []string{"", "0", "0.0M", "-1", "+1", "1e6", "0x10", "1T", "K", ".", "1 M", "1MB", "1,5M", "NaN", "Inf", "infinity", "none", "OFF", "1_000", "99999999999G"} {
		if l, err := ParseRate(in); err == nil {
			t.Errorf("ParseRate(%q) = %v, want an error", in, l.Limit())
		}
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"1M", "off", "1.5k", "0.0000001G", "..", "9e9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseRate(s)
		if err != nil || s == "off" {
			return
		}
		if !(l.Limit() >= 1) || l.Limit() == rate.Inf || l.Burst() < minBurst {
			t.Fatalf("ParseRate(%q): %v, %d", s, l.Limit(), l.Burst())
		}
	})
}
