// Command proxy-headless is a flash proxy outside of any browser. See
// proxy-headless --help.
package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"

	"flashproxy/internal/daemon"
	"flashproxy/internal/proxy"
	"flashproxy/internal/registration"
	"flashproxy/internal/tcpconn"
	"flashproxy/internal/wsconn"
)

func main() { os.Exit(daemon.Main("proxy-headless", run)) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stdout)
	if err != nil {
		return err
	}
	log, logFile, err := o.log.Open(stderr)
	if err != nil {
		return err
	}
	defer logFile.Close()
	cfg := o.proxy
	cfg.Logger = log
	if cfg.Dialers, err = o.offered(dialers(o.allow())); err != nil {
		return err
	}
	p, err := proxy.New(cfg)
	if err != nil {
		return err
	}
	log.Info("start", "version", daemon.Version())
	if err := daemon.Ready(); err != nil {
		log.Warn("systemd was not told", "err", err)
	}
	return p.Run(ctx)
}

// dialers are the outer transports that this proxy can open.
func dialers(allow func(netip.Addr) bool) map[string]proxy.Dialer {
	tcp := tcpconn.Dialer{Allow: allow}
	webSocket := func(scheme string) proxy.Dialer {
		return func(ctx context.Context, address string) (net.Conn, error) {
			c, err := wsconn.Dial(ctx, scheme+"://"+address+"/", wsconn.DialOptions{NetDial: tcp.DialContext})
			if err != nil {
				return nil, err // not c: a nil *Conn would be a net.Conn that is not nil
			}
			return c, nil
		}
	}
	return map[string]proxy.Dialer{
		registration.DefaultOuter: webSocket("ws"),
		"wss":                     webSocket("wss"),
		"tcp":                     tcp.Dial,
	}
}
