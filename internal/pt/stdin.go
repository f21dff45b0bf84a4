package pt

import (
	"context"
	"errors"
	"io"
	"os"
)

// ErrStdinClosed is the cause of a context that ended because Tor closed stdin.
var ErrStdinClosed = errors.New("Tor closed the standard input")

// UntilStdinCloses returns a context that ends with ctx, and also when stdin
// does if Tor asked for that (TOR_PT_EXIT_ON_STDIN_CLOSE=1): it is how Tor, also
// one that crashed, ends a transport on every system. Call the function when the
// context is of no use any more.
//
// What is read is dropped. A read of the real standard input cannot be stopped:
// the goroutine that does it is the one in this project that nobody waits for.
func UntilStdinCloses(ctx context.Context, stdin io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if os.Getenv("TOR_PT_EXIT_ON_STDIN_CLOSE") == "1" {
		go func() {
			io.Copy(io.Discard, stdin)
			cancel(ErrStdinClosed)
		}()
	}
	return ctx, func() { cancel(context.Canceled) }
}
