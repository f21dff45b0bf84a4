package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"

	"flashproxy/internal/client"
	"flashproxy/internal/pt"
	"flashproxy/internal/socks"
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
	for _, ln := range remotes {
		rs = append(rs, wsconn.Listen(ln, wsconn.ListenOptions{Logger: o.client.Logger}))
	}
	c, err := client.New(o.client)
	if err != nil {
		return err
	}
	return c.Run(ctx, ls, rs)
}

// listenLocal opens the SOCKS side. Both methods share one port: they differ in name only.
func (o *options) listenLocal(log *slog.Logger, tor *pt.Tor) ([]net.Listener, error) {
	v4 := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if o.external {
		return o.local.listen(log, "Tor", v4, netip.IPv6Loopback())
	}
	if !o.local.host.IsValid() {
		o.local.host = v4 // Tor takes one address
	}
	var open []net.Listener
	err := tor.Client([]string{"flashproxy", "websocket"}, func(string) (net.Addr, error) {
		if open == nil {
			var err error
			if open, err = o.local.listen(log, "Tor", v4, v4); err != nil {
				return nil, err
			}
		}
		return open[0].Addr(), nil
	})
	if err != nil {
		closeAll(open)
	}
	return open, err
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
