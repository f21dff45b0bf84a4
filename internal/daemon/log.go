package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/spf13/pflag"

	"flashproxy/internal/scrub"
)

// LogOptions says where the log goes and what it may tell.
type LogOptions struct {
	File    string // -l, --log; empty: stderr
	Unsafe  bool   // --unsafe-logging: addresses stay
	Verbose bool   // -v, --verbose: slog.LevelDebug, not slog.LevelInfo
}

// AddFlags defines the flags for o.
func (o *LogOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&o.File, "log", "l", o.File, "append the log to `FILE` instead of stderr")
	fs.BoolVarP(&o.Verbose, "verbose", "v", o.Verbose, "log each connection too, not only what changes")
	fs.BoolVar(&o.Unsafe, "unsafe-logging", o.Unsafe, "leave addresses in the log. It then tells who used the program: for your own tests only")
}

// Open returns a logger for o, and what its lines are written to. A file is made
// with mode 0600, and appended to if it is there. Close the file when the logger
// is not used any more.
func (o LogOptions) Open(stderr io.Writer) (*slog.Logger, *LogFile, error) {
	f := &LogFile{path: o.File, fallback: stderr}
	if err := f.Reopen(); err != nil {
		return nil, nil, err
	}
	level := slog.LevelInfo
	if o.Verbose {
		level = slog.LevelDebug
	}
	var h slog.Handler = slog.NewTextHandler(f, &slog.HandlerOptions{Level: level})
	if !o.Unsafe {
		h = scrub.NewHandler(h)
	}
	return slog.New(h), f, nil
}

// LogFile is where a log goes. Its methods may be called at the same time.
type LogFile struct {
	path     string
	fallback io.Writer // without a path

	mu   sync.Mutex
	file *os.File // nil without a path; guarded by mu
}

// Write appends to the log.
func (f *LogFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path == "" {
		return f.fallback.Write(p)
	}
	return f.file.Write(p)
}

// Reopen opens the file by its name again, for a log that was moved away; logs
// that are copied and truncated do not need it. When it returns an error the log
// goes on in the old file. Without a file it does nothing.
func (f *LogFile) Reopen() error {
	if f.path == "" {
		return nil
	}
	// Append: after a truncation by another program, writing goes on at the start.
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		f.file.Close()
	}
	f.file = file
	return nil
}

// Close closes the file; stderr stays open.
func (f *LogFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
