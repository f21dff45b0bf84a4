package daemon

import (
	"errors"
	"net/netip"
	"strings"
)

// Prefixes reads the values of a flag: each is a prefix such as 192.0.2.0/24, or an
// address, which stands for itself. Its errors are usage errors.
func Prefixes(flag string, values []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, v := range values {
		p, err := parsePrefix(v)
		if err != nil {
			return nil, Usagef("--%s: %q is neither an address nor a prefix such as 192.0.2.0/24", flag, v)
		}
		all = append(all, p)
	}
	return all, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, errors.New("not an address")
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("not a prefix")
	}
	return p.Masked(), nil
}
