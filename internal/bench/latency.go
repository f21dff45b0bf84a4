package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

// pingSize is a Tor cell's.
const pingSize = 514

// bulkSize is the size of the messages of the bulk stream beside.
const bulkSize = 4 << 10

// proxyLatency is how long a message takes there and back.
func proxyLatency(ctx context.Context, b *bench) ([]line, error) {
	var lines []line
	for _, beside := range []string{"idle", "bulk"} {
		y, o, err := b.compareLatency(ctx, beside == "bulk")
		if err != nil {
			return lines, fmt.Errorf("%s: %w", beside, err)
		}
		what := "proxy ping-pong, " + beside
		lines = append(lines,
			line{what: what + ", p50", unit: "us", yard: y[0], ours: o[0], goal: atMost(1.15)},
			line{what: what + ", p99", unit: "us", yard: y[1], ours: o[1], goal: atMost(1.5)})
	}
	return lines, nil
}

// compareLatency measures with two pairs each, of which the second may carry bulk.
func (b *bench) compareLatency(ctx context.Context, bulk bool) (y, o series, err error) {
	n := pick(b, 2000, 500)
	if bulk {
		n /= 2 // each takes much longer
	}
	return b.compareProxies(ctx, 2, func(_ context.Context, f *fleet) (measurement, error) {
		go f.pairs[0][1].echo()
		go f.pairs[1][0].drain(readSize)
		go f.pairs[1][1].drain(readSize)
		return func(ctx context.Context) ([]float64, error) { return f.latency(ctx, n, bulk) }, nil
	})
}

// latency plays ping-pong n times, and gives p50 and p99 in microseconds.
func (f *fleet) latency(ctx context.Context, n int, bulk bool) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(ctx, f.close)()
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() {
		if bulk { // from the relay's end, as a download
			done <- f.pairs[1][1].flow(ctx, f.pairs[1][0], bulkSize, &stop)
		}
		close(done)
	}()
	times, err := f.pairs[0][0].pingPong(n)
	stop.Store(true)
	if err = errors.Join(err, <-done); err != nil {
		return nil, err
	}
	slices.Sort(times)
	return []float64{percentile(times, 0.5), percentile(times, 0.99)}, nil
}

// pingPong sends a message and waits for its echo, n times and a few to begin with,
// and gives how long each took, in microseconds.
func (e *end) pingPong(n int) ([]float64, error) {
	const first = 100
	m, r := e.message(pingSize), e.reader()
	times := make([]float64, 0, n)
	for i := range first + n {
		start := time.Now()
		if _, err := e.Write(m); err != nil {
			return nil, err
		}
		if err := r.next(); err != nil {
			return nil, err
		}
		if i >= first {
			times = append(times, float64(time.Since(start).Nanoseconds())/1000)
		}
	}
	return times, nil
}

// echo answers each message with one of equal size until the connection ends.
func (e *end) echo() {
	m, r := e.message(pingSize), e.reader()
	for r.next() == nil {
		if _, err := e.Write(m); err != nil {
			return
		}
	}
}

// pingReader reads the messages of a ping-pong. It reads no byte of the next.
type pingReader struct {
	end   *end
	frame frameCounter
	buf   []byte
}

func (e *end) reader() *pingReader { return &pingReader{end: e, buf: make([]byte, 2*pingSize)} }

// next waits for a whole message. What the proxy makes of one message may be several.
func (r *pingReader) next() error {
	for got := 0; got < pingSize; {
		n, err := r.end.Read(r.buf)
		if err != nil {
			return err
		}
		if r.end.wrap != nil {
			pings := r.frame.pings
			if n, err = r.frame.count(r.buf[:n]); err != nil {
				return err
			}
			if r.frame.pings > pings {
				io.WriteString(r.end, "\x8a\x00")
			}
		}
		if got += n; got > pingSize {
			return errors.New("more came than was sent")
		}
	}
	return nil
}
