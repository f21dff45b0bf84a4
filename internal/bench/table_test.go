package main

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.in, got, c.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
	sorted := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for p, want := range map[float64]float64{0: 1, 0.5: 5, 0.99: 10, 1: 10} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("percentile %v: %v, want %v", p, got, want)
		}
	}
}

// The ratio is of each round, so that a round in which the whole machine was slow
// counts as any other.
func TestTable(t *testing.T) {
	var b strings.Builder
	writeTable(&b, []line{
		{what: "kept", unit: "s/GB", yard: []float64{1, 10, 1}, ours: []float64{1.2, 12, 1.1}, goal: atMost(1.2)},
		{what: "too much", unit: "s/GB", yard: []float64{1}, ours: []float64{1.5}, goal: atMost(1.2)},
		{what: "too slow", unit: "MB/s", yard: []float64{100}, ours: []float64{60}, goal: atLeast(0.8)},
		{what: "alone", unit: "KiB", ours: []float64{30}, goal: atMost(24).itself()},
		{what: "fair", yard: []float64{0.2}, ours: []float64{0.8}, goal: atLeast(0.7).itself()},
		{what: "for information", unit: "ms", ours: []float64{123.4}},
		{what: "broken", err: errors.New("no connection")},
	})
	want := []string{
		"what                                    unit    yardstick      ours  ratio spread       goal",
		"kept                                    s/GB         1.00      1.20   1.20 1.10..1.20   <=1.20",
		"too much                                s/GB         1.00      1.50   1.50 1.50..1.50   <=1.20  MISS",
		"too slow                                MB/s          100      60.0   0.60 0.60..0.60   >=0.800 MISS",
		"alone                                   KiB                    30.0                     <=24.0  MISS",
		"fair                                                0.200     0.800   4.00 4.00..4.00   >=0.700",
		"for information                         ms                      123",
		"broken                                  ERROR no connection",
		"",
		"3 goals are missed.",
	}
	got := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("line %d:\n%q, want\n%q", i, g, w)
		}
		if len(g) > 100 {
			t.Errorf("line %d has %d columns", i, len(g))
		}
	}
}
