package e2e

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"
)

// BenchmarkPage is what a page carries and how soon, beside proxy-headless in the same
// run. An iteration is a whole start of everything, so the figures are the metrics.
func BenchmarkPage(b *testing.B) {
	b.Run("proxy-headless", func(b *testing.B) {
		benchmarkProxy(b, func(f *forward) {
			p, err := programs.Proxy(within(b, time.Minute), f.facilitator.URL, "--drain", "0s")
			if err != nil {
				b.Fatal(err)
			}
			ends(b, p)
		})
	})
	for _, which := range browsers {
		b.Run(which, func(b *testing.B) {
			benchmarkProxy(b, func(f *forward) { volunteer(b, startBrowser(b, which), f.facilitator.URL) })
		})
	}
}

func benchmarkProxy(b *testing.B, start func(*forward)) {
	var first, down, up []float64
	for b.Loop() {
		f := newForward(b, obedient)
		start(f)
		local := f.client(b)
		began := time.Now()
		c := f.open(b, local)
		if _, err := c.Write(make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, credit)); err != nil {
			b.Fatal(err)
		}
		first = append(first, float64(time.Since(began).Milliseconds()))
		down = append(down, throughput(b, c, time.Second, 3*time.Second)/1e6)

		f = newForward(b, echo)
		start(f)
		up = append(up, upstream(b, f.open(b, f.client(b)))/1e6)
	}
	b.ReportMetric(0, "ns/op") // of the starts: no figure
	b.ReportMetric(median(first), "ms-first-byte")
	b.ReportMetric(median(down), "MB/s-down")
	b.ReportMetric(median(up), "MB/s-up")
}

// upstream sends through c to an echo, and gives the bytes a second that came back.
func upstream(b *testing.B, c io.ReadWriter) float64 {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 4*time.Second)
	defer cancel()
	const inFlight = 512 << 10 // as Tor, which waits for what it sent to be acknowledged
	buf := make([]byte, 32<<10)
	var n int64
	begin := time.Now()
	for sent := 0; ctx.Err() == nil; {
		for sent < inFlight {
			if _, err := c.Write(buf); err != nil {
				b.Fatal(err)
			}
			sent += len(buf)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
		sent -= len(buf)
		n += int64(len(buf))
	}
	return float64(n) / time.Since(begin).Seconds()
}

// median sorts its argument.
func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
