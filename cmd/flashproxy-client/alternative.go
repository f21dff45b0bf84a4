package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"flashproxy/internal/client"
	"flashproxy/internal/registration"
	"flashproxy/internal/socks"
)

// alternative is one way by which Tor and proxies come together.
type alternative struct {
	local, remote address
	versions      socks.Versions        // what is spoken on local
	endpoint      registration.Endpoint // to register; of the address nothing, a host or both may be known yet

	locals, remotes []net.Listener // once open
}

// parseAlternative reads TRANSPORT,LOCAL,REMOTE or TRANSPORT,LOCAL,REMOTE,[HOST]:PORT.
func parseAlternative(s string) (*alternative, error) {
	fields := strings.Split(s, ",")
	if len(fields) != 3 && len(fields) != 4 {
		return nil, errors.New("want TRANSPORT,LOCAL,REMOTE, such as obfs4|websocket,:9003,:9004")
	}
	a := &alternative{versions: socks.All}
	var err error
	if a.endpoint.Transport, err = registration.ParseTransport(fields[0]); err != nil {
		return nil, err
	}
	if err := errors.Join(a.local.parse(fields[1]), a.remote.parse(fields[2])); err != nil {
		return nil, err
	}
	if len(fields) == 4 {
		a.endpoint.Addr, err = client.ParseRemote(fields[3])
	}
	return a, err
}

// check tells whether there is something to take proxies in.
func (a *alternative) check() error {
	known := listeners(nil)
	if outer := a.endpoint.Transport.Outer; known[outer] == nil {
		return fmt.Errorf("REMOTE can't speak %q; the known outer transports are %s",
			outer, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	return nil
}

// forProxies opens the side of the proxies, and completes the address to register
// with its port.
func (a *alternative) forProxies(log *slog.Logger) (err error) {
	log = log.With("transport", a.endpoint.Transport.String())
	a.remotes, err = a.remote.listen(log, "proxies", netip.IPv4Unspecified(), netip.IPv6Unspecified())
	if err == nil {
		a.listensOn(portOf(a.remotes[0]))
	}
	return err
}

func (a *alternative) listensOn(port uint16) {
	if a.endpoint.Addr.Port() == 0 {
		a.endpoint.Addr = netip.AddrPortFrom(a.endpoint.Addr.Addr(), port)
	}
}

// forTor opens the side of Tor.
func (a *alternative) forTor(log *slog.Logger) (err error) {
	log = log.With("transport", a.endpoint.Transport.String())
	a.locals, err = a.local.listen(log, "Tor", loopback(), netip.IPv6Loopback())
	return err
}

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

func (a *alternative) close() {
	closeAll(a.locals)
	closeAll(a.remotes)
}

// serving is the alternative as the client takes it.
func (a *alternative) serving(log *slog.Logger) client.Alternative {
	c := client.Alternative{Endpoint: a.endpoint}
	for _, ln := range a.locals {
		c.Locals = append(c.Locals, local{socks.NewListener(ln, socks.Options{Versions: a.versions, Logger: log})})
	}
	listen := listeners(log)[a.endpoint.Transport.Outer]
	for _, ln := range a.remotes {
		c.Remotes = append(c.Remotes, listen(ln))
	}
	return c
}
