package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"

	"flashproxy/internal/client"
	"flashproxy/internal/pt"
	"flashproxy/internal/registration"
	"flashproxy/internal/socks"
	"flashproxy/internal/tcpconn"
	"flashproxy/internal/wsconn"
)

// listeners are the outer transports by which proxies may connect, and what takes
// them in.
func listeners(log *slog.Logger) map[string]func(net.Listener) net.Listener {
	return map[string]func(net.Listener) net.Listener{
		registration.DefaultOuter: func(ln net.Listener) net.Listener {
			return wsconn.Listen(ln, wsconn.ListenOptions{Logger: log})
		},
		"tcp": tcpconn.Listen,
	}
}

// listen opens all sides, and tells Tor of the one that it asked for. Both methods
// share one SOCKS port: they differ in name only.
func (o *options) listen(log *slog.Logger, tor *pt.Tor) error {
	var err error
	for i, a := range o.alternatives {
		if err == nil {
			err = a.forProxies(log)
		}
		if err == nil && (o.external || i > 0) {
			err = a.forTor(log)
		}
	}
	if !o.external {
		err = o.listenForTor(log, tor, err)
	}
	if err != nil {
		for _, a := range o.alternatives {
			a.close()
		}
	}
	return err
}

// listenForTor opens the side that Tor is told of, or tells it of err.
func (o *options) listenForTor(log *slog.Logger, tor *pt.Tor, err error) error {
	a := o.alternatives[0]
	if !a.local.host.IsValid() {
		a.local.host = loopback() // Tor takes one address
	}
	return tor.Client([]string{"flashproxy", "websocket"}, o.isOtherLocal, func(string) (net.Addr, error) {
		if err == nil && a.locals == nil {
			err = a.forTor(log)
		}
		if err != nil {
			return nil, err
		}
		return a.locals[0].Addr(), nil
	})
}

// isOtherLocal tells whether another transport of the same Tor, told to go through
// this address, comes by an alternative.
func (o *options) isOtherLocal(proxy netip.AddrPort) bool {
	for _, a := range o.alternatives[1:] {
		for _, ln := range a.locals {
			if ln.Addr().(*net.TCPAddr).AddrPort() == proxy {
				return true
			}
		}
	}
	return false
}

// serve runs the client on what listen has opened.
func (o *options) serve(ctx context.Context) error {
	var alternatives []client.Alternative
	for _, a := range o.alternatives {
		alternatives = append(alternatives, a.serving(o.client.Logger))
	}
	c, err := client.New(o.client, alternatives...)
	if err != nil {
		return err
	}
	return c.Run(ctx)
}

// local gives SOCKS connections as the client takes them.
type local struct{ *socks.Listener }

func (l local) Accept() (client.Request, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return request{c}, nil
}

type request struct{ *socks.Conn }

func (r request) Args() map[string][]string { return r.Conn.Args() }
