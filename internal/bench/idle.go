package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

const (
	// fewPairs are what a process has when its memory is first looked at: all that is
	// there once is there then.
	fewPairs = 100
	// tinyBuffer is what a connection needs at least to wait in Read.
	tinyBuffer = 128
	// spareFiles of each process are for other things than pairs.
	spareFiles = 200
)

// starter starts a process that carries n pairs.
type starter func(ctx context.Context, n int) (*fleet, error)

// idleMemory is what a pair takes that has carried something and is silent now: in
// proxy-headless, in flashproxy-server and in flashproxy-client.
func idleMemory(ctx context.Context, b *bench) ([]line, error) {
	n := min(pick(b, 10_000, 1000), (fileLimit()-spareFiles)/2)
	yard := idle(n, func(ctx context.Context, n int) (*fleet, error) { return b.startCopy(ctx, n, tinyBuffer, collector) })
	parts := []struct {
		what string
		m    measurement
	}{
		{"proxy-headless", idle(n, func(ctx context.Context, n int) (*fleet, error) { return b.startProxy(ctx, n, collector) })},
		{"server", idle(n, b.startServer)},
		{"client", idle(n, b.startClient)},
	}
	ours := func(ctx context.Context) (all []float64, err error) {
		for _, p := range parts {
			v, err := p.m(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.what, err)
			}
			all = append(all, v...)
		}
		return all, nil
	}
	y, o, err := b.compare(ctx, yard, ours)
	if err != nil {
		return nil, err
	}
	var lines []line
	for i, p := range parts {
		lines = append(lines,
			line{what: fmt.Sprintf("%s, each of %d idle pairs", p.what, n), unit: "KiB", yard: y[0], ours: o[i], goal: atMost(2)},
			line{what: "  itself", unit: "KiB", ours: o[i], goal: atMost(24).itself()})
	}
	return lines, nil
}

// idle measures the memory of one of n pairs, in KiB.
func idle(n int, start starter) measurement {
	var few float64 // of a process with few; does not vary
	return func(ctx context.Context) ([]float64, error) {
		if few == 0 {
			var err error
			if few, err = resident(ctx, start, fewPairs); err != nil {
				return nil, err
			}
		}
		many, err := resident(ctx, start, n)
		return []float64{(many - few) / float64(n-fewPairs) / 1024}, err
	}
}

// resident gives the memory of a process with n pairs each of which carried a few KB
// both ways.
func resident(ctx context.Context, start starter, n int) (float64, error) {
	f, err := start(ctx, n)
	if err != nil {
		return 0, err
	}
	defer f.close()
	f.drain(tinyBuffer)
	const messages, size = 2, 2 << 10
	if _, err := f.move(ctx, size, int64(n)*2*messages*size); err != nil {
		return 0, err
	}
	return settled(ctx, f.proc.PID())
}

// dialers open connections at once, each from an address of its own.
const dialers = 8

// dialAs connects from 127.0.1.w: all of 127.0.0.0/8 is this machine, and the programs
// bound what one address may have waiting.
func dialAs(ctx context.Context, w int, address string) (net.Conn, error) {
	from := netip.AddrFrom4([4]byte{127, 0, 1, byte(w)})
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	return d.DialContext(ctx, "tcp4", address)
}

// dialPairs opens the first end of each pair: a WebSocket to address. Then it calls then.
func (f *fleet) dialPairs(ctx context.Context, address string, then func(w int) error) error {
	return inParallel(dialers, func(w int) error {
		for i := w; i < len(f.pairs); i += dialers {
			c, err := dialAs(ctx, w, address)
			if err != nil {
				return err
			}
			f.pairs[i][0] = &end{Conn: c, wrap: clientFrame}
			if err := ask(c); err != nil {
				return err
			}
			if err := f.pairs[i][0].sendTag(i); err != nil {
				return err
			}
			if err := then(w); err != nil {
				return err
			}
		}
		return nil
	})
}

// startServer starts a flashproxy-server with n connections to a service.
func (b *bench) startServer(ctx context.Context, n int) (*fleet, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	service, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	proc, err := b.programs.RunEnv("flashproxy-server", []string{collector}, "--listen", "127.0.0.1:0",
		"--forward", service.Addr().String(), "--max-connections", strconv.Itoa(n))
	if err != nil {
		return nil, err
	}
	f := &fleet{proc: proc, pairs: make([][2]*end, n)}
	port, err := proc.Port(ctx, "listening")
	if err != nil {
		f.close()
		return nil, err
	}
	return f.join(ctx, cancel,
		func() error {
			return f.dialPairs(ctx, net.JoinHostPort("127.0.0.1", port), func(int) error { return nil })
		},
		f.acceptSecond(service))
}

// startClient starts a flashproxy-client with n SOCKS connections, each linked to a
// proxy's. Few of either wait at any time, since the client bounds that.
func (b *bench) startClient(ctx context.Context, n int) (*fleet, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	proc, err := b.programs.RunEnv("flashproxy-client", []string{collector}, "--external", "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &fleet{proc: proc, pairs: make([][2]*end, n)}
	local, err := proc.Port(ctx, "for=Tor")
	if err != nil {
		f.close()
		return nil, err
	}
	remote, err := proc.Port(ctx, "for=proxies")
	if err != nil {
		f.close()
		return nil, err
	}
	return f.join(ctx, cancel, func() error {
		return f.dialPairs(ctx, net.JoinHostPort("127.0.0.1", remote), func(w int) error {
			c, err := dialAs(ctx, w, net.JoinHostPort("127.0.0.1", local))
			if err != nil {
				return err
			}
			if err := socks(c, ""); err != nil {
				return err
			}
			return f.second(&end{Conn: c})
		})
	})
}
