package daemon

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// Page is what --help prints, as much as a manual page says. Texts are printed
// as they are, indented by two blanks; keep lines under 78 columns.
type Page struct {
	Name        string    // of the program
	Summary     string    // one line: what it is
	Synopsis    []string  // the arguments, once for each way to call it
	Description string    // paragraphs, with empty lines between
	Sections    []Section // what follows the flags: Examples, Files, Signals
	ManSection  int       // of the manual; 0 is 1, user commands
}

// Section is one more part of a [Page].
type Section struct{ Title, Text string }

// Flags is a command line: groups of GNU-style flags, --help and --version.
type Flags struct {
	page   Page
	groups []group
	all    *pflag.FlagSet // each flag of each group, once parsed

	help, version, manual bool
}

type group struct {
	title string
	flags *pflag.FlagSet
}

// NewFlags returns a command line that knows --help and --version.
func NewFlags(p Page) *Flags {
	return &Flags{page: p, all: newFlagSet(p.Name)}
}

func newFlagSet(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	return fs
}

// Group returns an empty set to define flags in; they are listed together in the
// help text, under the title, in the order of their definition.
func (f *Flags) Group(title string) *pflag.FlagSet {
	fs := newFlagSet(title)
	f.groups = append(f.groups, group{title, fs})
	return fs
}

// Parse reads args, without the program's name. It returns a [UsageError] for
// what it does not understand, and [ErrPrinted] when it printed the help text or
// the version to stdout. Call it once, after the flags are defined.
func (f *Flags) Parse(args []string, stdout io.Writer) error {
	general := f.Group("General")
	general.BoolVarP(&f.help, "help", "h", false, "print this text")
	general.BoolVar(&f.version, "version", false, "print the version")
	general.BoolVar(&f.manual, "man", false, "print this text as a manual page, for man -l -")
	for _, g := range f.groups {
		g.flags.VisitAll(f.all.AddFlag)
	}
	if err := f.all.Parse(args); err != nil {
		return &UsageError{Err: err}
	}
	switch {
	case f.help:
		fmt.Fprint(stdout, f.text())
		return ErrPrinted
	case f.manual:
		fmt.Fprint(stdout, f.man())
		return ErrPrinted
	case f.version:
		fmt.Fprintf(stdout, "%s %s\n", f.page.Name, Version())
		return ErrPrinted
	}
	return nil
}

// Args returns the arguments that are not flags.
func (f *Flags) Args() []string { return f.all.Args() }

// Changed reports whether the command line had the flag.
func (f *Flags) Changed(name string) bool { return f.all.Changed(name) }

// text returns the help text.
func (f *Flags) text() string {
	const columns = 80
	var b strings.Builder
	fmt.Fprintf(&b, "%s - %s\n", f.page.Name, f.page.Summary)
	usage := make([]string, len(f.page.Synopsis))
	for i, s := range f.page.Synopsis {
		usage[i] = strings.TrimSpace(f.page.Name + " " + s)
	}
	writeSection(&b, "Usage", strings.Join(usage, "\n"))
	if f.page.Description != "" {
		writeSection(&b, "Description", f.page.Description)
	}
	for _, g := range f.groups {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.flags.FlagUsagesWrapped(columns))
	}
	for _, s := range f.page.Sections {
		writeSection(&b, s.Title, s.Text)
	}
	return b.String()
}

func writeSection(b *strings.Builder, title, text string) {
	fmt.Fprintf(b, "\n%s:\n", title)
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		if line = strings.TrimRight(line, "\n"); line == "" {
			b.WriteString("\n")
			continue
		}
		fmt.Fprintf(b, "  %s\n", line)
	}
}
