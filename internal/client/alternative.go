package client

import (
	"fmt"
	"net"

	"flashproxy/internal/registration"
)

// Alternative is one way for Tor and a proxy to meet: those who come by its Locals
// are linked with those who come by its Remotes, and with no others. All alternatives
// that somebody wants a proxy for are registered together, and a proxy that comes
// to one of them has used up all.
type Alternative struct {
	// Endpoint is what to register where nothing else is said by a Bridge line. Its
	// Addr has the port at least.
	registration.Endpoint
	Locals  []Locals
	Remotes []net.Listener
}

// Locals is a listener for SOCKS requests.
type Locals interface {
	Accept() (Request, error)
	Close() error
}

// alternative is one at work.
type alternative struct {
	Alternative
	link *linker
}

// target is what a request with these arguments wants, which comes from a Bridge
// line that may name a facilitator other than f.
func (a *alternative) target(f Facilitator, args map[string][]string) (Target, error) {
	t, err := Target{f, a.Endpoint}.Override(args)
	if err == nil && t.Transport.Outer != a.Transport.Outer {
		err = fmt.Errorf("transport=: proxies that connect here have to speak %s", a.Transport.Outer)
	}
	return t, err
}

func (a *alternative) close() {
	for _, ln := range a.Locals {
		ln.Close()
	}
	for _, ln := range a.Remotes {
		ln.Close()
	}
}
