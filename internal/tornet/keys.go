package tornet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// installTor is what to do when a program of Debian's package is missing.
const installTor = "sudo apt-get install tor"

// Find returns the path of tor. Its error says how to install it.
func Find() (string, error) {
	tor, _, err := findBoth()
	return tor, err
}

// findBoth looks for tor, and for the program that makes an authority's keys;
// they are in the same package.
func findBoth() (tor, gencert string, err error) {
	if tor, err = findProgram("tor"); err != nil {
		return "", "", err
	}
	gencert, err = findProgram("tor-gencert")
	return tor, gencert, err
}

// findProgram looks in PATH and where Debian puts daemons, which is not in an
// ordinary user's PATH.
func findProgram(name string) (string, error) {
	for _, try := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name, "/usr/local/bin/" + name} {
		if path, err := exec.LookPath(try); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: %s", name, installTor)
}

// authority is what every node must know about the directory authority.
type authority struct {
	host        netip.Addr
	dirPort     uint16
	orPort      uint16
	v3ident     string // of the key that signs the consensus
	fingerprint string // of the relay that the authority is too
}

// makeKeys makes the authority's two identities in dir, side by side: the larger
// takes a second of CPU.
func (a *authority) makeKeys(ctx context.Context, tor, gencert, dir string) error {
	var wg sync.WaitGroup
	var errV3, errRelay error
	wg.Go(func() { a.v3ident, errV3 = makeV3Keys(ctx, gencert, filepath.Join(dir, "keys"), a) })
	wg.Go(func() { a.fingerprint, errRelay = makeRelayKeys(ctx, tor, dir) })
	wg.Wait()
	return errors.Join(errV3, errRelay)
}

// makeV3Keys makes the keys that sign the consensus, and returns their
// fingerprint (dir-spec.txt, section 3.1).
func makeV3Keys(ctx context.Context, gencert, dir string, a *authority) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, gencert, "--create-identity-key", "-m", "12",
		"-a", netip.AddrPortFrom(a.host, a.dirPort).String(), "--passphrase-fd", "0")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader("a test network's keys need no secret\n")
	if err := run(cmd); err != nil {
		return "", fmt.Errorf("make authority keys: %w", err)
	}
	cert, err := os.ReadFile(filepath.Join(dir, "authority_certificate"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(cert)) {
		if value, ok := strings.CutPrefix(line, "fingerprint "); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", errors.New("make authority keys: the certificate has no fingerprint")
}

// makeRelayKeys makes a relay's keys in its DataDirectory and returns their
// fingerprint.
func makeRelayKeys(ctx context.Context, tor, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, tor, "--ignore-missing-torrc", "-f", filepath.Join(dir, "none"),
		"--defaults-torrc", "/dev/null", "--list-fingerprint", "--DataDirectory", dir, "--ORPort", "1")
	if err := run(cmd); err != nil {
		return "", fmt.Errorf("make relay keys: %w", err)
	}
	line, err := os.ReadFile(filepath.Join(dir, "fingerprint"))
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(line)) // NICKNAME FINGERPRINT
	if len(fields) != 2 {
		return "", fmt.Errorf("make relay keys: odd fingerprint file %.80q", line)
	}
	return fields[1], nil
}

// run runs a program to its end; the error has what it said.
func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w%s: %s", filepath.Base(cmd.Path), err, advice(strings.Split(string(out), "\n")), bytes.TrimSpace(out))
}
