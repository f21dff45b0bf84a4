// Command bench measures what the programs cost, as ratios to the least that the
// machine allows: each of the real programs runs beside a yardstick, a process that
// does the same with as little as one can (a TCP copy, a bare net/http handler), in
// turn, in the same run. It prints one table. It plays the peers of both by itself,
// and everything stays on this machine.
//
// It is no test: a goal that is missed is marked and nothing more. What cannot be
// measured is an error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"flashproxy/internal/daemon"
)

// Rounds of every measurement: with five the median does not move by one that
// was disturbed.
const (
	fullRounds  = 5
	quickRounds = 3
)

// The deadlines of the whole are against what hangs: rows that are slow make fewer
// rounds, see [bench.compare].
const (
	fullDeadline  = 10 * time.Minute
	quickDeadline = 5 * time.Minute
)

func main() { os.Exit(daemon.Main("bench", run)) }

// options is the command line.
type options struct {
	quick  bool
	only   string
	rounds int
}

func parseOptions(args []string, stdout io.Writer) (options, *regexp.Regexp, error) {
	var o options
	f := daemon.NewFlags(page())
	g := f.Group("What to measure")
	g.BoolVar(&o.quick, "quick", false, "measure less of everything: a minute, for whether it works")
	g.StringVar(&o.only, "run", "", "only the rows whose name matches `REGEXP` (see below)")
	g.IntVar(&o.rounds, "rounds", 0, fmt.Sprintf("measure each `N` times, or a multiple of it (default: %d, and %d with --quick)", fullRounds, quickRounds))
	if err := f.Parse(args, stdout); err != nil {
		return o, nil, err
	}
	which, err := regexp.Compile(o.only)
	switch {
	case len(f.Args()) > 0:
		return o, nil, daemon.Usagef("unexpected argument %q", f.Args()[0])
	case err != nil:
		return o, nil, daemon.Usagef("--run: %w", err)
	case o.rounds < 0 || f.Changed("rounds") && o.rounds == 0:
		return o, nil, daemon.Usagef("--rounds: want 1 or more, not %d", o.rounds)
	}
	if o.rounds == 0 {
		o.rounds = fullRounds
		if o.quick {
			o.rounds = quickRounds
		}
	}
	return o, which, nil
}

func page() daemon.Page {
	var names strings.Builder
	for _, r := range rows() {
		fmt.Fprintf(&names, "%-22s %s\n", r.name, r.about)
	}
	return daemon.Page{
		Name:     "bench",
		Summary:  "measure what the programs cost, beside the least that the machine allows",
		Synopsis: []string{"[flags]"},
		Description: `
Builds the programs, runs each beside a yardstick, in turn, and prints a table:
the median of each, the median ratio of ours to the yardstick, and the least
and the greatest ratio of a round. A goal that is missed is marked, and does
not change the exit status, which is 1 when something could not be measured.
`,
		Sections: []daemon.Section{{Title: "Rows", Text: names.String()}},
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == yardstickArg {
		return runYardstick(ctx, args[1:], stdout)
	}
	o, which, err := parseOptions(args, stdout)
	if err != nil {
		return err
	}
	var chosen []row
	for _, r := range rows() {
		if which.MatchString(r.name) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return daemon.Usagef("--run: no row has a name like %q", o.only)
	}
	b, err := newBench(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer b.close()
	return b.measure(ctx, chosen, stdout)
}

// errUnmeasured ends the program when a row has no figures; the table says why.
var errUnmeasured = errors.New("not everything could be measured, see the table")
