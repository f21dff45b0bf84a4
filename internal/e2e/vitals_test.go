package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// vitals are what a process holds, as seen from outside.
type vitals struct {
	files   int // open descriptors
	threads int
	memory  int // resident, in KiB
}

// What a process may hold more after an attack than before. Threads stay once they were
// needed, one for each of Go's that was in a system call; memory goes back to the system
// slowly, and the race detector takes several times as much.
const (
	moreThreads = 10
	moreMemory  = 32 << 10
	raceFactor  = 5
	// restTime is more than the 10 s that a connection may take to go.
	restTime = 20 * time.Second
)

// look takes the vitals of a process from /proc (proc(5)).
func look(r *Process) (v vitals, err error) {
	dir := fmt.Sprintf("/proc/%d", r.PID())
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return v, fmt.Errorf("%w; its last lines:\n%s", err, strings.Join(r.Lines().Tail(30), "\n"))
	}
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return v, err
	}
	v.files = len(files)
	for line := range strings.Lines(string(status)) {
		// Other lines fail, and change nothing.
		fmt.Sscanf(line, "Threads: %d", &v.threads)
		fmt.Sscanf(line, "VmRSS: %d kB", &v.memory)
	}
	if v.threads == 0 || v.memory == 0 {
		return v, errors.New("/proc does not say how many threads and how much memory")
	}
	return v, nil
}

// settled takes the vitals of a process when its files have been the same for a
// while: what an ordinary peer left behind is then closed.
func settled(ctx context.Context, r *Process) (vitals, error) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	last, err := look(r)
	for same := 0; err == nil && same < 10; same++ {
		select {
		case <-again.C:
		case <-ctx.Done():
			return last, ctx.Err()
		}
		files := last.files
		if last, err = look(r); last.files != files {
			same = 0
		}
	}
	return last, err
}

// rest waits until a process holds no more files than before, and as many threads
// and as much memory as it may.
func rest(ctx context.Context, r *Process, before vitals) (after vitals, err error) {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if after, err = look(r); err != nil {
			return after, err
		}
		if after.files <= before.files {
			break
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return after, fmt.Errorf("%d files are open, before there were %d", after.files, before.files)
		}
	}
	more := moreMemory
	if raceEnabled {
		more *= raceFactor
	}
	if after.threads > before.threads+moreThreads || after.memory > before.memory+more {
		return after, fmt.Errorf("%d threads and %d KiB, before there were %d and %d",
			after.threads, after.memory, before.threads, before.memory)
	}
	return after, nil
}

var anyIPv4 = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`)

// sound fails when a process said what it must not.
func sound(t *testing.T, r *Process) {
	t.Helper()
	lines := r.Lines().Tail(100_000)
	noAddresses(t, r.name, lines)
	for _, l := range lines {
		if anyIPv4.MatchString(l) {
			t.Errorf("%s logged an address: %s", r.name, l)
		}
		for _, bad := range []string{"panic", "DATA RACE", "fatal error", "goroutine "} {
			if strings.Contains(l, bad) {
				t.Errorf("%s: %s", r.name, l)
			}
		}
	}
}
