package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"flashproxy/internal/daemon"
	"flashproxy/internal/facilitator"
)

// watch reloads on each SIGHUP and keeps systemd informed until ctx ends.
func watch(ctx context.Context, hup <-chan os.Signal, log *slog.Logger, reload func() error) {
	for {
		select {
		case <-ctx.Done():
			_ = daemon.Stopping() // on its way out there is nobody left to tell
			return
		case <-hup:
		}
		if err := errors.Join(daemon.Reloading(), reload(), daemon.Ready()); err != nil {
			log.Error("reload: what could not be read stays as it was", "err", err)
		}
	}
}

// reload reads the relay file again, and opens the log's file again, each even if the
// other fails.
func reload(s *facilitator.Server, opts *options, log *slog.Logger, logFile *daemon.LogFile) error {
	errLog := logFile.Reopen()
	relays, err := facilitator.LoadRelays(opts.relayFile, opts.allowPrivate)
	if err != nil {
		return errors.Join(errLog, err)
	}
	s.SetRelays(relays)
	log.Info("relays loaded", "relays", len(relays))
	opts.warnOfUnknown(log, relays)
	return errLog
}
