package client

import (
	"errors"
	"fmt"

	"flashproxy/internal/registration"
	"flashproxy/internal/rendezvous"
)

// methods gives the ways to register t, in the order of trying. It is empty only
// when there is no facilitator.
func methods(cfg Config, t Target) ([]rendezvous.Method, error) {
	if t.Facilitator == "" {
		return nil, nil
	}
	u, err := registration.ParseFacilitator(t.Facilitator)
	if err != nil {
		return nil, fmt.Errorf("facilitator: %w", err)
	}
	names := cfg.Methods
	if len(names) == 0 {
		names = []string{"http"}
		if t.PublicKey != "" && t.Remote.Addr().IsValid() {
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
			key, err := registration.ParsePublicKey(t.PublicKey)
			if err != nil {
				return nil, fmt.Errorf("the method url needs the facilitator's public key: %w", err)
			}
			if !t.Remote.Addr().IsValid() {
				return nil, errors.New("the method url needs this computer's own address: give it with --register-addr")
			}
			ways = append(ways, &rendezvous.URL{Facilitator: u, Key: key, Client: client})
		default:
			return nil, errors.New("unknown registration method: the known ones are http and url")
		}
	}
	return ways, nil
}
