package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"flashproxy/internal/tornet"
)

var (
	programs Programs
	network  = sync.OnceValues(func() (*tornet.Network, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		return tornet.Start(ctx, tornet.Config{})
	})
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "flashproxy-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if programs, err = Build(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if started {
		if n, err := network(); err == nil {
			if err := n.Close(); err != nil {
				fmt.Fprintln(os.Stderr, "the Tor network:", err)
				code = 1
			}
		}
	}
	return code
}

var started bool // the network; tests here run one after the other

// torNetwork gives the suite's network, started with its first use.
func torNetwork(t *testing.T) *tornet.Network {
	t.Helper()
	if _, err := tornet.Find(); err != nil {
		missing(t, err.Error())
	}
	started = true
	n, err := network()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// need makes sure that a program is there, of the Debian package named.
func need(t testing.TB, program, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		missing(t, program+" is missing: sudo apt-get install "+pkg)
	}
}

// missing skips a test; in continuous integration it fails, so that nothing goes untested.
func missing(t testing.TB, text string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// within is a context for one step of a test: far more than it takes, so that only
// what hangs fails.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// ends sees to it that a program ends well.
func ends(t testing.TB, p interface{ Stop() error }) {
	t.Helper()
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func page(t *testing.T, n *tornet.Network, size int) *Page {
	t.Helper()
	p, err := ServePage(n.Host(), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}
