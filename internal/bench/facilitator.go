package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"flashproxy/internal/e2e"
)

// service is an HTTP server in a process: the facilitator, or a yardstick.
type service struct {
	*e2e.Process
	address string
}

// startFacilitator starts a facilitator that takes requests from everywhere on the
// word of X-Forwarded-For, and more of them than it does by default.
func (b *bench) startFacilitator(ctx context.Context, env ...string) (service, error) {
	dir, err := os.MkdirTemp(b.dir, "facilitator")
	if err != nil {
		return service{}, err
	}
	relays := dir + "/relays"
	if err := os.WriteFile(relays, []byte("websocket 127.0.0.1:9\ntcp 127.0.0.1:9\n"), 0o600); err != nil {
		return service{}, err
	}
	p, err := b.programs.RunEnv("facilitator", env, "--relay-file", relays, "--key-file", dir+"/key", "--listen", "127.0.0.1:0",
		"--allow-private-addresses", "--trusted-proxies", "127.0.0.0/8", "--proxies-per-client", "1", "--registration-ttl", "1h",
		"--max-wait", "1h", "--max-waiting", "100000", "--max-registrations", "4000000")
	return listening(ctx, p, err)
}

// startHTTP starts a yardstick that answers, or holds, requests.
func (b *bench) startHTTP(ctx context.Context, kind string, env ...string) (service, error) {
	p, err := b.programs.RunEnv(yardstickName, env, yardstickArg, kind)
	return listening(ctx, p, err)
}

func listening(ctx context.Context, p *e2e.Process, err error) (service, error) {
	if err != nil {
		return service{}, err
	}
	port, err := p.Port(ctx, "port=")
	if err != nil {
		p.Kill()
		return service{}, err
	}
	return service{p, net.JoinHostPort("127.0.0.1", port)}, nil
}

// serveHTTP is a yardstick: net/http with nothing but a handler.
func serveHTTP(ctx context.Context, h http.HandlerFunc, stdout io.Writer) error {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "port=%d\n", ln.Addr().(*net.TCPAddr).Port)
	context.AfterFunc(ctx, func() { ln.Close() })
	return http.Serve(ln, h)
}

// heldTransport is of polls that are held, since no client comes for it.
const heldTransport = "tcp"

// answerAtOnce reads what a facilitator reads of a registration and of a poll, and
// answers with the same bytes. It holds what a facilitator holds, too: ten thousand
// goroutines make work for the collector, whoever waits in them.
func answerAtOnce(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.RawQuery, "transport="+heldTransport) {
		hold(w, r)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodPost {
		io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		return
	}
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
	io.WriteString(w, "client=10.12.34.56%3A9000&client-transport=websocket&relay=127.0.0.1%3A9&relay-transport=websocket&check-back-in=2")
}

