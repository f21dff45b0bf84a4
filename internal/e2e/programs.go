// Package e2e runs the real programs: it builds them, starts them, wires them up
// with each other and with a private Tor network, and waits for what they say. The tests
// beside it, and the demo, are made of it. It is for nothing else.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs is a directory with the four programs.
type Programs struct{ dir string }

// Build builds the programs into dir, with the race detector if this process has
// it: what races in the tests then shows.
func Build(ctx context.Context, dir string) (Programs, error) {
	root, err := goTool(ctx, "", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return Programs{}, err
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if raceEnabled {
		args = append(args, "-race")
	}
	if _, err := goTool(ctx, strings.TrimSpace(root), append(args, "./cmd/...")...); err != nil {
		return Programs{}, err
	}
	return Programs{dir}, nil
}

func goTool(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out.String(), nil
}

// Path gives where a program is.
func (p Programs) Path(name string) string { return filepath.Join(p.dir, name) }

// writeFile writes a file of a test's own directory.
func writeFile(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
