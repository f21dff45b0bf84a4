package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"flashproxy/internal/e2e"
)

// row is a group of lines of the table that are measured together.
type row struct {
	name  string // for --run
	about string // for --help
	// times is how many measurements make up for a round. Short ones next to each
	// other are less disturbed by what else the machine does than long ones.
	times int
	// The time for each of its comparisons, which has one measurement at least.
	full, quick time.Duration
	run         func(ctx context.Context, b *bench) ([]line, error)
}

// rows are all, in the order of the table.
func rows() []row {
	const s = time.Second
	return []row{
		{"proxy-cpu", "CPU time of proxy-headless for each GB, one pair", 6, 40 * s, 3 * s, proxyCPU},
		{"proxy-many", "the same with 200 pairs at once", 4, 50 * s, 3 * s, proxyMany},
		{"proxy-fairness", "how evenly 200 pairs share the proxy", 1, 30 * s, 4 * s, proxyFairness},
		{"proxy-latency", "how long a message takes there and back, idle and with bulk beside", 6, 30 * s, 2 * s, proxyLatency},
		{"idle-memory", "memory of a silent pair in proxy, server and client", 1, 200 * s, 1 * s, idleMemory},
		{"facilitator-matches", "how many clients a facilitator can give to proxies", 6, 60 * s, 4 * s, facilitatorMatches},
		{"facilitator-memory", "memory of a held poll, and of a waiting registration", 1, 60 * s, 5 * s, facilitatorMemory},
		{"pool-match", "how the cost of a match grows with those that wait", 3, 10 * s, 1 * s, poolMatch},
		{"chain", "how much goes through SOCKS, client, proxy and server", 2, 20 * s, 3 * s, chainThroughput},
		{"first-byte", "from a SOCKS request to the first byte of an answer", 1, 0, 0, firstByte},
	}
}

// bench is one run of this program.
type bench struct {
	options
	dir      string
	programs e2e.Programs // the four, and this one
	stderr   io.Writer
	start    time.Time
	times    int           // to measure, for the row
	budget   time.Duration // of each of its comparisons
}

// newBench builds the programs.
func newBench(ctx context.Context, o options, stderr io.Writer) (*bench, error) {
	if err := raiseFileLimit(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "flashproxy-bench")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir, stderr: stderr, start: time.Now()}
	b.progress("building the programs")
	if b.programs, err = e2e.Build(ctx, dir); err == nil {
		err = linkSelf(dir)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	b.start = time.Now()
	return b, nil
}

// linkSelf puts this program among the others.
func linkSelf(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return os.Symlink(self, filepath.Join(dir, yardstickName))
}

func (b *bench) close() { os.RemoveAll(b.dir) }

// progress says on stderr what goes on.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(b.stderr, "%4d s  %s\n", int(time.Since(b.start).Seconds()), fmt.Sprintf(format, args...))
}

// measure measures rows and prints the table.
func (b *bench) measure(ctx context.Context, rows []row, stdout io.Writer) error {
	limit := fullDeadline
	if b.quick {
		limit = quickDeadline
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var lines []line
	var failed error
	for _, r := range rows {
		if ctx.Err() != nil {
			return ctx.Err() // asked to stop
		}
		b.progress("%s: %s", r.name, r.about)
		got, err := b.one(timed, r)
		lines = append(lines, got...)
		if err != nil {
			b.progress("%s: %v", r.name, err)
			lines = append(lines, line{what: r.name, err: err})
			failed = errUnmeasured
		}
	}
	fmt.Fprintf(stdout, "%s\n\n", machine())
	writeTable(stdout, lines)
	fmt.Fprintf(stdout, "\nMedians of %d rounds or more, where time allowed; the spread is of the ratios of the rounds.\nMemory is "+
		"what is resident with %s, ours and the yardstick's. All took %v.\n", b.rounds, collector, time.Since(b.start).Round(time.Second))
	return failed
}

// one measures one row.
func (b *bench) one(ctx context.Context, r row) ([]line, error) {
	b.times, b.budget = b.rounds*r.times, pick(b, r.full, r.quick)
	return r.run(ctx, b)
}

// pick gives what a full or a quick run takes.
func pick[T any](b *bench, full, quick T) T {
	if b.quick {
		return quick
	}
	return full
}

// measurement makes one round's figures, always as many.
type measurement func(ctx context.Context) ([]float64, error)

// series are the figures of all rounds, by figure and by round.
type series [][]float64

func (s *series) add(figures []float64) {
	if *s == nil {
		*s = make(series, len(figures))
	}
	for i, f := range figures {
		(*s)[i] = append((*s)[i], f)
	}
}

// len is how many rounds there were.
func (s series) len() int {
	if len(s) == 0 {
		return 0
	}
	return len(s[0])
}

// longRound is after how long one wants to hear of a round.
const longRound = 5 * time.Second

// compare measures yardstick and ours in turn, as often as was asked for, or as there
// is time for.
func (b *bench) compare(ctx context.Context, yard, ours measurement) (y, o series, err error) {
	err = b.takeTurns(ctx, b.times, b.budget, side{yard, &y}, side{ours, &o})
	return y, o, err
}

// compareAnew is compare with new processes, so many times, which start starts and end ends.
// One process is faster than its like for as long as it lives, by where its memory and its
// threads happen to be, and no number of measurements of it tells.
func (b *bench) compareAnew(ctx context.Context, processes int, start func(context.Context) (yard, ours measurement, end func(), err error)) (y, o series, err error) {
	began := time.Now()
	for i := range processes {
		if i > 0 && time.Since(began) > b.budget {
			b.progress("time is up after %d of %d", i, processes)
			break
		}
		yard, ours, end, err := start(ctx)
		if err != nil {
			return nil, nil, err
		}
		err = b.takeTurns(ctx, b.times/processes, b.budget/time.Duration(processes), side{yard, &y}, side{ours, &o})
		end()
		if err != nil {
			return nil, nil, err
		}
	}
	return y, o, nil
}

// side is one of the two that are compared.
type side struct {
	measurement
	into *series
}

// takeTurns measures both in turn. Who is first changes each time, so that neither always has
// what the other left.
func (b *bench) takeTurns(ctx context.Context, times int, budget time.Duration, yard, ours side) error {
	start := time.Now()
	for round := range times {
		took := time.Since(start)
		if round > 0 && took > budget {
			b.progress("time is up after %d of %d", round, times)
			break
		}
		if round > 0 && took/time.Duration(round) > longRound {
			b.progress("%d of %d", round, times)
		}
		both := [2]side{yard, ours}
		if yard.into.len()%2 == 1 {
			both[0], both[1] = both[1], both[0]
		}
		for _, one := range both {
			figures, err := one.measurement(ctx)
			if err != nil {
				return err
			}
			one.into.add(figures)
		}
	}
	return nil
}
