package main

import (
	"context"
	"fmt"
	"time"
)

// messageSize is a size of messages, with its name and how many bytes of them one pair
// carries in a quarter of a second or so.
type messageSize struct {
	bytes int
	name  string
	total int64
}

func messageSizes() []messageSize {
	return []messageSize{{512, "512 B", 60e6}, {4 << 10, "4 KiB", 150e6}, {32 << 10, "32 KiB", 200e6}}
}

// proxyCPU is what one pair costs.
func proxyCPU(ctx context.Context, b *bench) ([]line, error) {
	var lines []line
	for _, s := range messageSizes() {
		l, err := b.compareCPU(ctx, 1, s)
		if err != nil {
			return lines, err
		}
		l.goal = atMost(1.0)
		if s.bytes == 32<<10 {
			l.goal = atMost(1.3)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// manyPairs is how many pairs are many.
const manyPairs = 200

// proxyMany is what many pairs cost at once.
func proxyMany(ctx context.Context, b *bench) ([]line, error) {
	var lines []line
	for _, s := range messageSizes() {
		if b.quick && s.bytes != 4<<10 {
			continue
		}
		l, err := b.compareCPU(ctx, manyPairs, s)
		if err != nil {
			return lines, err
		}
		l.goal = atMost(1.2)
		lines = append(lines, l)
	}
	return lines, nil
}

// compareCPU measures n pairs, and n copies, with messages of one size.
func (b *bench) compareCPU(ctx context.Context, n int, s messageSize) (line, error) {
	total := pick(b, s.total, s.total/2)
	if n > 1 {
		total *= 2 // so that each has some
	}
	y, o, err := b.compareFleets(ctx, n, func(f *fleet) measurement {
		return func(ctx context.Context) ([]float64, error) {
			v, err := f.cpu(ctx, s.bytes, total)
			return []float64{v}, err
		}
	})
	if err != nil {
		return line{}, err
	}
	return line{what: fmt.Sprintf("proxy CPU, %d x %s", n, s.name), unit: "s/GB", yard: y[0], ours: o[0]}, nil
}

// proxyFairness is how evenly many pairs share the process.
func proxyFairness(ctx context.Context, b *bench) ([]line, error) {
	const size = 4 << 10
	y, o, err := b.compareFleets(ctx, manyPairs, func(f *fleet) measurement {
		return func(ctx context.Context) ([]float64, error) {
			v, err := f.fairness(ctx, size, pick(b, 3*time.Second, time.Second))
			return []float64{v}, err
		}
	})
	if err != nil {
		return nil, err
	}
	return []line{{
		what: fmt.Sprintf("proxy fairness, slowest of %d / median", manyPairs),
		yard: y[0], ours: o[0], goal: atLeast(0.7).itself(),
	}}, nil
}

// compareFleets measures a copy and a proxy of n pairs whose ends drain.
func (b *bench) compareFleets(ctx context.Context, n int, measure func(*fleet) measurement) (y, o series, err error) {
	return b.compareProxies(ctx, n, func(ctx context.Context, f *fleet) (measurement, error) {
		f.drain(readSize)
		_, err := f.move(ctx, 4<<10, 50e6) // to grow windows and stacks
		return measure(f), err
	})
}

// compareProxies measures copies and proxies of n pairs, which prepare prepares.
func (b *bench) compareProxies(ctx context.Context, n int, prepare func(context.Context, *fleet) (measurement, error)) (y, o series, err error) {
	processes := b.times // for each measurement, where they are soon there
	if n >= manyPairs {
		processes = b.rounds
	}
	return b.compareAnew(ctx, processes, func(ctx context.Context) (yard, ours measurement, end func(), err error) {
		c, err := b.startCopy(ctx, n, copyBuffer)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("copy: %w", err)
		}
		p, err := b.startProxy(ctx, n)
		if err != nil {
			c.close()
			return nil, nil, nil, fmt.Errorf("proxy: %w", err)
		}
		end = func() { c.close(); p.close() }
		if yard, err = prepare(ctx, c); err == nil {
			ours, err = prepare(ctx, p)
		}
		if err != nil {
			end()
		}
		return yard, ours, end, err
	})
}
