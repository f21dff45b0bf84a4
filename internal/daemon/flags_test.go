package daemon

import (
	"bytes"
	"errors"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

type testFlags struct {
	*Flags
	port int
	wait time.Duration
	log  LogOptions
}

func newTestFlags() *testFlags {
	f := &testFlags{Flags: NewFlags(Page{
		Name:     "prog",
		Summary:  "does things",
		Synopsis: []string{"[flags] FILE", ""},
		Description: `
First paragraph.

Second paragraph.
`,
		Sections: []Section{{"Examples", "prog --port 1 x\n    and so on\n"}},
	})}
	g := f.Group("Network")
	g.IntVarP(&f.port, "port", "p", 9002, "listen on port `N`")
	g.DurationVar(&f.wait, "max-wait", time.Minute, "answer after this `TIME`")
	f.log.AddFlags(f.Group("Log"))
	return f
}

func TestHelp(t *testing.T) {
	const want = `prog - does things

Usage:
  prog [flags] FILE
  prog

Description:
  First paragraph.

  Second paragraph.

Network:
  -p, --port N          listen on port N (default 9002)
      --max-wait TIME   answer after this TIME (default 1m0s)

Log:
  -l, --log FILE         append the log to FILE instead of stderr
  -v, --verbose          log each connection too, not only what changes
      --unsafe-logging   leave addresses in the log. It then tells who
                         used the program: for your own tests only

General:
  -h, --help      print this text
      --version   print the version
      --man       print this text as a manual page, for man -l -

Examples:
  prog --port 1 x
      and so on
`
	for _, args := range [][]string{{"--help"}, {"-h"}, {"x", "-p", "1", "--help"}} {
		var out bytes.Buffer
		if err := newTestFlags().Parse(args, &out); !errors.Is(err, ErrPrinted) {
			t.Fatalf("%q: %v", args, err)
		}
		if out.String() != want {
			t.Errorf("got\n%s", &out)
		}
	}
}

func TestVersionFlag(t *testing.T) {
	var out bytes.Buffer
	err := newTestFlags().Parse([]string{"--version"}, &out)
	if want := "prog " + Version() + "\n"; !errors.Is(err, ErrPrinted) || out.String() != want {
		t.Errorf("%q, %v; want %q", &out, err, want)
	}
}

func TestParse(t *testing.T) {
	f := newTestFlags()
	err := f.Parse([]string{"a", "-vp3", "--log=x", "--", "-b"}, io.Discard)
	if err != nil || f.port != 3 || !f.log.Verbose || f.log.File != "x" || f.wait != time.Minute {
		t.Errorf("%+v, %v", f, err)
	}
	if !slices.Equal(f.Args(), []string{"a", "-b"}) || !f.Changed("port") || f.Changed("max-wait") {
		t.Errorf("args %q, changed %v %v", f.Args(), f.Changed("port"), f.Changed("max-wait"))
	}
}

func TestParseErrors(t *testing.T) {
	for _, args := range []string{"--nothing", "-x", "--port", "--port=x", "--max-wait=3", "-p", "--=", "--verbose=perhaps"} {
		var out bytes.Buffer
		err := newTestFlags().Parse([]string{args}, &out)
		if _, ok := errors.AsType[*UsageError](err); !ok || out.Len() > 0 {
			t.Errorf("%s: %v, printed %q", args, err, &out)
		}
	}
}

func TestVersion(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.99"}
	if got := version(info); !strings.HasPrefix(got, "(devel) go1.99 ") {
		t.Errorf("got %q", got)
	}
	info.Main.Version = "v1.2.3"
	info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}
	if got := version(info); !strings.HasPrefix(got, "v1.2.3 (0123456789ab, modified) go1.99 ") {
		t.Errorf("got %q", got)
	}
}
