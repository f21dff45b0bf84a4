package registration

import (
	"errors"
	"fmt"
	"net/netip"
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
	var f answerFields
	if err := eachField(string(body), f.add); err != nil {
		return Answer{}, err
	}
	a := Answer{CheckBackIn: -1}
	if f.checkBackIn.given() {
		s, err := f.checkBackIn.once("check-back-in")
		if err != nil {
			return Answer{}, err
		}
		if a.CheckBackIn, err = parseSeconds(s); err != nil {
			return Answer{}, fmt.Errorf("check-back-in: %w", err)
		}
	}
	client, err := f.client.once("client")
	if err != nil {
		return Answer{}, err
	}
	if client == "" {
		return a, nil
	}
	a.Match, err = parseMatch(client, f)
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

// answerFields are those of an answer.
type answerFields struct {
	client, clientTransport, relay, relayTransport, checkBackIn field
}

func (f *answerFields) add(key, value string) error {
	switch key {
	case "client":
		f.client.add(value)
	case "client-transport":
		f.clientTransport.add(value)
	case "relay":
		f.relay.add(value)
	case "relay-transport":
		f.relayTransport.add(value)
	case "check-back-in":
		f.checkBackIn.add(value)
	}
	return nil
}

func parseMatch(client string, f answerFields) (*Match, error) {
	var m Match
	var err error
	if m.Client, err = ParseAddrPort(client); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	relay, err := f.relay.once("relay")
	if err != nil {
		return nil, err
	}
	if m.Relay, err = ParseRelayAddr(relay); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	if m.ClientOuter, err = outerOf(f.clientTransport, "client-transport"); err != nil {
		return nil, err
	}
	if m.RelayOuter, err = outerOf(f.relayTransport, "relay-transport"); err != nil {
		return nil, err
	}
	return &m, nil
}

// outerOf reads an outer transport, websocket where none is named.
func outerOf(f field, key string) (string, error) {
	if !f.given() {
		return DefaultOuter, nil
	}
	outer, err := f.once(key)
	if err != nil {
		return "", err
	}
	if err := checkOuter(outer); err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	return outer, nil
}

// usualAnswer has room for two IPv6 addresses and the names of common transports.
const usualAnswer = 256

// Encode writes the body that ParseAnswer reads.
func (a Answer) Encode() []byte {
	b := append(make([]byte, 0, usualAnswer), "client="...)
	if m := a.Match; m != nil {
		var addr [len("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")]byte
		b = appendEscaped(b, m.Client.AppendTo(addr[:0]))
		b = append(b, "&client-transport="...)
		b = appendEscaped(b, m.ClientOuter)
		b = append(b, "&relay="...)
		b = appendEscaped(b, m.Relay.appendTo(addr[:0]))
		b = append(b, "&relay-transport="...)
		b = appendEscaped(b, m.RelayOuter)
	}
	if a.CheckBackIn >= 0 {
		b = append(b, "&check-back-in="...)
		b = append(b, formatSeconds(a.CheckBackIn)...)
	}
	return b
}

// errRelayName is why a relay's host was refused.
var errRelayName = errors.New("neither a numeric address nor a host name")
