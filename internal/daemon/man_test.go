package daemon

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestMan(t *testing.T) {
	f := NewFlags(Page{
		Name: "some-prog", Summary: "does things", Synopsis: []string{"[flags]", ".odd"}, Description: "First.\nMore.\n\n.Second \\ one.",
		ManSection: 8, Sections: []Section{{"Examples", "  some-prog -x\n\n'quoted"}},
	})
	g := f.Group("Group")
	g.StringP("name", "n", "here", "the `NAME` of it")
	g.Bool("plain", false, "no value")
	var out strings.Builder
	if err := f.Parse([]string{"--man"}, &out); !errors.Is(err, ErrPrinted) {
		t.Fatal(err)
	}
	for _, want := range []string{
		".TH SOME\\-PROG 8", "some\\-prog \\- does things", "\\-n, \\-\\-name \\fINAME\\fP\nthe NAME of it (default here)",
		"\n\\&.Second \\e one.\n", "\n\\&'quoted\n", "\\-\\-plain\nno value\n", ".SS Group", "\\-\\-version", "\\&.odd",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if _, err := exec.LookPath("man"); err != nil {
		return // what follows is a second opinion
	}
	cmd := exec.Command("man", "--warnings", "-l", "-")
	cmd.Stdin = strings.NewReader(out.String())
	cmd.Env = append(cmd.Environ(), "MANWIDTH=80", "LC_ALL=C")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if text, err := cmd.Output(); err != nil || stderr.Len() > 0 || !strings.Contains(string(text), "SOME-PROG(8)") {
		t.Errorf("man: %v, %s: %s", err, stderr.String(), text)
	}
}
