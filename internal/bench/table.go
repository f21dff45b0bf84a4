package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// line is one line of the table. Figures are one a round.
type line struct {
	what string
	unit string
	yard []float64 // none: there is no yardstick
	ours []float64
	goal goal
	err  error // instead of figures
}

// goal is a bound. The zero goal is none.
type goal struct {
	bound float64
	least bool // or else the most
	own   bool // of our figure, or else of the ratio
}

func atMost(ratio float64) goal  { return goal{bound: ratio} }
func atLeast(ratio float64) goal { return goal{bound: ratio, least: true} }

// itself makes it a goal of our figure.
func (g goal) itself() goal {
	g.own = true
	return g
}

func (g goal) String() string {
	sign := "<="
	switch {
	case g == goal{}:
		return ""
	case g.least:
		sign = ">="
	}
	return sign + figure(g.bound)
}

// missed tells whether v is not as g wants it.
func (g goal) missed(v float64) bool {
	switch {
	case g == goal{}:
		return false
	case g.least:
		return !(v >= g.bound)
	}
	return !(v <= g.bound)
}

// ratios are ours to the yardstick's, round by round.
func (l line) ratios() []float64 {
	var all []float64
	for i := range min(len(l.yard), len(l.ours)) {
		all = append(all, l.ours[i]/l.yard[i])
	}
	return all
}

// missed tells whether the line misses its goal.
func (l line) missed() bool {
	if l.goal.own {
		return l.goal.missed(median(l.ours))
	}
	return l.goal.missed(median(l.ratios()))
}

// tableFormat makes lines of 100 columns.
const tableFormat = "%-39s %-7s %9s %9s %6s %-12s %-7s %s"

// writeTable writes the table.
func writeTable(w io.Writer, lines []line) {
	header := fmt.Sprintf(tableFormat, "what", "unit", "yardstick", "ours", "ratio", "spread", "goal", "")
	fmt.Fprintln(w, strings.TrimRight(header, " "))
	missed := 0
	for _, l := range lines {
		if l.err != nil {
			fmt.Fprintf(w, "%-39s ERROR %v\n", l.what, l.err)
			continue
		}
		var yard, ratio, spread, mark string
		if len(l.yard) > 0 {
			yard = figure(median(l.yard))
			r := l.ratios()
			ratio = fmt.Sprintf("%.2f", median(r))
			spread = fmt.Sprintf("%.2f..%.2f", slices.Min(r), slices.Max(r))
		}
		if l.missed() {
			mark = "MISS"
			missed++
		}
		text := fmt.Sprintf(tableFormat, l.what, l.unit, yard, figure(median(l.ours)), ratio, spread, l.goal, mark)
		fmt.Fprintln(w, strings.TrimRight(text, " "))
	}
	if missed > 0 {
		fmt.Fprintf(w, "\n%d goals are missed.\n", missed)
	}
}

// figure writes three digits, or more of a large number.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// median gives the middle of them, NaN for none.
func median(all []float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(all))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// percentile gives the least of sorted that p of them (0 to 1) do not exceed.
func percentile(sorted []float64, p float64) float64 {
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}
