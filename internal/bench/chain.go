package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"flashproxy/internal/e2e"
)

// chainMessage is what a Tor writes at once at most, some 30 cells.
const chainMessage = 16 << 10

// chainThroughput is how much goes through SOCKS, client, proxy and server.
func chainThroughput(ctx context.Context, b *bench) ([]line, error) {
	yard, err := b.startCopies(ctx)
	if err != nil {
		return nil, fmt.Errorf("copies: %w", err)
	}
	defer yard.close()
	ours, err := b.startChain(ctx)
	if err != nil {
		return nil, fmt.Errorf("chain: %w", err)
	}
	defer ours.close()
	total := pick[int64](b, 128e6, 32e6)
	measure := func(f *fleet) measurement {
		f.drain(readSize)
		return func(ctx context.Context) ([]float64, error) { return f.throughput(ctx, total) }
	}
	y, o, err := b.compare(ctx, measure(yard), measure(ours))
	if err != nil {
		return nil, err
	}
	return []line{
		{what: "chain to three copies, up", unit: "MB/s", yard: y[0], ours: o[0], goal: atLeast(0.8)},
		{what: "chain to three copies, down", unit: "MB/s", yard: y[1], ours: o[1], goal: atLeast(0.8)},
		{what: "  CPU of all three", unit: "s/GB", yard: y[2], ours: o[2]},
	}, nil
}

// throughput sends total bytes each way, one after the other, and gives the speed of
// each, in 10^6 bytes a second, and the CPU time of all processes for 10^9 bytes.
func (f *fleet) throughput(ctx context.Context, total int64) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(ctx, f.close)() // so that senders end too
	before, err := f.cpuTimes()
	if err != nil {
		return nil, err
	}
	var figures []float64
	n := total / chainMessage
	for side, from := range f.pairs[0] {
		to := f.pairs[0][1-side]
		want := to.total() + n*chainMessage
		start := time.Now()
		if err := from.send(chainMessage, n); err != nil {
			return nil, err
		}
		if err := to.await(ctx, want); err != nil {
			return nil, err
		}
		figures = append(figures, float64(n*chainMessage)/1e6/time.Since(start).Seconds())
	}
	after, err := f.cpuTimes()
	return append(figures, (after-before).Seconds()/(float64(2*n*chainMessage)/1e9)), err
}

// cpuTimes is what all its processes have used.
func (f *fleet) cpuTimes() (time.Duration, error) {
	sum, err := cpuTime(f.proc.PID())
	for _, p := range f.others {
		t, e := cpuTime(p.PID())
		if sum += t; e != nil {
			err = e
		}
	}
	return sum, err
}

// startChain starts a client, a proxy and a server.
func (b *bench) startChain(ctx context.Context) (*fleet, error) {
	return newChain(ctx, func(c net.Conn) error { return socks(c, "") }, func(ctx context.Context, f *fleet, service string) (string, error) {
		server, err := b.startRelay(ctx, f, service)
		if err != nil {
			return "", err
		}
		local, remote, err := b.startLinker(ctx, f)
		if err != nil {
			return "", err
		}
		return local, f.add(b.programs.Run("proxy-headless", "--client", remote, "--relay", server,
			"--connections-per-client", "1", "--drain", "0s"))
	})
}

// startCopies starts three copies.
func (b *bench) startCopies(ctx context.Context) (*fleet, error) {
	return newChain(ctx, func(net.Conn) error { return nil }, func(ctx context.Context, f *fleet, service string) (string, error) {
		next := service
		for range 3 {
			err := f.add(b.programs.Run(yardstickName, yardstickArg, "relay", next))
			if err == nil {
				next, err = f.listensOn(ctx, "port=")
			}
			if err != nil {
				return "", err
			}
		}
		return next, nil
	})
}

// newChain starts processes, one behind the other, before a service, and connects to the service through
// them: to the address that build gives, with a request if they want one.
func newChain(ctx context.Context, request func(net.Conn) error,
	build func(ctx context.Context, f *fleet, service string) (address string, err error)) (*fleet, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	service, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	f := &fleet{pairs: make([][2]*end, 1)}
	address, err := build(ctx, f, service.Addr().String())
	if err != nil {
		f.close()
		return nil, err
	}
	return f.join(ctx, cancel, f.dialThrough(ctx, address, request), f.acceptSecond(service))
}

// startRelay adds a flashproxy-server that forwards to a service, and gives its address.
func (b *bench) startRelay(ctx context.Context, f *fleet, service string) (string, error) {
	if err := f.add(b.programs.Run("flashproxy-server", "--listen", "127.0.0.1:0", "--forward", service)); err != nil {
		return "", err
	}
	return f.listensOn(ctx, "listening")
}

// startLinker adds a flashproxy-client, and gives where Tor and proxies connect.
func (b *bench) startLinker(ctx context.Context, f *fleet) (local, remote string, err error) {
	if err = f.add(b.programs.Run("flashproxy-client", "--external", "-v", "127.0.0.1:0", "127.0.0.1:0")); err != nil {
		return "", "", err
	}
	if local, err = f.listensOn(ctx, "for=Tor"); err == nil {
		remote, err = f.listensOn(ctx, "for=proxies")
	}
	return local, remote, err
}

// add makes p the process, of several the newest.
func (f *fleet) add(p *e2e.Process, err error) error {
	if err != nil {
		return err
	}
	if f.proc != nil {
		f.others = append(f.others, f.proc)
	}
	f.proc = p
	return nil
}

// listensOn gives the address of the newest process.
func (f *fleet) listensOn(ctx context.Context, text string) (string, error) {
	port, err := f.proc.Port(ctx, text)
	return net.JoinHostPort("127.0.0.1", port), err
}

// dialThrough connects the first end of the only pair.
func (f *fleet) dialThrough(ctx context.Context, address string, request func(net.Conn) error) func() error {
	return func() error {
		c, err := dialAs(ctx, 0, address)
		if err != nil {
			return err
		}
		f.pairs[0][0] = &end{Conn: c}
		if err := request(c); err != nil {
			return err
		}
		return f.pairs[0][0].sendTag(0)
	}
}

// acceptSecond accepts the other ends of all pairs at a service.
func (f *fleet) acceptSecond(service net.Listener) func() error {
	return func() error {
		return f.accept(service, false, func(_ int, e *end) error { return f.second(e) })
	}
}

// relayTo is a yardstick: it copies each connection to address and back.
func relayTo(ctx context.Context, address string, stdout io.Writer) error {
	ln, err := listen(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "port=%d\n", ln.Addr().(*net.TCPAddr).Port)
	for {
		from, err := ln.Accept()
		if err != nil {
			return err
		}
		to, err := net.Dial("tcp4", address)
		if err != nil {
			return err
		}
		go splice(from, to, copyBuffer)
	}
}
