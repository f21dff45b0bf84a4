package tornet

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Each error comes soon and says what was wrong.
func (n *network) testErrors(ctx context.Context, t *testing.T) {
	failing := script(t, "echo the reason >&2; exit 3")
	one := []Transport{{Name: "x"}}
	for _, tc := range []struct {
		name string
		cfg  BridgeConfig
		want []string
	}{
		{"no name", BridgeConfig{}, []string{"1 to 19 letters"}},
		{"name taken", BridgeConfig{Name: relayName}, []string{"choose another name"}},
		{"no program", BridgeConfig{Name: "b1", Transports: one}, []string{"Exec"}},
		{"program missing", BridgeConfig{Name: "b2", Transports: one, Exec: []string{"/nonexistent/pt"}}, []string{"/nonexistent/pt", "install it"}},
		{"blank", BridgeConfig{Name: "b3", Transports: one, Exec: []string{failing, "a b"}}, []string{"blank"}},
		{"address", BridgeConfig{Name: "b4", Transports: []Transport{{Name: "x", Listen: netip.MustParseAddrPort("192.0.2.1:0")}}, Exec: []string{failing}}, []string{"choose a port"}},
		{"program fails", BridgeConfig{Name: "b5", Transports: one, Exec: []string{failing}}, []string{"tor b5", "does not come up", "the reason", "status code 3"}},
		{"program offers another", BridgeConfig{Name: "b6", Transports: one, Exec: []string{needObfs4(t)}}, []string{"does not come up"}},
		{"torrc", BridgeConfig{Name: "b7", ExtraTorrc: []string{"NoSuchOption 1"}}, []string{"has ended", "NoSuchOption"}},
	} {
		_, err := n.Bridge(ctx, tc.cfg)
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error without %q: %v", tc.name, want, err)
			}
		}
	}
	if _, err := n.Client(ctx, ClientConfig{Name: "c1", Plugins: []string{"x exec /nonexistent/pt"}}); err == nil || !strings.Contains(err.Error(), "install it") {
		t.Errorf("client without its transport: %v", err)
	}
	if _, err := n.Client(ctx, ClientConfig{Name: "c2", Bridges: []string{"?"}}); err == nil || !strings.Contains(err.Error(), "Bridge line did not parse") {
		t.Errorf("client with a bad bridge line: %v", err)
	}
	if _, err := Start(ctx, Config{Dir: n.dir}); err == nil || !strings.Contains(err.Error(), "earlier network") {
		t.Errorf("two networks in one directory: %v", err)
	}
	if _, err := findProgram("no-such-tor"); err == nil || !strings.Contains(err.Error(), "apt-get install tor") || strings.Contains(err.Error(), "\n") {
		t.Errorf("tor missing: %v", err)
	}
	// Nobody listens there: the wait ends with ctx and says how far it got.
	c, err := n.Client(ctx, ClientConfig{Name: "c3", Bridges: []string{n.Host().String() + ":1"}})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	defer cancel()
	err = c.Bootstrapped(short, func(percent int, _ string) {
		if percent == 0 {
			cancel()
		}
	})
	if err == nil || !strings.Contains(err.Error(), "at 0 %") || !strings.Contains(err.Error(), "still running") {
		t.Errorf("bootstrap given up: %v", err)
	}
}

// A transport that neither SIGTERM nor the end of its input stops is killed and
// told of.
func (n *network) testStubborn(ctx context.Context, t *testing.T) {
	stubborn := script(t, `trap "" TERM
		echo VERSION 1
		echo "SMETHOD x ${TOR_PT_SERVER_BINDADDR#x-}"
		echo SMETHODS DONE
		exec sleep 600`)
	b, err := n.Bridge(ctx, BridgeConfig{Name: "stubborn", Transports: []Transport{{Name: "x"}}, Exec: []string{stubborn}})
	if err != nil {
		t.Fatal(err)
	}
	held, err := b.transports()
	if err != nil || len(held) != 1 {
		t.Fatalf("transports %v, %v", held, err)
	}
	defer held[0].close()
	if err := b.Stop(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Stop: %v", err)
	}
	if !held[0].wait(10 * time.Second) {
		t.Error("the transport is still there")
	}
}

// script writes a shell script and returns its path.
func script(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "transport")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