// hold answers when the client has gone.
func hold(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// otherTransport is one for which there is no relay: who registers it waits.
const otherTransport = "other|websocket"

// facilitatorMatches is how many clients a facilitator can give to proxies.
func facilitatorMatches(ctx context.Context, b *bench) ([]line, error) {
	others := pick(b, 100_000, 20_000)
	held := min(pick(b, 10_000, 1000), fileLimit()-spareFiles)
	yard, ours, err := b.compareAnew(ctx, b.rounds, func(ctx context.Context) (yard, ours measurement, end func(), err error) {
		var started load
		defer func() {
			if err != nil {
				started.end()
			}
		}()
		f, err := started.service(b.startFacilitator(ctx))
		if err != nil {
			return nil, nil, nil, err
		}
		err = askAll(ctx, f.address, others, func(i int) string { return registerRequest(i, otherTransport) })
		if err != nil {
			return nil, nil, nil, fmt.Errorf("register others: %w", err)
		}
		y, err := started.service(b.startHTTP(ctx, "http"))
		if err != nil {
			return nil, nil, nil, err
		}
		n := pick(b, 10_000, 4000)
		if yard, err = started.matches(ctx, b, y, others, held, n); err == nil {
			ours, err = started.matches(ctx, b, f, others, held, n)
		}
		return yard, ours, started.end, err
	})
	if err != nil {
		return nil, err
	}
	return []line{
		{what: fmt.Sprintf("facilitator, %d others, %d held", others, held), unit: "match/s", yard: yard[0], ours: ours[0], goal: atLeast(0.7)},
		{what: "facilitator, CPU of a match", unit: "us", yard: yard[1], ours: ours[1]},
	}, nil
}

// load is what was started for a measurement, and is to be ended after it.
type load []func()

func (l *load) end() {
	for _, end := range *l {
		end()
	}
}

// service adds a service that was started.
func (l *load) service(s service, err error) (service, error) {
	if err == nil {
		*l = append(*l, s.Kill)
	}
	return s, err
}

// matches has a service hold polls, and measures n matches beside.
func (l *load) matches(ctx context.Context, b *bench, s service, others, held, n int) (measurement, error) {
	polls, err := b.startPolls(ctx, s.address, held)
	if err != nil {
		return nil, fmt.Errorf("hold polls: %w", err)
	}
	*l = append(*l, polls.Kill)
	c, err := newCrowd(ctx, s, others)
	if err != nil {
		return nil, err
	}
	*l = append(*l, c.close)
	return c.matches(n), nil
}

// connections are open, and nobody reads them.
type connections []net.Conn

func (c connections) close() {
	for _, one := range c {
		if one != nil {
			one.Close()
		}
	}
}

// holdPolls sends n polls that nobody answers, also when there is an error.
func holdPolls(ctx context.Context, address string, n int) (connections, error) {
	all := make(connections, n)
	const dialers = 16
	err := inParallel(dialers, func(w int) error {
		for i := w; i < n; i += dialers {
			c, err := new(net.Dialer).DialContext(ctx, "tcp4", address)
			if err != nil {
				return err
			}
			all[i] = c
			if _, err := io.WriteString(c, pollRequest(i, heldTransport)); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// holding is what a process says that holds its polls.
const holding = "holding"

// startPolls starts a process that holds n polls: this one may not open as many files.
func (b *bench) startPolls(ctx context.Context, address string, n int) (*e2e.Process, error) {
	p, err := b.programs.Run(yardstickName, yardstickArg, "polls", address, strconv.Itoa(n))
	if err != nil {
		return nil, err
	}
	if _, err = p.WaitFor(ctx, holding); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// keepPolls is that process.
func keepPolls(ctx context.Context, address string, n int, stdout io.Writer) error {
	waiting, err := holdPolls(ctx, address, n)
	defer waiting.close()
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, holding)
	<-ctx.Done()
	return nil
}

// crowdSize is how many clients register, and proxies wait, at once.
const crowdSize = 16

// crowd are clients and proxies of one facilitator. As many proxies poll as
// clients are about to register.
type crowd struct {
	service
	clients [crowdSize]*asker
	proxies [crowdSize]*asker
	reading sync.WaitGroup
	answers chan result  // to the polls, one each
	next    atomic.Int64 // number of the next client
}

// result is the answer to a poll.
type result struct {
	proxy *asker
	err   error
}

// newCrowd connects. Its clients have numbers above others.
func newCrowd(ctx context.Context, s service, others int) (*crowd, error) {
	c := &crowd{service: s, answers: make(chan result, 2*crowdSize)}
	c.next.Store(int64(others))
	for w := range crowdSize {
		var err error
		if c.clients[w], err = dialHTTP(ctx, s.address); err == nil {
			c.proxies[w], err = dialHTTP(ctx, s.address)
		}
		if err != nil {
			c.close()
			return nil, err
		}
		c.reading.Go(func() { c.read(c.proxies[w]) })
		if _, err = io.WriteString(c.proxies[w], pollRequest(w, "websocket")); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// read passes on the answers to a proxy until there are no more.
func (c *crowd) read(proxy *asker) {
	for {
		body, err := proxy.answer()
		if err == nil && !bytes.HasPrefix(body, []byte("client=10.")) {
			err = errors.New("a poll was answered without a client")
		}
		c.answers <- result{proxy, err} // has room: for one answer each, and for the end of each
		if err != nil {
			return
		}
	}
}

func (c *crowd) close() {
	for w := range crowdSize {
		for _, a := range []*asker{c.clients[w], c.proxies[w]} {
			if a != nil {
				a.Close()
			}
		}
	}
	c.reading.Wait()
}

// matches measures n matches: how many there are in a second, and what one costs
// the process, in microseconds.
func (c *crowd) matches(n int) measurement {
	return func(ctx context.Context) ([]float64, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		before, err := cpuTime(c.PID())
		if err != nil {
			return nil, err
		}
		start := time.Now()
		if err := inParallel(crowdSize, func(w int) error { return c.work(ctx, c.clients[w], n/crowdSize) }); err != nil {
			return nil, err
		}
		took := time.Since(start).Seconds()
		after, err := cpuTime(c.PID())
		all := float64(n / crowdSize * crowdSize)
		return []float64{all / took, (after - before).Seconds() * 1e6 / all}, err
	}
}

// work registers n clients, and after each lets the next proxy that got one, this
// or another, poll again.
func (c *crowd) work(ctx context.Context, client *asker, n int) error {
	for range n {
		i := int(c.next.Add(1))
		if _, err := client.ask(registerRequest(i, "websocket")); err != nil {
			return fmt.Errorf("register: %w", err)
		}
		select {
		case r := <-c.answers:
			if r.err != nil {
				return fmt.Errorf("poll: %w", r.err)
			}
			if _, err := io.WriteString(r.proxy, pollRequest(i, "websocket")); err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("a registered client was given to nobody: %w", ctx.Err())
		}
	}
	return nil
}
