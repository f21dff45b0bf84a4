package wsconn

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwarded is a Conn that a reverse proxy passes on.
type forwarded struct {
	*Conn
	from net.Addr
}

// RemoteAddr returns what the reverse proxy said.
func (f *forwarded) RemoteAddr() net.Addr { return f.from }

// forwardedFor gives the address that a trusted proxy names, if one of them sent r:
// the last in X-Forwarded-For that is not one of them too. What stands before it is a
// stranger's word. It has no port; Tor takes no address without (ext-orport-spec,
// USERADDR), and 1 is what other transports say.
func forwardedFor(r *http.Request, trusted []netip.Prefix) (net.Addr, bool) {
	if !contains(trusted, addrOf(r.RemoteAddr)) {
		return nil, false
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if addr = addr.Unmap().WithZone(""); !contains(trusted, addr) {
			return net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 1)), true
		}
	}
	return &net.TCPAddr{}, true
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}
