package registration

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Reasons why an address is refused. They hold no address, so that they can be
// logged and sent.
var (
	errNotNumeric = errors.New("not a numeric IP address")
	errBrackets   = errors.New("an IPv6 address needs brackets: [ADDRESS]:PORT")
	errZone       = errors.New("an address with a zone has no meaning elsewhere")
	errNoPort     = errors.New("no port")
	errPort       = errors.New("the port is not a whole number from 1 to 65535")
	errNoHost     = errors.New("no address before the port, and none is known from elsewhere")
)

// ParseAddrPort reads "1.2.3.4:9000" or "[2001:db8::1]:9000", strictly: numeric,
// no zone, port 1 to 65535 in plain decimal. A v4-mapped IPv6 address comes back
// as IPv4. Errors name the reason and never the address.
func ParseAddrPort(s string) (netip.AddrPort, error) {
	return parseAddrPort(s, netip.Addr{})
}

// parseAddrPort is ParseAddrPort where ":9000" means port 9000 of host, if host
// is valid.
func parseAddrPort(s string, host netip.Addr) (netip.AddrPort, error) {
	h, p, err := splitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := parsePort(p)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if h == "" {
		if !host.IsValid() {
			return netip.AddrPort{}, errNoHost
		}
		return netip.AddrPortFrom(host.Unmap().WithZone(""), port), nil
	}
	a, err := parseHost(h)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(a, port), nil
}

// splitHostPort splits at the last colon that is not within brackets.
func splitHostPort(s string) (host, port string, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") {
		return "", "", errNoPort
	}
	if strings.IndexByte(s[:i], ':') >= 0 && !strings.HasPrefix(s, "[") {
		return "", "", errBrackets
	}
	return s[:i], s[i+1:], nil
}

// parseHost reads a numeric IPv4 address, or an IPv6 one in brackets.
func parseHost(h string) (netip.Addr, error) {
	bare, bracketed := strings.CutPrefix(h, "[")
	if bracketed {
		var closed bool
		if bare, closed = strings.CutSuffix(bare, "]"); !closed {
			return netip.Addr{}, errNotNumeric
		}
	}
	a, err := netip.ParseAddr(bare)
	switch {
	case err != nil:
		return netip.Addr{}, errNotNumeric
	case a.Zone() != "":
		return netip.Addr{}, errZone
	case a.Is4() && bracketed:
		return netip.Addr{}, errNotNumeric
	case !a.Is4() && !bracketed:
		return netip.Addr{}, errBrackets
	}
	return a.Unmap(), nil
}

// parsePort accepts "1" to "65535" without sign, blank or leading zero.
func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '0' || s[0] == '+' {
		return 0, errPort
	}
	return uint16(n), nil
}

// formatAddrPort is the inverse of parseAddrPort: no host where a has none.
func formatAddrPort(a netip.AddrPort) string {
	if !a.Addr().IsValid() {
		return ":" + strconv.Itoa(int(a.Port()))
	}
	return a.String()
}

// IsGlobal tells whether a is an address on the public Internet: global unicast,
// and none of loopback, private, link-local, shared, multicast, documentation,
// benchmarking, reserved or unspecified. A v4-mapped address is judged as the
// IPv4 address that it is. It is what keeps a stranger from aiming a proxy at
// its owner's own network.
//
// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
func IsGlobal(a netip.Addr) bool {
	a = a.Unmap()
	switch {
	case a.Is4():
		return isGlobal4(a.As4())
	case a.Is6() && a.Zone() == "":
		return isGlobal6(a.As16())
	}
	return false
}

func isGlobal4(b [4]byte) bool {
	switch {
	case b[0] == 0, // this network
		b[0] == 10,                               // private
		b[0] == 100 && b[1]&0xc0 == 64,           // 100.64.0.0/10, carrier-grade NAT (RFC 6598)
		b[0] == 127,                              // loopback
		b[0] == 169 && b[1] == 254,               // link-local
		b[0] == 172 && b[1]&0xf0 == 16,           // private
		b[0] == 192 && b[1] == 0 && b[2] == 0,    // IETF protocol assignments
		b[0] == 192 && b[1] == 0 && b[2] == 2,    // documentation
		b[0] == 192 && b[1] == 88 && b[2] == 99,  // 6to4 relays, deprecated (RFC 7526)
		b[0] == 192 && b[1] == 168,               // private
		b[0] == 198 && b[1]&0xfe == 18,           // benchmarking
		b[0] == 198 && b[1] == 51 && b[2] == 100, // documentation
		b[0] == 203 && b[1] == 0 && b[2] == 113,  // documentation
		b[0] >= 224:                              // multicast, reserved, broadcast
		return false
	}
	return true
}

// isGlobal6 starts from 2000::/3, the only global unicast space there is (RFC
// 4291, section 2.4), and cuts the holes in it. 6to4 and Teredo are holes because
// they carry an IPv4 address within.
func isGlobal6(b [16]byte) bool {
	switch {
	case b[0]&0xe0 != 0x20,
		b[0] == 0x20 && b[1] == 0x01 && b[2]&0xfe == 0,               // 2001::/23, IETF protocols, Teredo
		b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8, // 2001:db8::/32, documentation
		b[0] == 0x20 && b[1] == 0x02,                                 // 2002::/16, 6to4
		b[0] == 0x3f && b[1] == 0xff && b[2]&0xf0 == 0:               // 3fff::/20, documentation
		return false
	}
	return true
}
