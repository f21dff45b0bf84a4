package facilitator

import (
	"net/netip"
	"testing"
	"time"
)

func TestSourceKey(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"1.2.3.4", "1.2.3.4", true},
		{"1.2.3.4", "1.2.3.5", false},
		{"::ffff:1.2.3.4", "1.2.3.4", true},
		{"2620:fe::1:2:3:4", "2620:fe::", true},
		{"2620:fe::1:2:3:4", "2620:fe:0:1::", false},
		{"2620:fe:0:1::1%eth0", "2620:fe:0:1::", true},
	} {
		if same := keyOf(netip.MustParseAddr(tt.a)) == keyOf(netip.MustParseAddr(tt.b)); same != tt.same {
			t.Errorf("%s and %s are one source: %t", tt.a, tt.b, same)
		}
	}
	if keyOf(netip.Addr{}) != (sourceKey{}) {
		t.Error("none is not a source of its own")
	}
}

func TestBuckets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBuckets(2, 10)
		a := netip.MustParseAddr("9.9.9.9")
		drain := func() (n int) {
			for ; n < 100; n++ {
				wait, ok := b.take(a)
				if !ok {
					if wait <= 0 || wait > 500*time.Millisecond {
						t.Errorf("wait %v", wait)
					}
					return n
				}
			}
			return n
		}
		for i, step := range []struct {
			sleep time.Duration
			want  int
		}{
			{0, 10},
			{0, 0}, // to be refused costs nothing
			{time.Second, 2},
			{3 * time.Second, 6},
			{3 * time.Second, 6}, // over the turn of the halves
			{time.Minute, 10},
			{time.Hour, 10},
		} {
			time.Sleep(step.sleep)
			if got := drain(); got != step.want {
				t.Errorf("step %d: %d, want %d", i, got, step.want)
			}
		}
	})
}

func TestBucketsAreBounded(t *testing.T) {
	b := newBuckets(2, 10)
	for i := range 3 * maxSources {
		b.take(netip.AddrFrom4([4]byte{9, byte(i >> 16), byte(i >> 8), byte(i)}))
		if len(b.new) > maxSources || len(b.old) > maxSources {
			t.Fatalf("after %d: %d and %d sources", i, len(b.new), len(b.old))
		}
	}
}
