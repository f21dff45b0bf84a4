// Package daemon is what every program of the project does in the same way:
// signals and exit codes, the command line and its help, the log, the version,
// readiness for systemd and the sockets that systemd opened. It knows nothing of
// what a program is for.
//
// Mechanisms do not import each other. This one imports scrub, and is the only
// one that does: a log is wired here, once, so that no program can forget to
// scrub it.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"flashproxy/internal/scrub"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2 // as the shell, and pflag, do
)

// Run is a whole program. Its context ends when the program is asked to stop; it
// then finishes its work and returns.
type Run func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error

// Main runs a program with the process's arguments and standard streams, and
// returns its exit code; os.Exit(daemon.Main("name", run)) is all that a main
// function needs.
//
// SIGINT or SIGTERM ends the context; a second one has its usual effect, and
// ends the process at once. The code is 0 when run returned nil, or the context's
// own error after a signal, 2 for a [UsageError], and 1 for any other error. The
// error is printed to stderr as "name: message", without addresses, because
// stderr may end in a log that others read; only a UsageError, which tells what
// the user just typed, is printed as it is.
func Main(name string, run Run) int {
	ctx, stop := signalContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return report(ctx, name, os.Stderr, run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// signalContext differs from signal.NotifyContext in one thing: when the context
// is done, the next signal is sure to have its default effect.
func signalContext(parent context.Context, signals ...os.Signal) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	received := make(chan os.Signal, 1)
	signal.Notify(received, signals...)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-received:
		case <-ctx.Done():
		}
		signal.Stop(received)
		cancel()
	})
	return ctx, func() { cancel(); wg.Wait() }
}

// report prints what err says and returns the exit code for it.
func report(ctx context.Context, name string, stderr io.Writer, err error) int {
	var usage *UsageError
	switch {
	case err == nil, errors.Is(err, ErrPrinted):
		return exitOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "%s: %v; try '%s --help'\n", name, err, name)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "%s: %s\n", name, scrub.Error(err))
		return exitError
	}
}

// UsageError is a fault in the command line.
type UsageError struct{ Err error }

// Usagef returns a [UsageError] with a text made as by fmt.Errorf.
func Usagef(format string, args ...any) error {
	return &UsageError{Err: fmt.Errorf(format, args...)}
}

func (e *UsageError) Error() string { return e.Err.Error() }

func (e *UsageError) Unwrap() error { return e.Err }

// ErrPrinted is what [Flags.Parse] returns when the command line asked for the
// help text or the version, which are then printed: there is nothing more to do.
var ErrPrinted = errors.New("printed what was asked for")
