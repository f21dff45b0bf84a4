package facilitator

import (
	"errors"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// sourceOf works out where a request comes from: the TCP peer, or, when that is
// one of the trusted proxies, the last hop before them that they name. It is the
// zero Addr when that cannot be known, and then nothing may be guessed: a
// header that a proxy passes through as it came is the word of a stranger.
func sourceOf(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a Unix socket
	}
	addr := peer.Addr().Unmap().WithZone("")
	if !isTrusted(addr, trusted) {
		return addr
	}
	// Joined, since a proxy may append a line of its own instead of extending the
	// one that came (RFC 9110, section 5.3).
	xff := strings.Join(r.Header["X-Forwarded-For"], ",")
	fwd := strings.Join(r.Header["Forwarded"], ",")
	byXFF := lastUntrusted(parseXForwardedFor(xff), trusted)
	if isBlank(fwd) {
		return byXFF
	}
	byFwd := lastUntrusted(backwards(parseForwarded(fwd)), trusted)
	if isBlank(xff) || byXFF == byFwd {
		return byFwd
	}
	// A proxy writes one of the two and passes the other through. Which one is
	// its own cannot be seen from here.
	return netip.Addr{}
}

// isBlank tells whether a list header names nobody.
func isBlank(list string) bool { return strings.Trim(list, " \t,") == "" }

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

// lastUntrusted walks the hops from the nearest one back. Each was written by
// the one after it, so only what a trusted hop wrote is looked at. When all are trusted the
// request began at the first of them.
func lastUntrusted(back iter.Seq[netip.Addr], trusted []netip.Prefix) (hop netip.Addr) {
	for hop = range back {
		if !isTrusted(hop, trusted) {
			break
		}
	}
	return hop
}

// parseXForwardedFor reads the hops of X-Forwarded-For, the nearest first. A hop
// that is not an address is the zero Addr.
func parseXForwardedFor(list string) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for more := true; more; {
			comma := strings.LastIndexByte(list, ',')
			hop := strings.Trim(list[comma+1:], " \t")
			if hop != "" && !yield(parseNode(hop)) {
				return
			}
			if more = comma >= 0; more {
				list = list[:comma]
			}
		}
	}
}

// backwards gives hops, which are the oldest first, the nearest first.
func backwards(hops []netip.Addr) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for _, hop := range slices.Backward(hops) {
			if !yield(hop) {
				return
			}
		}
	}
}

// parseForwarded reads the for= hops of Forwarded (RFC 7239), the oldest first.
// A hop that hides itself ("unknown", "_name"), or whose element does not say, is the zero
// Addr. So is the whole of a header that is malformed anywhere, as one hop: within
// an unbalanced quote one cannot tell who wrote what.
func parseForwarded(list string) []netip.Addr {
	var hops []netip.Addr
	for rest := list; ; {
		rest = strings.TrimLeft(rest, " \t,") // empty elements are allowed (RFC 9110, section 5.6.1)
		if rest == "" {
			return hops
		}
		hop, after, err := parseElement(rest)
		if err != nil {
			return []netip.Addr{{}}
		}
		hops = append(hops, hop)
		rest = after
	}
}

var errForwarded = errors.New("malformed Forwarded header")

// parseElement reads one element, "for=1.2.3.4;proto=http", and gives what
// follows its comma.
func parseElement(s string) (hop netip.Addr, rest string, err error) {
	seen := false
	for {
		name, value, after, err := parsePair(s)
		if err != nil {
			return netip.Addr{}, "", err
		}
		if strings.EqualFold(name, "for") {
			if seen {
				return netip.Addr{}, "", errForwarded
			}
			seen = true
			hop = parseNode(value)
		}
		after = strings.TrimLeft(after, " \t")
		if after == "" || after[0] == ',' {
			return hop, after, nil
		}
		if after[0] != ';' {
			return netip.Addr{}, "", errForwarded
		}
		if s = strings.TrimLeft(after[1:], " \t"); s == "" || s[0] == ',' {
			return hop, s, nil // a trailing semicolon
		}
	}
}

// parsePair reads name=value, where value is a token or a quoted string.
func parsePair(s string) (name, value, rest string, err error) {
	name, s = cutToken(s)
	if name == "" || !strings.HasPrefix(s, "=") {
		return "", "", "", errForwarded
	}
	s = s[1:]
	if !strings.HasPrefix(s, `"`) {
		value, rest = cutToken(s)
		if value == "" {
			return "", "", "", errForwarded
		}
		return name, value, rest, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return name, b.String(), s[i+1:], nil
		case '\\':
			if i++; i == len(s) {
				return "", "", "", errForwarded
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", "", errForwarded
}

// cutToken splits after the longest prefix that has none of the characters with
// a meaning here. It takes more than a token of RFC 9110: nginx and others
// write addresses with a colon unquoted.
func cutToken(s string) (token, rest string) {
	i := strings.IndexAny(s, " \t,;=\"\\")
	if i < 0 {
		i = len(s)
	}
	return s[:i], s[i:]
}

// parseNode reads one hop: 1.2.3.4, 1.2.3.4:80, [2001:db8::1], [2001:db8::1]:80
// or 2001:db8::1, all of them in use. Anything else is the zero Addr. The port
// may be an obfuscated one (RFC 7239, section 6) and is not looked at.
func parseNode(s string) netip.Addr {
	host, bracketed := strings.CutPrefix(s, "[")
	if bracketed {
		var port string
		var closed bool
		if host, port, closed = strings.Cut(host, "]"); !closed || port != "" && port[0] != ':' {
			return netip.Addr{}
		}
	} else if strings.Count(s, ":") == 1 {
		host, _, _ = strings.Cut(s, ":")
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || bracketed && a.Is4() {
		return netip.Addr{}
	}
	return a.Unmap()
}
