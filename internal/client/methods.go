package client

import (
	"errors"
	"fmt"
	"slices"

	"flashproxy/internal/registration"
	"flashproxy/internal/rendezvous"
)

// methods gives the ways to register these endpoints with f, in the order of
// trying. It is empty only when f is none.
func methods(cfg Config, f Facilitator, endpoints []registration.Endpoint) ([]rendezvous.Method, error) {
	if f.URL == "" {
		return nil, nil
	}
	u, err := registration.ParseFacilitator(f.URL)
	if err != nil {
		return nil, fmt.Errorf("facilitator: %w", err)
	}
	known := !slices.ContainsFunc(endpoints, func(e registration.Endpoint) bool { return !e.Addr.Addr().IsValid() })
	names := cfg.Methods
	if len(names) == 0 {
		names = []string{"http"}
		if f.PublicKey != "" && known {
			names = []string{"url", "http"}
		}
	}
	client := rendezvous.NewClient(cfg.Network)
	var ways []rendezvous.Method
	for _, name := range names {
		switch name {
		case "http":
			ways = append(ways, &rendezvous.HTTP{Facilitator: u, Client: client})
		case "url":
			key, err := registration.ParsePublicKey(f.PublicKey)
			if err != nil {
				return nil, fmt.Errorf("the method url needs the facilitator's public key: %w", err)
			}
			if !known {
				return nil, errors.New("the method url needs this computer's own address: give it with --register-addr")
			}
			ways = append(ways, &rendezvous.URL{Facilitator: u, Key: key, Client: client})
		default:
			return nil, errors.New("unknown registration method: the known ones are http and url")
		}
	}
	return ways, nil
}
