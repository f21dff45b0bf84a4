package registration

import (
	"errors"
	"strings"
)

// DefaultOuter is the outer transport of everybody who names none: the only one
// that the 2015 system had.
const DefaultOuter = "websocket"

// Longest names accepted. Tor's transport names are C identifiers of a dozen
// bytes; these leave room and keep what a peer can make us hold small.
const (
	maxOuter = 32
	maxInner = 64
)

// Transport names how a client, or a relay, is spoken to (design, section 10).
// Inner is the protocol that client and relay talk end to end, "" for plain Tor;
// Outer is what the proxy speaks with this one of them, and is never empty.
// Inner must be the same at both ends of a pair, the outers may differ.
type Transport struct {
	Inner, Outer string
}

// ParseTransport reads "inner|outer" or "outer", split at the last "|".
func ParseTransport(s string) (Transport, error) {
	var t Transport
	if i := strings.LastIndexByte(s, '|'); i >= 0 {
		t.Inner, t.Outer = s[:i], s[i+1:]
	} else {
		t.Outer = s
	}
	if err := checkOuter(t.Outer); err != nil {
		return Transport{}, err
	}
	if len(t.Inner) > maxInner {
		return Transport{}, errors.New("the inner transport's name is too long")
	}
	for i := range len(t.Inner) {
		if c := t.Inner[i]; c <= ' ' || c > '~' {
			return Transport{}, errors.New("the inner transport's name may have printable ASCII only, no blanks")
		}
	}
	return t, nil
}

// checkOuter accepts letters, digits, "_", "-" and ".".
func checkOuter(s string) error {
	switch {
	case s == "":
		return errors.New("the outer transport is empty")
	case len(s) > maxOuter:
		return errors.New("the outer transport's name is too long")
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '.':
		default:
			return errors.New("the outer transport's name may have letters, digits, \"_\", \"-\" and \".\" only")
		}
	}
	return nil
}

// String is the inverse of ParseTransport.
func (t Transport) String() string {
	if t.Inner == "" {
		return t.Outer
	}
	return t.Inner + "|" + t.Outer
}

// MarshalText implements encoding.TextMarshaler.
func (t Transport) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Transport) UnmarshalText(b []byte) (err error) {
	*t, err = ParseTransport(string(b))
	return err
}
