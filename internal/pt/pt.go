// Package pt is what a pluggable transport and Tor say to each other: Tor starts
// the transport with its wishes in the environment, and reads what came of them,
// and later log messages, from its standard output (pt-spec:
// https://spec.torproject.org/pt-spec). It is a thin layer over goptlib, which
// writes the lines.
//
// It opens no listener and carries no data: the caller does. Outside Tor (external
// mode) there is nobody to talk to, and Log, Notice and Status do nothing.
package pt

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	goptlib "git.torproject.org/pluggable-transports/goptlib.git"
)

// Managed reports whether Tor started this process as a transport.
func Managed() bool { return os.Getenv("TOR_PT_MANAGED_TRANSPORT_VER") != "" }

// Tor is the process that started this one, and reads its standard output. Its
// methods may be called at the same time; each line arrives whole.
type Tor struct {
	managed bool
	scrub   func(string) string
	out     *lineWriter
}

// New returns the Tor that reads stdout. All text that Tor gets to see goes
// through scrub first, since Tor's log is often shown to others; only CMETHOD and
// SMETHOD lines name addresses, those that Tor must know.
//
// goptlib keeps its output in a package variable, which New sets: one Tor for each
// process.
func New(stdout io.Writer, scrub func(string) string) *Tor {
	t := &Tor{managed: Managed(), scrub: scrub, out: &lineWriter{w: stdout, scrub: scrub}}
	if t.managed {
		goptlib.Stdout = t.out
	}
	return t
}

// Severity is how loud Tor's log has a message.
type Severity int

const (
	Debug Severity = iota
	Info
	Notice
	Warning
	Error
)

// Log has Tor write message into its own log.
func (t *Tor) Log(s Severity, message string) {
	if !t.managed {
		return
	}
	message = t.clean(message)
	switch s {
	case Debug:
		goptlib.Log(goptlib.LogSeverityDebug, message)
	case Info:
		goptlib.Log(goptlib.LogSeverityInfo, message)
	case Notice:
		goptlib.Log(goptlib.LogSeverityNotice, message)
	case Warning:
		goptlib.Log(goptlib.LogSeverityWarning, message)
	default:
		goptlib.Log(goptlib.LogSeverityError, message)
	}
}

// Notice is Log with what a user should see, formatted as by fmt.Sprintf.
func (t *Tor) Notice(format string, args ...any) {
	t.Log(Notice, fmt.Sprintf(format, args...))
}

// Status tells Tor, and what controls it, about a transport (pt-spec, section
// 3.3.5); Tor logs it at info. A key is letters, digits, "-" and "_".
func (t *Tor) Status(transport string, values map[string]string) {
	if !t.managed {
		return
	}
	line := "STATUS TRANSPORT=" + transport
	for _, k := range slices.Sorted(maps.Keys(values)) {
		line += fmt.Sprintf(` %s="%s"`, k, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t.clean(values[k])))
	}
	fmt.Fprintln(t.out, line)
}

// clean returns s as it may stand in a line for Tor: without addresses, in
// printable ASCII (pt-spec, section 3.3), on one line.
func (t *Tor) clean(s string) string {
	s = strings.Join(strings.Fields(t.scrub(s)), " ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// lineWriter passes each line on by one Write, and one at a time.
type lineWriter struct {
	scrub func(string) string
	mu    sync.Mutex
	w     io.Writer // guarded by mu
}

// Write takes one line, as goptlib gives it.
func (l *lineWriter) Write(line []byte) (int, error) {
	out := line
	if bytes.HasPrefix(line, []byte("ENV-ERROR ")) { // goptlib quotes the variable
		out = []byte(l.scrub(string(line)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.w.Write(out); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Refuse tells the Tor that started this process, if one did, that a start can
// never succeed, and why; Tor would otherwise start it again every second. It returns
// err, for the caller to return.
func (t *Tor) Refuse(err error) error {
	if t.managed && err != nil {
		fmt.Fprintln(t.out, "ENV-ERROR "+t.clean(err.Error()))
	}
	return err
}
