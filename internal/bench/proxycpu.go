package main

import (
	"context"
	"fmt"
)

// size is a size of messages, with what it is called.
type size struct {
	bytes int
	name  string
	goal  float64
}

func sizes(small, large float64) []size {
	return []size{{512, "512 B", small}, {4 << 10, "4 KiB", small}, {32 << 10, "32 KiB", large}}
}

// proxyCPU is what one pair costs.
func proxyCPU(ctx context.Context, b *bench) ([]line, error) {
	// About half a second's worth of each size.
	total := map[int]int64{512: 100e6, 4 << 10: 300e6, 32 << 10: 600e6}
	var lines []line
	for _, s := range sizes(1.0, 1.3) {
		l, err := b.compareCPU(ctx, 1, s, pick(b, total[s.bytes], total[s.bytes]/2))
		if err != nil {
			return lines, err
		}
		l.what = "proxy CPU, 1 pair, " + s.name
		lines = append(lines, l)
	}
	return lines, nil
}

// compareCPU measures n pairs, and n copies, with messages of one size.
func (b *bench) compareCPU(ctx context.Context, n int, s size, total int64) (line, error) {
	yard, err := b.startCopy(ctx, n, copyBuffer)
	if err != nil {
		return line{}, fmt.Errorf("copy: %w", err)
	}
	defer yard.close()
	ours, err := b.startProxy(ctx, n)
	if err != nil {
		return line{}, fmt.Errorf("proxy: %w", err)
	}
	defer ours.close()
	for _, f := range []*fleet{yard, ours} {
		f.drain(readSize)
		if _, err := f.move(ctx, s.bytes, total/4); err != nil { // to grow windows and stacks
			return line{}, err
		}
	}
	measure := func(f *fleet) measurement {
		return func(ctx context.Context) ([]float64, error) {
			v, err := f.cpu(ctx, s.bytes, total)
			return []float64{v}, err
		}
	}
	y, o, err := b.compare(ctx, measure(yard), measure(ours))
	if err != nil {
		return line{}, err
	}
	return line{unit: "s/GB", yard: y[0], ours: o[0], goal: atMost(s.goal)}, nil
}
