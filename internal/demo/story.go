package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// story tells what happens, and keeps how long each step took.
type story struct {
	start time.Time

	mu    sync.Mutex // details may come from several goroutines
	now   time.Time
	steps []string
}

// say begins a step.
func (s *story) say(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf("\n%s\n", strings.Join(lines, "\n"))
}

// detail tells what goes on within it.
func (s *story) detail(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf("  %7s  %s\n", seconds(time.Since(s.start)), text)
}

// done ends a step.
func (s *story) done(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := time.Since(s.now)
	s.now = time.Now()
	s.steps = append(s.steps, fmt.Sprintf("  %-22s %7s", what, seconds(took)))
	fmt.Printf("  %7s  done\n", seconds(time.Since(s.start)))
}

// end tells how all of it went.
func (s *story) end(err error) {
	if len(s.steps) > 0 {
		fmt.Printf("\nWhat took how long:\n%s\n  %-22s %7s\n", strings.Join(s.steps, "\n"), "total", seconds(time.Since(s.start)))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		return
	}
	fmt.Println("\nIt works. README.md says how to run each part for real,\ndoc/transports.md what else there is than WebSockets: TLS, plain TCP, obfs4 within.")
}

// notice finds what flashproxy-client said in a line of tor's log.
func notice(line string) (string, bool) {
	_, text, ok := strings.Cut(line, `flashproxy-client": `)
	return text, ok && strings.Contains(line, "[notice]")
}

// seconds writes a time so that a column of them lines up.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
