// Command demo shows the whole system at work on one machine: a private Tor network
// on loopback, a facilitator, a flash proxy, and a Tor client that fetches a page
// through it. It says in plain words what happens, and how long each step took.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"flashproxy/internal/e2e"
	"flashproxy/internal/tornet"
)

// patience is for the whole demo: many times what it takes.
const patience = 5 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	story := &story{start: time.Now(), now: time.Now()}
	err := run(ctx, story)
	story.end(err)
	if err != nil {
		os.Exit(1)
	}
}

// run builds up the system, part by part, uses it, and takes it down.
func run(ctx context.Context, s *story) (err error) {
	if _, err := tornet.Find(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "flashproxy-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var parts parts
	defer func() { err = errors.Join(err, parts.stop()) }()

	s.say("Building the four programs.")
	programs, err := e2e.Build(ctx, dir)
	if err != nil {
		return err
	}
	s.done("built")

	s.say("Starting a Tor network of our own: a directory authority that is also an exit, and a relay.")
	net, err := tornet.Start(ctx, tornet.Config{Progress: func(step tornet.Step) { s.detail(step.String()) }})
	if err != nil {
		return err
	}
	parts.add(net.Close)
	s.done("Tor network")

	s.say("Starting a bridge. Its tor runs flashproxy-server, which takes connections from flash proxies.")
	bridge, line, err := programs.Bridge(ctx, net, "bridge", tornet.Transport{Name: "flashproxy"})
	if err != nil {
		return err
	}
	parts.add(bridge.Stop)
	s.done("bridge")

	s.say("Starting the facilitator, which knows that bridge from its relay file: " + line)
	facilitator, err := programs.Facilitator(ctx, dir, "127.0.0.1:0", []string{line})
	if err != nil {
		return err
	}
	parts.add(facilitator.Stop)
	s.done("facilitator")

	s.say("Starting proxy-headless, a flash proxy without a browser. It asks the facilitator for a client, and waits.")
	proxy, err := programs.Proxy(ctx, facilitator.URL, "--drain", "0s")
	if err != nil {
		return err
	}
	parts.add(proxy.Stop)
	s.done("flash proxy")

	return browse(ctx, s, &parts, programs, net, facilitator.URL)
}

// browse is the user's part.
func browse(ctx context.Context, s *story, parts *parts, programs e2e.Programs, net *tornet.Network, url string) error {
	s.say("Starting a Tor client that knows no relay. Its tor runs flashproxy-client, which tells the facilitator that",
		"it waits; the proxy hears of it, and connects to it and to the bridge.")
	client, err := programs.Client(ctx, net, "client", url)
	if err != nil {
		return err
	}
	parts.add(client.Stop)
	err = client.Bootstrapped(ctx, func(percent int, summary string) { s.detail(fmt.Sprintf("%3d %% %s", percent, summary)) })
	if err != nil {
		return err
	}
	for _, l := range client.Log().Tail(100) {
		if text, ok := notice(l); ok {
			s.detail("its log says: " + text)
		}
	}
	s.done("Tor client, to 100 %")

	page, err := e2e.ServePage(net.Host(), 1<<20)
	if err != nil {
		return err
	}
	parts.add(page.Close)
	s.say("Fetching a page of 1 MiB over a circuit of three hops: page, exit, relay, bridge, flash proxy, client.")
	first, last, err := page.Fetch(ctx, client.HTTPClient())
	if err != nil {
		return err
	}
	s.detail(fmt.Sprintf("first byte after %d ms, all after %d ms; every byte is as it was sent", first.Milliseconds(), last.Milliseconds()))
	s.done("page")
	return nil
}

// parts are what runs, in the order of its start.
type parts struct{ stops []func() error }

func (p *parts) add(stop func() error) { p.stops = append(p.stops, stop) }

// stop ends all, the last first.
func (p *parts) stop() error {
	var errs []error
	for i := len(p.stops) - 1; i >= 0; i-- {
		errs = append(errs, p.stops[i]())
	}
	return errors.Join(errs...)
}
