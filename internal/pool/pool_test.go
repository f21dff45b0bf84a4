package pool

import (
	"net/netip"
	"testing"

	"flashproxy/internal/registration"
)

func TestFamilyOf(t *testing.T) {
	for s, want := range map[string]Family{
		"192.0.2.1":        Family4,
		"::ffff:192.0.2.1": Family4,
		"2001:db8::1":      Family6,
		"::":               Family6,
	} {
		a := netip.MustParseAddr(s)
		if got := FamilyOf(a); got != want {
			t.Errorf("FamilyOf(%s) = %d; want %d", s, got, want)
		}
		tr := registration.Transport{Inner: "obfs4", Outer: "tcp"}
		if got := ClassOf(registration.Endpoint{Addr: netip.AddrPortFrom(a, 1), Transport: tr}); got != (Class{tr, want}) {
			t.Errorf("ClassOf %s = %v", s, got)
		}
	}
	if got := FamilyOf(netip.Addr{}); got != FamilyNone {
		t.Errorf("FamilyOf no address = %d; want %d", got, FamilyNone)
	}
}
