package daemon

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// man returns the help text as a manual page: the pages in doc/ are made of it,
// so that they say what the programs say.
func (f *Flags) man() string {
	var b strings.Builder
	p := f.page
	section := p.ManSection
	if section == 0 {
		section = 1
	}
	fmt.Fprintf(&b, ".TH %s %d \"\" flashproxy\n", strings.ToUpper(roff(p.Name)), section)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", roff(p.Name), roff(p.Summary))
	for i, s := range p.Synopsis {
		if i > 0 {
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, ".B %s\n%s\n", roff(p.Name), line(roff(s)))
	}
	b.WriteString(".SH DESCRIPTION\n")
	for paragraph := range strings.SplitSeq(strings.TrimSpace(p.Description), "\n\n") {
		b.WriteString(".PP\n")
		for l := range strings.SplitSeq(paragraph, "\n") {
			b.WriteString(line(roff(strings.TrimSpace(l))) + "\n")
		}
	}
	b.WriteString(".SH OPTIONS\n")
	for _, g := range f.groups {
		fmt.Fprintf(&b, ".SS %s\n", roff(g.title))
		g.flags.VisitAll(func(fl *pflag.Flag) { manFlag(&b, fl) })
	}
	for _, s := range p.Sections {
		fmt.Fprintf(&b, ".SH %s\n.nf\n", strings.ToUpper(roff(s.Title)))
		for l := range strings.SplitSeq(strings.Trim(s.Text, "\n"), "\n") {
			b.WriteString(line(roff(strings.TrimRight(l, " "))) + "\n")
		}
		b.WriteString(".fi\n")
	}
	return b.String()
}

func manFlag(b *strings.Builder, fl *pflag.Flag) {
	value, usage := pflag.UnquoteUsage(fl)
	name := "\\-\\-" + roff(fl.Name)
	if fl.Shorthand != "" {
		name = "\\-" + roff(fl.Shorthand) + ", " + name
	}
	if value != "" {
		name += " \\fI" + roff(value) + "\\fP"
	}
	if d := fl.DefValue; d != "" && d != "false" && d != "[]" && d != "0" && d != "0s" {
		usage += fmt.Sprintf(" (default %s)", strings.Trim(d, "[]"))
	}
	fmt.Fprintf(b, ".TP\n%s\n%s\n", name, line(roff(usage)))
}

// roff escapes what would be more than text to troff.
func roff(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
}

// line keeps a line from being taken for a request.
func line(s string) string {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}
