// Command flashproxy-server is the relay's half of the flash proxy transport: under
// Tor a pluggable transport, without Tor a door to any TCP service. See
// flashproxy-server --help.
package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"flashproxy/internal/daemon"
	"flashproxy/internal/pt"
	"flashproxy/internal/scrub"
	"flashproxy/internal/server"
	"flashproxy/internal/wsconn"
)

func main() { os.Exit(daemon.Main("flashproxy-server", run)) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	tor := pt.New(stdout, scrub.String)
	o, err := parseOptions(args, stdout)
	if errors.Is(err, daemon.ErrPrinted) {
		return err
	} else if err != nil {
		return tor.Refuse(err)
	}
	log, logFile, err := o.log.Open(stderr)
	if err != nil {
		return err
	}
	defer logFile.Close()
	log.Info("start", "version", daemon.Version(), "max_connections", o.maxConns)
	certLog := slog.New(toTor{log.Handler(), tor})
	secure, err := o.tls.load(certLog)
	if err != nil {
		return tor.Refuse(err)
	}
	stop, err := secure.start(ctx, certLog)
	if errors.Is(err, fs.ErrPermission) {
		return tor.Refuse(err)
	} else if err != nil {
		tor.Log(pt.Error, err.Error())
		return err
	}
	defer stop()
	listen := wsconn.ListenOptions{Logger: log, TLS: secure.config, TrustedProxies: o.proxies}
	cfg := server.Config{Listeners: transports(listen), MaxConns: o.maxConns, Logger: log}
	if o.forward != "" {
		return forward(ctx, o, cfg)
	}
	return managed(ctx, tor, cfg, stdin)
}

// transports are the methods and what speaks each: two names for one thing.
func transports(o wsconn.ListenOptions) map[string]func(net.Listener) net.Listener {
	listen := func(ln net.Listener) net.Listener { return wsconn.Listen(ln, o) }
	return map[string]func(net.Listener) net.Listener{"flashproxy": listen, "websocket": listen}
}

// managed serves as the Tor wishes that started this process.
func managed(ctx context.Context, tor *pt.Tor, cfg server.Config, stdin io.Reader) error {
	ctx, stop := pt.UntilStdinCloses(ctx, stdin)
	defer stop()
	var open listeners
	defer open.close()
	info, err := tor.Server([]string{"flashproxy", "websocket"}, func(b pt.Bind) (net.Addr, error) {
		return open.listen(ctx, cfg.Logger, b.Method, b.Addr.String())
	})
	if err != nil {
		return err
	}
	cfg.Dial, cfg.ClientFirst = info.DialOR, true
	return open.serve(ctx, cfg)
}

// forward serves without Tor.
func forward(ctx context.Context, o *options, cfg server.Config) error {
	var open listeners
	defer open.close()
	for _, address := range o.listen {
		if _, err := open.listen(ctx, cfg.Logger, "websocket", address); err != nil {
			return err
		}
	}
	if err := daemon.Ready(); err != nil {
		cfg.Logger.Warn("systemd was not told", "err", err)
	}
	cfg.Dial = func(ctx context.Context, _ netip.AddrPort, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", o.forward)
	}
	cfg.ClientFirst = o.first
	return open.serve(ctx, cfg)
}
