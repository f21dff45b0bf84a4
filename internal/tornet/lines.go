package tornet

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
)

const (
	// maxLines is how many lines are kept: far more than tor says at notice in
	// the longest test, and still a bound when somebody turns on debug.
	maxLines = 50_000
	// maxLineBytes bounds one line; tor's own limit for a log message is 10 KiB.
	maxLineBytes = 64 << 10
)

// errEnded says that no further line will come.
var errEnded = errors.New("no further lines")

// Lines is what a process says, line by line, with a way to wait for a line.
// Lines are numbered from 0; the oldest are forgotten after 50,000.
type Lines struct {
	mu    sync.Mutex
	kept  []string      // guarded by mu
	first int           // guarded by mu: the number of kept[0]
	part  []byte        // guarded by mu: what came after the last line end
	more  chan struct{} // guarded by mu: closed, and replaced, when something changes
	ended bool          // guarded by mu
}

// NewLines returns Lines that nobody has written to yet.
func NewLines() *Lines { return &Lines{more: make(chan struct{})} }

// Write takes a process's output; it never fails.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte{'\n'})
		if room := maxLineBytes - len(l.part); room > 0 {
			l.part = append(l.part, line[:min(room, len(line))]...)
		}
		if !found {
			return n, nil
		}
		l.add(strings.TrimSuffix(string(l.part), "\r"))
		l.part, p = l.part[:0], rest
	}
}

// Add appends one line.
func (l *Lines) Add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(line)
}

// add needs l.mu.
func (l *Lines) add(line string) {
	if len(l.kept) >= maxLines {
		half := len(l.kept) / 2
		l.kept = append([]string(nil), l.kept[half:]...)
		l.first += half
	}
	l.kept = append(l.kept, line)
	l.wake()
}

// End keeps what is left of an unfinished line and wakes every Wait.
func (l *Lines) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.part) > 0 {
		l.add(string(l.part))
		l.part = nil
	}
	l.ended = true
	l.wake()
}

// wake needs l.mu.
func (l *Lines) wake() {
	close(l.more)
	l.more = make(chan struct{})
}

// Next is the number that the next line will have: what Wait takes to look only
// at what comes from now on.
func (l *Lines) Next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first + len(l.kept)
}

// Tail returns at most the last n lines.
func (l *Lines) Tail(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.kept[max(0, len(l.kept)-n):]...)
}

// Wait returns the first line numbered from or later that match accepts, and the
// number after it. It fails when ctx ends, and when the process has ended and
// said nothing that fits.
func (l *Lines) Wait(ctx context.Context, from int, match func(line string) bool) (line string, next int, err error) {
	for {
		l.mu.Lock()
		fresh := l.kept[min(max(0, from-l.first), len(l.kept)):]
		from = max(from, l.first)
		more, ended := l.more, l.ended
		l.mu.Unlock()
		for _, line := range fresh {
			from++
			if match(line) {
				return line, from, nil
			}
		}
		if ended {
			return "", from, errEnded
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", from, context.Cause(ctx)
		}
	}
}
