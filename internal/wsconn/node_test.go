package wsconn

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// need skips the test when a program is missing, but not in continuous integration.
func need(t *testing.T, program, install string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%v; install it with: %s", err, install)
	}
	t.Skipf("%v; install it with: %s", err, install)
	return ""
}

// Node's WebSocket is a peer that shares no code with gorilla or this package.
func TestNode(t *testing.T) {
	node := need(t, "node", "apt install nodejs")
	for _, subprotocol := range []string{"", "base64"} {
		for _, closing := range []string{"1000", "none", "3001", "server"} {
			t.Run(cmp.Or(subprotocol, "binary")+" "+closing, func(t *testing.T) {
				t.Parallel()
				testNode(t, node, subprotocol, closing)
			})
		}
	}
}

func testNode(t *testing.T, node, subprotocol, closing string) {
	n := loopback(t)
	l := listen(t, n, ListenOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// The flag is for Node 20; later ones have WebSocket without it and take the flag.
	cmd := exec.CommandContext(ctx, node, "--experimental-websocket", "testdata/echo.mjs",
		"ws://"+n.listener.Addr().String(), subprotocol, closing)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	must(t, cmd.Start())
	exited := make(chan error, 1)
	go func() {
		exited <- cmd.Wait()
		l.Close() // in case it has never come
	}()
	server := accept(t, l)
	// It ends with "end" when the server is to close.
	var total []byte
	buf := make([]byte, 100000)
	var err error
	for err == nil && !bytes.HasSuffix(total, []byte("end")) {
		var n int
		n, err = server.Read(buf)
		total = append(total, buf[:n]...)
		server.Write(buf[:n])
	}
	switch {
	case closing == "3001" && (err == nil || err == io.EOF), closing == "server" && err != nil,
		(closing == "1000" || closing == "none") && err != io.EOF:
		t.Errorf("read: %v", err)
	}
	start := time.Now()
	must(t, server.Close())
	if d := time.Since(start); d >= closeWait {
		t.Errorf("Close took %v: the peer did not answer", d)
	}
	if err := <-exited; err != nil {
		t.Errorf("node: %v\n%s", err, output.Bytes())
	}
}
