package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"flashproxy/internal/e2e"
)

// fleet is a process that carries bytes between pairs of ends: proxy-headless, or
// the copy that is its yardstick.
type fleet struct {
	proc   *e2e.Process
	others []*e2e.Process // where it takes several to carry
	pairs  [][2]*end      // the client's end and the relay's

	mu sync.Mutex // of pairs while they are put together
}

// patience is for connections and bytes to arrive; a fleet that hangs fails.
const patience = 2 * time.Minute

// startProxy starts a proxy-headless with n pairs.
func (b *bench) startProxy(ctx context.Context, n int, env ...string) (*fleet, error) {
	return newFleet(ctx, n, true, func(client, relay string) (*e2e.Process, error) {
		return b.programs.RunEnv("proxy-headless", env, "--client", client, "--relay", relay,
			"--connections-per-client", strconv.Itoa(n), "--drain", "0s")
	})
}

// startCopy starts a yardstick that copies n pairs with buffers of size bytes.
func (b *bench) startCopy(ctx context.Context, n, size int, env ...string) (*fleet, error) {
	return newFleet(ctx, n, false, func(client, relay string) (*e2e.Process, error) {
		return b.programs.RunEnv(yardstickName, env, yardstickArg, "copy", client, relay, strconv.Itoa(n), strconv.Itoa(size))
	})
}

// newFleet listens as client and as relay, starts the process that connects them,
// and finds out which connections belong together.
func newFleet(ctx context.Context, n int, framed bool, start func(client, relay string) (*e2e.Process, error)) (*fleet, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	relay, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	proc, err := start(client.Addr().String(), relay.Addr().String())
	if err != nil {
		return nil, err
	}
	f := &fleet{proc: proc, pairs: make([][2]*end, n)}
	return f.join(ctx, cancel,
		func() error {
			return f.accept(client, framed, func(i int, e *end) error {
				f.pairs[i][0] = e
				return e.sendTag(i)
			})
		},
		func() error {
			return f.accept(relay, framed, func(_ int, e *end) error { return f.second(e) })
		})
}

// listen listens until ctx ends.
func listen(ctx context.Context) (net.Listener, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err == nil {
		context.AfterFunc(ctx, func() { ln.Close() })
	}
	return ln, err
}

// join waits for both sides of all pairs. A side that fails ends the other by cancel,
// and the end of ctx both.
func (f *fleet) join(ctx context.Context, cancel func(), sides ...func() error) (*fleet, error) {
	stop := context.AfterFunc(ctx, f.kill)
	defer stop()
	err := inParallel(len(sides), func(i int) error {
		err := sides[i]()
		if err != nil {
			cancel()
		}
		return err
	})
	if err != nil {
		f.close()
		return nil, fmt.Errorf("connect %d pairs: %w; the process says: %q", len(f.pairs), err, f.proc.Lines().Tail(3))
	}
	return f, nil
}

// accept accepts one side of all pairs, and does the server's part of the handshake.
func (f *fleet) accept(ln net.Listener, framed bool, then func(i int, e *end) error) error {
	defer ln.Close()
	conns := make(chan net.Conn)
	var failed error
	go func() {
		defer close(conns)
		for range f.pairs {
			c, err := ln.Accept()
			if err != nil {
				failed = err
				return
			}
			conns <- c
		}
	}()
	var next atomic.Int64
	const hands = 32
	err := inParallel(hands, func(int) error {
		var err error
		for c := range conns { // to the last, so that accepting ends
			e := &end{Conn: c}
			if err == nil && framed {
				e.wrap = frame
				err = upgrade(c)
			}
			if err == nil {
				err = then(int(next.Add(1)-1), e)
			}
			if err != nil {
				c.Close()
			}
		}
		return err
	})
	return errors.Join(err, failed)
}

// second puts an end to the pair whose number it reads.
func (f *fleet) second(e *end) error {
	i, err := e.readTag()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if i < 0 || i >= len(f.pairs) || f.pairs[i][1] != nil {
		return fmt.Errorf("there is no pair %d, or there are two", i)
	}
	f.pairs[i][1] = e
	return nil
}

// drain lets all ends read, with buffers of size bytes.
func (f *fleet) drain(size int) {
	for _, p := range f.pairs {
		go p[0].drain(size)
		go p[1].drain(size)
	}
}

// move sends about total bytes, as messages of size bytes, from all ends at once, waits
// until all have arrived, and gives how many they were. The ends drain.
func (f *fleet) move(ctx context.Context, size int, total int64) (moved int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n := max(1, total/int64(size*2*len(f.pairs)))
	errs := make(chan error, 2*len(f.pairs))
	for _, p := range f.pairs {
		for side, from := range p {
			to := p[1-side]
			want := to.total() + n*int64(size)
			go func() {
				sent := make(chan error, 1)
				go func() { sent <- from.send(size, n) }()
				err := to.await(ctx, want)
				if err != nil {
					from.Close() // so that sending ends too
				} else if got := to.total(); got != want {
					err = fmt.Errorf("%d bytes came where %d were sent", got, want)
				}
				<-sent
				errs <- err
			}()
		}
	}
	for range cap(errs) {
		if e := <-errs; e != nil {
			err = e
		}
	}
	return n * int64(size*2*len(f.pairs)), err
}

// cpu moves as move does, and gives the CPU time that it cost the process, in
// seconds for each 10^9 bytes.
func (f *fleet) cpu(ctx context.Context, size int, total int64) (float64, error) {
	before, err := cpuTime(f.proc.PID())
	if err != nil {
		return 0, err
	}
	moved, err := f.move(ctx, size, total)
	if err != nil {
		return 0, err
	}
	after, err := cpuTime(f.proc.PID())
	return (after - before).Seconds() / (float64(moved) / 1e9), err
}

// kill ends the processes.
func (f *fleet) kill() {
	if f.proc != nil {
		f.proc.Kill()
	}
	for _, p := range f.others {
		p.Kill()
	}
}

// close ends the processes and all ends.
func (f *fleet) close() {
	f.kill()
	for _, p := range f.pairs {
		for _, e := range p {
			if e != nil {
				e.Close()
			}
		}
	}
}
