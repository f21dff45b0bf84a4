// Command facilitator is the matchmaker of flash proxies: clients register with
// it, proxies ask it for clients. See facilitator --help.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"flashproxy/internal/daemon"
	"flashproxy/internal/facilitator"
	"flashproxy/internal/pool"
)

func main() { os.Exit(daemon.Main("facilitator", run)) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	opts, err := parseOptions(args, stdout)
	if err != nil {
		return err
	}
	// From here on, so that one that comes early does not end the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)

	relays, err := facilitator.LoadRelays(opts.relayFile, opts.allowPrivate)
	if err != nil {
		return err
	}
	key, err := facilitator.LoadKey(opts.keyFile)
	if err != nil {
		return err
	}
	listeners, err := opts.listeners(ctx)
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	log, logFile, err := opts.log.Open(stderr)
	if err != nil {
		return err
	}
	defer logFile.Close()

	waiting := pool.NewMemory(opts.pool)
	defer waiting.Close()
	s := facilitator.New(opts.config(waiting, key, log))
	s.SetRelays(relays)
	fmt.Fprintln(stdout, "public-key", key.Public())
	log.Info("start", "version", daemon.Version(), "relays", len(relays), "public-key", key.Public().String())
	opts.warnOfUnknown(log, relays)
	for _, l := range listeners {
		log.Info("listening", "port", portOf(l))
	}

	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		watch(ctx, hup, log, func() error { return reload(s, opts, log, logFile) })
	})
	if err := daemon.Ready(); err != nil {
		log.Warn("systemd was not told", "err", err)
	}
	err = s.Serve(ctx, listeners...)
	log.Info("stop")
	return err
}

func portOf(l net.Listener) int {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0 // a Unix socket
}
