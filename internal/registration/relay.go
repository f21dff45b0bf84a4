package registration

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultRelayPort is the port of a relay whose line names none.
const DefaultRelayPort = 9902

// Bounds on a relay file; it is the operator's own, so they only catch a wrong
// file given by mistake.
const (
	maxRelayFile = 1 << 20
	maxRelays    = 10_000
	maxWeight    = 1000
)

// RelayAddr is where a relay listens: a numeric address, or a host name where
// the outer transport needs one (TLS). Exactly one of IP and Name is set.
type RelayAddr struct {
	IP   netip.Addr
	Name string
	Port uint16
}

// Relay is one line of the relay file.
type Relay struct {
	Transport Transport
	Addr      RelayAddr
	// Weight is its share of what is given, against those of the others: 1 to 1000.
	Weight int
	// Line is its line's number in the file, from 1.
	Line int
}

// ParseRelayAddr reads HOST:PORT where HOST is numeric, as in ParseAddrPort, or
// a host name.
func ParseRelayAddr(s string) (RelayAddr, error) {
	h, p, err := splitHostPort(s)
	if err != nil {
		return RelayAddr{}, err
	}
	port, err := parsePort(p)
	if err != nil {
		return RelayAddr{}, err
	}
	return relayAddr(h, port)
}

func relayAddr(host string, port uint16) (RelayAddr, error) {
	if ip, err := parseHost(host); err == nil {
		return RelayAddr{IP: ip, Port: port}, nil
	} else if errors.Is(err, errBrackets) || errors.Is(err, errZone) {
		return RelayAddr{}, err
	}
	if !isHostName(host) {
		return RelayAddr{}, errRelayName
	}
	return RelayAddr{Name: strings.ToLower(host), Port: port}, nil
}

// isHostName accepts letter-digit-hyphen labels (RFC 1123, section 2.1) of which
// the last does not begin with a digit: "127.1" and "1.0x7f" are refused, since
// resolvers read such as addresses (WHATWG URL, "ends in a number").
func isHostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for i := range len(l) {
			switch c := l[i]; {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
			default:
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return last[0] < '0' || '9' < last[0]
}

// String is the inverse of ParseRelayAddr.
func (a RelayAddr) String() string { return string(a.appendTo(nil)) }

// appendTo appends what String gives.
func (a RelayAddr) appendTo(b []byte) []byte {
	if a.IP.IsValid() {
		return netip.AddrPortFrom(a.IP, a.Port).AppendTo(b)
	}
	return append(b, net.JoinHostPort(a.Name, strconv.Itoa(int(a.Port)))...)
}

// ParseRelays reads a relay file: a relay a line, "TRANSPORT ADDRESS [weight=N]",
// blanks or tabs between; the port is DefaultRelayPort where none is given, the weight
// 1; blank lines and lines whose first non-blank is "#" are skipped. A relay that is
// there twice is an error, and so is no relay at all. Errors that concern a line are
// *LineError.
func ParseRelays(r io.Reader) ([]Relay, error) {
	type place struct {
		transport Transport
		addr      RelayAddr
	}
	var relays []Relay
	seen := make(map[place]int)
	sc := bufio.NewScanner(io.LimitReader(r, maxRelayFile+1))
	n, size := 0, 0
	for sc.Scan() {
		n++
		if size += len(sc.Bytes()) + 1; size > maxRelayFile || len(relays) >= maxRelays {
			return nil, fmt.Errorf("more than %d bytes or %d relays: is it a relay file?", maxRelayFile, maxRelays)
		}
		fields := strings.Fields(sc.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		relay, err := parseRelay(fields)
		if err != nil {
			return nil, &LineError{n, err}
		}
		relay.Line = n
		at := place{relay.Transport, relay.Addr}
		if first, ok := seen[at]; ok {
			return nil, &LineError{n, fmt.Errorf("the same relay as in line %d", first)}
		}
		seen[at] = n
		relays = append(relays, relay)
	}
	if err := sc.Err(); err != nil {
		return nil, &LineError{n + 1, err}
	}
	if len(relays) == 0 {
		return nil, errors.New("no relay in it: write a line such as \"websocket 192.0.2.1:9902\"")
	}
	return relays, nil
}

func parseRelay(fields []string) (Relay, error) {
	if len(fields) < 2 {
		return Relay{}, errors.New("want TRANSPORT ADDRESS, as in \"websocket 192.0.2.1:9902\"")
	}
	t, err := ParseTransport(fields[0])
	if err != nil {
		return Relay{}, err
	}
	a, err := ParseRelayAddr(fields[1])
	if errors.Is(err, errNoPort) {
		a, err = relayAddr(fields[1], DefaultRelayPort)
	}
	if err != nil {
		return Relay{}, err
	}
	if a.Name != "" && t.Outer != "wss" {
		return Relay{}, fmt.Errorf("a relay by %s needs a numeric address, only wss takes a host name", t.Outer)
	}
	weight, err := parseWeight(fields[2:])
	if err != nil {
		return Relay{}, err
	}
	return Relay{Transport: t, Addr: a, Weight: weight}, nil
}

// parseWeight reads what follows the address.
func parseWeight(fields []string) (int, error) {
	if len(fields) == 0 {
		return 1, nil
	}
	s, ok := strings.CutPrefix(fields[0], "weight=")
	if !ok || len(fields) > 1 {
		return 0, errors.New("want TRANSPORT ADDRESS, and then weight=N or nothing")
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n > maxWeight {
		return 0, fmt.Errorf("the weight is not a whole number from 1 to %d", maxWeight)
	}
	if n == 0 {
		return 0, errors.New("the weight is 0: to have a relay given to nobody, put \"#\" before its line")
	}
	return int(n), nil
}
