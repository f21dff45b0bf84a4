package client

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"flashproxy/internal/registration"
)

// Facilitator is where to register. The zero value is nowhere.
type Facilitator struct {
	// URL is "" for none: then nothing is registered.
	URL string
	// PublicKey is "" for none: then nothing is sealed.
	PublicKey string
}

// Target is where to register, and what: the flags, with the arguments of a
// Bridge line over them. It is comparable, so that equal Bridge lines share one
// registration.
type Target struct {
	Facilitator
	// Endpoint is what proxies are told. An address without an IP stands for the one
	// that the facilitator sees.
	registration.Endpoint
}

// ParseRemote reads the address to register, [HOST]:PORT with a numeric host,
// where ":PORT" leaves the host to the facilitator.
func ParseRemote(s string) (netip.AddrPort, error) {
	if port, ok := strings.CutPrefix(s, ":"); ok {
		a, err := registration.ParseAddrPort("0.0.0.0:" + port)
		return netip.AddrPortFrom(netip.Addr{}, a.Port()), err
	}
	return registration.ParseAddrPort(s)
}

// Override puts the arguments of a Bridge line over t: url=, transport=, pubkey=, remote=.
// Each may be given once; others are an error, since a misspelt one would
// otherwise be silently without effect. A url= turns registering on.
func (t Target) Override(args map[string][]string) (Target, error) {
	for key, values := range args {
		if len(values) != 1 {
			return t, fmt.Errorf("%s= is given %d times", key, len(values))
		}
		v := values[0]
		var err error
		switch key {
		case "url":
			_, err = registration.ParseFacilitator(v)
			t.URL = v
		case "pubkey":
			_, err = registration.ParsePublicKey(v)
			t.PublicKey = v
		case "transport":
			t.Transport, err = registration.ParseTransport(v)
		case "remote":
			t.Addr, err = ParseRemote(v)
		default:
			return t, errors.New("unknown argument: the known ones are url=, transport=, pubkey= and remote=")
		}
		if err != nil {
			return t, fmt.Errorf("%s=: %w", key, err)
		}
	}
	return t, nil
}
