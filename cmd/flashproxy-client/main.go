// Command flashproxy-client is the client transport plugin: it links Tor with
// flash proxies that connect to it. See flashproxy-client --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"flashproxy/internal/daemon"
	"flashproxy/internal/pt"
	"flashproxy/internal/scrub"
)

func main() { os.Exit(daemon.Main("flashproxy-client", run)) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	tor := pt.New(stdout, scrub.String)
	o, err := parseOptions(args, stdout)
	if err == nil && o.external == pt.Managed() {
		err = daemon.Usagef("%s", howToRun(o.external))
	}
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
	ctx, cancel := pt.UntilStdinCloses(ctx, stdin)
	defer cancel()

	if err := o.listen(log, tor); err != nil {
		return err
	}
	o.client.Logger, o.client.Notice = log, func(text string) {
		log.Info(text)
		tor.Notice("%s", text)
	}
	err = o.serve(ctx)
	if errors.Is(err, pt.ErrStdinClosed) {
		return nil
	}
	return err
}

func howToRun(external bool) string {
	if external {
		return "--external is for running by hand, but Tor runs this: take it out of the ClientTransportPlugin line"
	}
	return fmt.Sprintf("Tor runs this, by a line in torrc: ClientTransportPlugin flashproxy exec %s; to run it by hand, add --external", os.Args[0])
}
