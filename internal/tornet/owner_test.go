package tornet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// ownerDir, in the environment, makes this program the one that TestOwnerKilled
// kills.
const ownerDir = "TORNET_TEST_OWNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerDir); dir != "" {
		if err := own(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// own starts a tor with a transport, outside a network, prints their process ids
// and waits for its own end.
func own(dir string) error {
	tor, err := Find()
	if err != nil {
		return err
	}
	obfs4, err := exec.LookPath("obfs4proxy")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	host := netip.MustParseAddr("127.0.0.1")
	cfg := BridgeConfig{Name: "owned", Transports: []Transport{{Name: "obfs4"}}, Exec: []string{obfs4}}
	if err := cfg.complete(host); err != nil {
		return err
	}
	// Nobody is there: it will not get far.
	auth := authority{host: host, dirPort: 1, orPort: 1, v3ident: strings.Repeat("A", 40), fingerprint: strings.Repeat("A", 40)}
	node, err := startNode(tor, dir, cfg.Name, auth.bridgeTorrc(dir, &cfg))
	if err != nil {
		return err
	}
	if _, err := node.WaitLog(ctx, "Registered server transport"); err != nil {
		return err
	}
	pids, err := node.TransportPIDs()
	if err != nil || len(pids) != 1 {
		return fmt.Errorf("transports %v, %v", pids, err)
	}
	fmt.Println(node.PID(), pids[0])
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// When the owner is killed, tor and its transport end by themselves.
func TestOwnerKilled(t *testing.T) {
	_, err := Find()
	need(t, err)
	needObfs4(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	owner := exec.CommandContext(t.Context(), self)
	owner.Env = append(os.Environ(), ownerDir+"="+t.TempDir())
	owner.Stderr = os.Stderr
	if _, err := owner.StdinPipe(); err != nil { // open until the owner has ended
		t.Fatal(err)
	}
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	var pids [2]int
	_, scanErr := fmt.Fscan(bufio.NewReader(out), &pids[0], &pids[1])
	var held []process
	for _, pid := range pids {
		if p, err := openProcess(pid); scanErr == nil && err == nil {
			defer p.close()
			held = append(held, p)
		}
	}
	began := time.Now()
	owner.Process.Kill()
	owner.Wait()
	if scanErr != nil || len(held) != 2 {
		t.Fatalf("the owner started %v: %v", pids, scanErr)
	}
	for i, p := range held {
		if !p.wait(30 * time.Second) {
			t.Errorf("process %d outlives its owner", p.pid)
			p.kill()
		}
		t.Logf("%s ended after %v", []string{"tor", "transport"}[i], time.Since(began))
	}
}
