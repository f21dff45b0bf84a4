package registration

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"
)

// MaxAnswer is more than any answer to a poll has, in bytes: what a proxy reads
// of one.
const MaxAnswer = 8 << 10

// Match is a client and a relay for a proxy to connect. Only outer transports
// are the proxy's concern.
type Match struct {
	Client      netip.AddrPort
	ClientOuter string
	Relay       RelayAddr
	RelayOuter  string
}

// Answer is the facilitator's reply to a poll.
type Answer struct {
	// Match is nil when there is nobody for this proxy now.
	Match *Match
	// CheckBackIn is when to poll again, in whole seconds; negative when the
	// answer did not say.
	CheckBackIn time.Duration
}

// ParseAnswer reads the body of an answer. A match is complete and numeric but
// for a relay's name; whether its addresses are fit to be dialled is for the
// dialler to check.
func ParseAnswer(body []byte) (Answer, error) {
	if len(body) > MaxAnswer {
		return Answer{}, fmt.Errorf("the answer is longer than %d bytes", MaxAnswer)
	}
	form, err := parseForm(string(body))
	if err != nil {
		return Answer{}, err
	}
	a := Answer{CheckBackIn: -1}
	if form.Has("check-back-in") {
		s, err := once(form, "check-back-in")
		if err != nil {
			return Answer{}, err
		}
		if a.CheckBackIn, err = parseSeconds(s); err != nil {
			return Answer{}, fmt.Errorf("check-back-in: %w", err)
		}
	}
	client, err := once(form, "client")
	if err != nil {
		return Answer{}, err
	}
	if client == "" {
		return a, nil
	}
	a.Match, err = parseMatch(client, form)
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

func parseMatch(client string, form url.Values) (*Match, error) {
	var m Match
	var err error
	if m.Client, err = ParseAddrPort(client); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	relay, err := once(form, "relay")
	if err != nil {
		return nil, err
	}
	if m.Relay, err = ParseRelayAddr(relay); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	if m.ClientOuter, err = outerOf(form, "client-transport"); err != nil {
		return nil, err
	}
	if m.RelayOuter, err = outerOf(form, "relay-transport"); err != nil {
		return nil, err
	}
	return &m, nil
}

// outerOf reads an outer transport, websocket where none is named.
func outerOf(form url.Values, key string) (string, error) {
	if !form.Has(key) {
		return DefaultOuter, nil
	}
	outer, err := once(form, key)
	if err != nil {
		return "", err
	}
	if err := checkOuter(outer); err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	return outer, nil
}

// Encode writes the body that ParseAnswer reads.
func (a Answer) Encode() []byte {
	b := []byte("client=")
	if m := a.Match; m != nil {
		b = append(b, url.QueryEscape(m.Client.String())...)
		b = append(b, "&client-transport="+url.QueryEscape(m.ClientOuter)...)
		b = append(b, "&relay="+url.QueryEscape(m.Relay.String())...)
		b = append(b, "&relay-transport="+url.QueryEscape(m.RelayOuter)...)
	}
	if a.CheckBackIn >= 0 {
		b = append(b, "&check-back-in="+formatSeconds(a.CheckBackIn)...)
	}
	return b
}

// errRelayName is why a relay's host was refused.
var errRelayName = errors.New("neither a numeric address nor a host name")
