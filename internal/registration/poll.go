package registration

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Revision is the revision of the protocol, the r parameter of a poll.
const Revision = "1"

// Bounds on what one poll can make a facilitator hold. What is beyond is
// ignored: a proxy that serves more clients than this is still welcome.
const (
	maxOuters  = 32
	maxClients = 256
)

// MaxUnreachable bounds the relays that one poll can report.
const MaxUnreachable = 8

// MaxSeconds bounds every number of seconds on the wire: a day.
const MaxSeconds = 24 * 60 * 60

// Poll is a proxy's question for a client.
type Poll struct {
	// Outers are the outer transports that the proxy can open, at least one,
	// each once.
	Outers []string
	// Clients are those that the proxy serves now.
	Clients []netip.AddrPort
	// Unreachable are relays, each once, that the proxy was given and could not
	// open since its last poll: at most MaxUnreachable.
	Unreachable []RelayAddr
	// Wait is how long the answer may be held back until a client comes, in
	// whole seconds; 0 for an answer at once.
	Wait time.Duration
}

// ParsePoll reads the query of a poll, without its "?". Bad clients in it are
// ignored, since a 2015 browser lists IPv6 addresses in forms of its own, and so are
// bad relays; what else is malformed is an error.
func ParsePoll(query string) (Poll, error) {
	var p Poll
	var revision, wait field
	if err := eachField(query, func(key, value string) error {
		switch key {
		case "r":
			revision.add(value)
		case "wait":
			wait.add(value)
		case "transport":
			return p.addOuter(value)
		case "client":
			if a, err := parseServed(value); err == nil && len(p.Clients) < maxClients {
				p.Clients = append(p.Clients, a)
			}
		case "unreachable":
			p.addUnreachable(value)
		}
		return nil
	}); err != nil {
		return Poll{}, err
	}
	r, err := revision.once("r")
	if err != nil {
		return Poll{}, err
	}
	if r != Revision {
		return Poll{}, errors.New("r: the only revision of this protocol is " + Revision)
	}
	if p.Outers == nil {
		p.Outers = []string{DefaultOuter}
	}
	if wait.given() {
		s, err := wait.once("wait")
		if err != nil {
			return Poll{}, err
		}
		if p.Wait, err = parseSeconds(s); err != nil {
			return Poll{}, fmt.Errorf("wait: %w", err)
		}
	}
	return p, nil
}

// addOuter adds an outer transport, unless it is blank or there already.
func (p *Poll) addOuter(outer string) error {
	if outer = strings.TrimSpace(outer); outer == "" {
		return nil
	}
	if err := checkOuter(outer); err != nil {
		return fmt.Errorf("transport: %w", err)
	}
	if !slices.Contains(p.Outers, outer) && len(p.Outers) < maxOuters {
		p.Outers = append(p.Outers, outer)
	}
	return nil
}

// addUnreachable adds a relay, unless it is bad or there already.
func (p *Poll) addUnreachable(relay string) {
	a, err := ParseRelayAddr(relay)
	if err == nil && len(p.Unreachable) < MaxUnreachable && !slices.Contains(p.Unreachable, a) {
		p.Unreachable = append(p.Unreachable, a)
	}
}

// parseServed is ParseAddrPort that also takes IPv6 without brackets, as the
// 2015 browser writes it: what follows the last colon is the port.
func parseServed(s string) (netip.AddrPort, error) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.IndexByte(s[:i], ':') >= 0 && s[0] != '[' {
		s = "[" + s[:i] + "]" + s[i:]
	}
	return ParseAddrPort(s)
}

// parseSeconds reads a whole number of seconds from 0 to MaxSeconds.
func parseSeconds(s string) (time.Duration, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > MaxSeconds {
		return 0, fmt.Errorf("not a whole number of seconds from 0 to %d", MaxSeconds)
	}
	return time.Duration(n) * time.Second, nil
}

// formatSeconds rounds up to whole seconds within what parseSeconds reads.
func formatSeconds(d time.Duration) string {
	d = min(max(d, 0), MaxSeconds*time.Second)
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// Encode writes the query that ParsePoll reads.
func (p Poll) Encode() string {
	var b strings.Builder
	b.WriteString("r=" + Revision)
	for _, c := range p.Clients {
		b.WriteString("&client=" + url.QueryEscape(c.String()))
	}
	for _, t := range p.Outers {
		b.WriteString("&transport=" + url.QueryEscape(t))
	}
	for _, r := range p.Unreachable {
		b.WriteString("&unreachable=" + url.QueryEscape(r.String()))
	}
	if p.Wait > 0 {
		b.WriteString("&wait=" + formatSeconds(p.Wait))
	}
	return b.String()
}
