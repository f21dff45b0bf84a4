package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"flashproxy/internal/server"
)

// listeners are those that were opened, each with its method.
type listeners struct {
	open    []net.Listener
	methods []string
}

func (l *listeners) listen(ctx context.Context, log *slog.Logger, method, address string) (net.Addr, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open a listener: %w", err)
	}
	l.open, l.methods = append(l.open, ln), append(l.methods, method)
	log.Info("listening", "method", method, "port", ln.Addr().(*net.TCPAddr).Port)
	return ln.Addr(), nil
}

// serve returns when ctx ends, or when one of the listeners fails: whoever
// started this process will start it again with all of them.
func (l *listeners) serve(ctx context.Context, cfg server.Config) error {
	s, err := server.New(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(l.open))
	var wg sync.WaitGroup
	for i, ln := range l.open {
		wg.Go(func() {
			defer cancel()
			errs[i] = s.Serve(ctx, l.methods[i], ln)
		})
	}
	wg.Wait()
	cfg.Logger.Info("stop")
	return errors.Join(errs...)
}

// close closes what serve did not get to.
func (l *listeners) close() {
	for _, ln := range l.open {
		ln.Close()
	}
}
