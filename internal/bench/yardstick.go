package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
)

// A yardstick is a process as ours are, so that all that a process costs is in both
// figures: this program, started with yardstickArg.
const (
	yardstickName = "yardstick"
	yardstickArg  = "yardstick"
)

// copyBuffer is what a plain relay has each way.
const copyBuffer = 32 << 10

// runYardstick is the process. It ends when it is killed.
func runYardstick(ctx context.Context, args []string, stdout io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "http":
		return serveHTTP(ctx, answerAtOnce, stdout)
	case len(args) == 1 && args[0] == "http-held":
		return serveHTTP(ctx, hold, stdout)
	case len(args) == 3 && args[0] == "polls":
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return keepPolls(ctx, args[1], n, stdout)
	case len(args) == 2 && args[0] == "relay":
		return relayTo(ctx, args[1], stdout)
	case len(args) == 5 && args[0] == "copy":
		n, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		size, err := strconv.Atoi(args[4])
		if err != nil {
			return err
		}
		return copyPairs(ctx, args[1], args[2], n, size)
	}
	return fmt.Errorf("no yardstick %q", args)
}

// copyPairs opens n pairs of connections, each first to a and then to b as a proxy does,
// and copies between the two.
func copyPairs(ctx context.Context, a, b string, n, size int) error {
	for range n {
		from, err := net.Dial("tcp4", a)
		if err != nil {
			return err
		}
		to, err := net.Dial("tcp4", b)
		if err != nil {
			return err
		}
		go splice(from, to, size)
	}
	<-ctx.Done()
	return nil
}

// splice copies both ways through user space until both are done.
func splice(a, b net.Conn, size int) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyOne(b, a, size)
	}()
	copyOne(a, b, size)
	<-done
	a.Close()
	b.Close()
}

// copyOne copies one way.
func copyOne(to, from net.Conn, size int) {
	// Not as what they are: the kernel would do the copying.
	io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, size))
	to.(*net.TCPConn).CloseWrite()
}
