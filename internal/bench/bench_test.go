package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// Both sides take turns, also from one round's processes to the next's, and what was started is
// ended whatever happens.
func TestCompareAnew(t *testing.T) {
	var log []string
	b := &bench{options: options{rounds: 3}, times: 3, budget: time.Hour, stderr: io.Discard}
	say := func(what string, err error) measurement {
		return func(context.Context) ([]float64, error) {
			log = append(log, what)
			return []float64{float64(len(log))}, err
		}
	}
	failure := errors.New("failed")
	for _, tt := range []struct {
		start, measure error
		want           string
		rounds         int
	}{
		{nil, nil, "start yard ours end start ours yard end start yard ours end", 3},
		{failure, nil, "start", 0},
		{nil, failure, "start yard ours end", 0},
	} {
		log = nil
		y, o, err := b.compareAnew(t.Context(), 3, func(context.Context) (yard, ours measurement, end func(), err error) {
			log = append(log, "start")
			return say("yard", nil), say("ours", tt.measure), func() { log = append(log, "end") }, tt.start
		})
		if want := errors.Join(tt.start, tt.measure); (err != nil) != (want != nil) || err != nil && !errors.Is(want, err) {
			t.Errorf("%v, want %v", err, want)
		}
		if got := strings.Join(log, " "); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		if y.len() != tt.rounds || o.len() != tt.rounds {
			t.Errorf("%d and %d rounds, want %d", y.len(), o.len(), tt.rounds)
		}
	}
}

// Time that is up ends a comparison after whole rounds, the first at least.
func TestTimeIsUp(t *testing.T) {
	b := &bench{options: options{rounds: 5}, times: 5, budget: -1, stderr: io.Discard}
	m := func(context.Context) ([]float64, error) { return []float64{1, 2}, nil }
	y, o, err := b.compare(t.Context(), m, m)
	if err != nil || y.len() != 1 || o.len() != 1 || !slices.Equal(y[1], []float64{2}) {
		t.Errorf("%v, %v, %v; want one round", y, o, err)
	}
}
