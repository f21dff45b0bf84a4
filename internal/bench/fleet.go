package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"flashproxy/internal/e2e"
)

// fleet is a process that carries bytes between pairs of ends: proxy-headless, or
// the copy that is its yardstick.
type fleet struct {
	proc  *e2e.Process
	pairs [][2]*end // the client's end and the relay's
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
	var listeners [2]net.Listener
	for i := range listeners {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		listeners[i] = ln
	}
	defer context.AfterFunc(ctx, func() { listeners[0].Close(); listeners[1].Close() })()
	proc, err := start(listeners[0].Addr().String(), listeners[1].Addr().String())
	if err != nil {
		return nil, err
	}
	f := &fleet{proc: proc, pairs: make([][2]*end, n)}
	errs := make(chan error, 2)
	for side, ln := range listeners {
		go func() { errs <- f.accept(ln, side, framed) }()
	}
	for range listeners {
		if e := <-errs; e != nil && err == nil {
			err = e
			listeners[0].Close()
			listeners[1].Close()
		}
	}
	if err != nil {
		f.close()
		return nil, fmt.Errorf("accept %d pairs: %w; the process says:\n%v", n, err, proc.Lines().Tail(5))
	}
	return f, nil
}

// tagSize is the number of a pair, the first message in each.
const tagSize = 8

// accept accepts one side of all pairs. The client's ends send their numbers, and the
// relay's learn from that which pair is theirs.
func (f *fleet) accept(ln net.Listener, side int, framed bool) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for i := range f.pairs {
		c, err := ln.Accept()
		if err != nil {
			failed = err
			break
		}
		wg.Go(func() {
			e := &end{Conn: c, framed: framed}
			i, err := e.meet(i, side)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				failed = err
				c.Close()
			case i >= len(f.pairs) || f.pairs[i][side] != nil:
				failed = fmt.Errorf("two pairs with number %d", i)
				c.Close()
			default:
				f.pairs[i][side] = e
			}
		})
	}
	wg.Wait()
	return failed
}

// meet does the handshake of a new connection and gives the number of its pair.
func (e *end) meet(i, side int) (int, error) {
	e.SetDeadline(time.Now().Add(patience))
	defer e.SetDeadline(time.Time{})
	if e.framed {
		if err := upgrade(e); err != nil {
			return 0, err
		}
	}
	if side == 0 {
		tag := binary.BigEndian.AppendUint64(nil, uint64(i))
		if e.framed {
			tag = frame(tag)
		}
		_, err := e.Write(tag)
		return i, err
	}
	var head [6]byte // of a masked frame
	var tag [tagSize]byte
	if e.framed {
		if _, err := io.ReadFull(e, head[:]); err != nil {
			return 0, err
		}
	}
	if _, err := io.ReadFull(e, tag[:]); err != nil {
		return 0, err
	}
	for i := range tag {
		tag[i] ^= head[2+i%4]
	}
	return int(binary.BigEndian.Uint64(tag[:])), nil
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

// close ends the process and all ends.
func (f *fleet) close() {
	f.proc.Kill()
	for _, p := range f.pairs {
		for _, e := range p {
			if e != nil {
				e.Close()
			}
		}
	}
}
