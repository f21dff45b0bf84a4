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

// serve runs the client on these listeners.
func serve(ctx context.Context, o *options, locals, remotes []net.Listener) error {
	versions := socks.V5 // what Tor was told
	if o.external {
		versions = socks.All
	}
	var ls []client.Locals
	for _, ln := range locals {
		ls = append(ls, local{socks.NewListener(ln, socks.Options{Versions: versions, Logger: o.client.Logger})})
	}
	var rs []net.Listener
	listen := listeners(o.client.Logger)[o.client.Target.Transport.Outer]
	for _, ln := range remotes {
		rs = append(rs, listen(ln))
	}
	c, err := client.New(o.client)
	if err != nil {
		return err
	}
	return c.Run(ctx, ls, rs)
}

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

// listen opens both sides, and tells Tor of its own. Both methods share one SOCKS
// port: they differ in name only.
func (o *options) listen(log *slog.Logger, tor *pt.Tor) (remotes, locals []net.Listener, err error) {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	remotes, err = o.remote.listen(log, "proxies", netip.IPv4Unspecified(), netip.IPv6Unspecified())
	switch {
	case !o.external:
		if !o.local.host.IsValid() {
			o.local.host = loopback // Tor takes one address
		}
		err = tor.Client([]string{"flashproxy", "websocket"}, func(string) (net.Addr, error) {
			if err == nil && locals == nil {
				locals, err = o.local.listen(log, "Tor", loopback, loopback)
			}
			if err != nil {
				return nil, err
			}
			return locals[0].Addr(), nil
		})
	case err == nil:
		locals, err = o.local.listen(log, "Tor", loopback, netip.IPv6Loopback())
	}
	if err != nil {
		closeAll(remotes)
		closeAll(locals)
		return nil, nil, err
	}
	o.listensOn(portOf(remotes[0]))
	return remotes, locals, nil
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
