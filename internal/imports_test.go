// Package internal holds the test that keeps the map of doc/architecture.md true.
package internal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "flashproxy/"

// layer is where a package stands; imports go down, never up or sideways.
type layer int

const (
	vocabulary layer = iota // imports nothing of ours
	mechanism               // imports vocabulary
	role                    // imports mechanisms and vocabulary
	command                 // imports roles and all below
	testing_                // for tests and the demo: nobody else imports it
)

// layers says where each package stands. A package that is not here fails the
// test: put it where it belongs.
var layers = map[string]layer{
	"internal/registration":  vocabulary,
	"internal/netwait":       vocabulary,
	"internal/wsconn":        mechanism,
	"internal/tcpconn":       mechanism,
	"internal/relaypipe":     mechanism,
	"internal/rendezvous":    mechanism,
	"internal/pool":          mechanism,
	"internal/socks":         mechanism,
	"internal/pt":            mechanism,
	"internal/scrub":         mechanism,
	"internal/certs":         mechanism,
	"internal/daemon":        mechanism,
	"internal/client":        role,
	"internal/server":        role,
	"internal/facilitator":   role,
	"internal/proxy":         role,
	"internal/browserproxy":  role,
	"cmd/flashproxy-client":  command,
	"cmd/flashproxy-server":  command,
	"cmd/facilitator":        command,
	"cmd/proxy-headless":     command,
	"internal/memnet":        testing_,
	"internal/tornet":        testing_,
	"internal/testca":        testing_,
	"internal/e2e":           testing_,
	"internal/demo":          testing_,
	"internal/bench":         testing_,
	"internal/pool/pooltest": testing_,
}

// sideways are the few imports within a layer, each with its reason.
var sideways = map[[2]string]string{
	{"internal/daemon", "internal/scrub"}:       "daemon is what sets up logs for every program",
	{"internal/pool/pooltest", "internal/pool"}: "the suite tests the contract",
	{"internal/demo", "internal/e2e"}:           "the demo is the first test, narrated",
	{"internal/bench", "internal/e2e"}:          "what is measured are the real programs",
	{"internal/e2e", "internal/tornet"}:         "the tests run in a Tor network",
	{"internal/demo", "internal/tornet"}:        "the demo runs in a Tor network",
}

// only says which packages may import a library, and why nobody else.
var only = map[string]struct {
	by     []string
	reason string
}{
	"github.com/gorilla/websocket": {[]string{"internal/wsconn"}, "a WebSocket is a net.Conn to everybody else"},
	"git.torproject.org/pluggable-transports/goptlib.git": {[]string{"internal/pt", "internal/socks"},
		"what Tor expects of a transport is known in one place"},
	"golang.org/x/crypto/acme":         {[]string{"internal/certs"}, "where a certificate comes from is known in one place"},
	"github.com/spf13/pflag":           {[]string{"internal/daemon", "cmd/"}, "flags end in main"},
	"github.com/coreos/go-systemd/v22": {[]string{"internal/daemon"}, "systemd is a matter of the daemon"},
	"net/http/httptest":                {nil, "it is for tests"},
	"testing":                          {[]string{"internal/pool/pooltest", "internal/e2e", "internal/tornet"}, "it is for tests"},
	"unsafe":                           {[]string{"internal/netwait"}, "nothing is worth it but the address of a buffer, for a system call"},
	"os/signal":                        {[]string{"internal/daemon", "cmd/", "internal/demo"}, "signals reach a role as a context"},
	"log":                              {nil, "logs are slog, scrubbed"},
}

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// packages lists what go list finds, ours and all that they need.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.Bytes())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	ours := 0
	for _, p := range packages(t) {
		name, mine := strings.CutPrefix(p.ImportPath, module)
		if !mine || name == "internal" {
			continue
		}
		ours++
		from, known := layers[name]
		if !known {
			t.Errorf("%s is not in the table of layers: say where it stands", name)
			continue
		}
		for _, imp := range p.Imports {
			if to, mine := strings.CutPrefix(imp, module); mine {
				checkLayer(t, name, from, to)
			} else {
				checkOnly(t, name, imp)
			}
		}
	}
	if ours < 10 {
		t.Fatalf("only %d packages: is the module's path still %s?", ours, module)
	}
}

func checkLayer(t *testing.T, name string, from layer, to string) {
	t.Helper()
	if _, ok := sideways[[2]string{name, to}]; ok {
		return
	}
	switch target := layers[to]; {
	case target == testing_ && from != testing_:
		t.Errorf("%s imports %s, which is for tests", name, to)
	case target == command:
		t.Errorf("%s imports %s: a program is nobody's library", name, to)
	case from == testing_ && target < role:
	case target >= from:
		t.Errorf("%s imports %s: imports go down (cmd, role, mechanism, vocabulary), not up or sideways", name, to)
	}
}

func checkOnly(t *testing.T, name, imp string) {
	t.Helper()
	for lib, rule := range only {
		if imp != lib && !strings.HasPrefix(imp, lib+"/") {
			continue
		}
		if lib == "testing" && imp != lib || lib == "log" && imp != lib {
			continue
		}
		if !slices.ContainsFunc(rule.by, func(by string) bool {
			return name == by || strings.HasSuffix(by, "/") && strings.HasPrefix(name, by)
		}) {
			t.Errorf("%s imports %s: %s", name, imp, rule.reason)
		}
	}
}
