package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashproxy/internal/registration"
)

// childEnv makes this test binary run as the program.
const childEnv = "PROXY_HEADLESS_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program is the program as a process of its own. Its stderr may be read when
// Wait has returned.
func program(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stderr = &stderr
	return cmd, &stderr
}

// rawPeer is a WebSocket server of the few lines that it takes, so that the
// proxy is not only tested against the library that it uses itself. Each
// connection is given to handle.
func rawPeer(t *testing.T, handle func(c *rawConn) error) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(30 * time.Second))
				raw := &rawConn{c, bufio.NewReader(c)}
				if err := errors.Join(raw.handshake(), handle(raw)); err != nil {
					t.Errorf("WebSocket peer: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

type rawConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *rawConn) handshake() error {
	req, err := http.ReadRequest(c.r)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	// RFC 6455, section 4.2.2.
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	return err
}

// send sends one binary message (RFC 6455, section 5.2).
func (c *rawConn) send(p []byte) error {
	head := []byte{0x82, 126}
	head = binary.BigEndian.AppendUint16(head, uint16(len(p)))
	_, err := c.Write(append(head, p...))
	return err
}

// receive returns the next message, io.EOF for a close frame.
func (c *rawConn) receive() ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return nil, err
	}
	length := int(head[1] & 0x7f)
	switch length {
	case 126:
		var ext [2]byte
		if _, err := io.ReadFull(c.r, ext[:]); err != nil {
			return nil, err
		}
		length = int(binary.BigEndian.Uint16(ext[:]))
	case 127:
		return nil, errors.New("a message longer than 32 KiB")
	}
	if head[1]&0x80 == 0 {
		return nil, errors.New("a frame of a client that is not masked")
	}
	b := make([]byte, 4+length)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return nil, err
	}
	p := b[4:]
	for i := range p {
		p[i] ^= b[i%4]
	}
	switch head[0] {
	case 0x82:
		return p, nil
	case 0x88:
		return nil, io.EOF
	}
	return nil, fmt.Errorf("frame of type %#x", head[0])
}

// echo sends back whatever comes.
func echo(c *rawConn) error {
	for {
		p, err := c.receive()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = c.send(p)
		}
		if err != nil {
			return fmt.Errorf("echo: %w", err)
		}
	}
}

// client sends a message, wants it back, and says so.
func client(size int, done chan<- struct{}) func(c *rawConn) error {
	return func(c *rawConn) error {
		want := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		if err := c.send(want); err != nil {
			return err
		}
		var got []byte
		for len(got) < len(want) {
			p, err := c.receive()
			if err != nil {
				return fmt.Errorf("client: %w", err)
			}
			got = append(got, p...)
		}
		if !bytes.Equal(got, want) {
			return errors.New("client: the echo is not what was sent")
		}
		done <- struct{}{}
		for { // the proxy ends the connection
			if _, err := c.receive(); err != nil {
				return nil
			}
		}
	}
}

func TestServesClientFromFacilitator(t *testing.T) {
	done := make(chan struct{})
	clientAddr, relayAddr := rawPeer(t, client(60_000, done)), rawPeer(t, echo)
	var once sync.Once
	facilitator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := registration.ParsePoll(r.URL.RawQuery); err != nil {
			t.Errorf("poll: %v", err)
		}
		answer := "client=&check-back-in=1"
		once.Do(func() { answer = "client=" + clientAddr + "&relay=" + relayAddr + "&check-back-in=1" })
		io.WriteString(w, answer)
	}))
	defer facilitator.Close()
	down := httptest.NewServer(http.NotFoundHandler())
	defer down.Close()
	cmd, stderr := program(t, "-f", down.URL, "-f", facilitator.URL, "--allow-private-addresses", "--drain", "0s", "--ratelimit", "10M", "-v")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-done
	<-done // the second connection
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	log := stderr.String()
	if !strings.Contains(log, "clients=1 unreachable=0 failed_polls=1 bytes_to_relays=120000 bytes_to_clients=120000") {
		t.Errorf("no tally in the log:\n%s", log)
	}
	if !strings.Contains(log, "404 Not Found") || strings.Contains(log, "127.0.0.1") {
		t.Errorf("the log has an address, or not what the first facilitator said:\n%s", log)
	}
}

func TestServesGivenPair(t *testing.T) {
	done := make(chan struct{})
	cmd, stderr := program(t, "--client", rawPeer(t, client(16, done)), "--relay", rawPeer(t, echo), "--connections-per-client", "1", "--drain", "0s")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-done
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGINT: %v\n%s", err, stderr)
	}
}

// Without the flag for tests nobody can send the proxy to its own machine.
func TestRefusesPrivateAddresses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	polled := make(chan struct{}, 1)
	facilitator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "client=%s&relay=%s&check-back-in=1", ln.Addr(), ln.Addr())
		select {
		case polled <- struct{}{}:
		default:
		}
	}))
	defer facilitator.Close()
	cmd, stderr := program(t, "-f", facilitator.URL, "-f", facilitator.URL+"/other")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-polled
	<-polled // of the other: all that the first answer can cause has been tried
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(stderr.String(), "--allow-private-addresses") {
		t.Errorf("the log does not say what to do:\n%s", stderr)
	}
	ln.(*net.TCPListener).SetDeadline(time.Now())
	if c, err := ln.Accept(); err == nil {
		t.Errorf("%v connected", c.RemoteAddr())
	}
}

// Each dialer checks the address that a name turned out to be.
func TestDialerRefusesPrivateAddresses(t *testing.T) {
	o, err := parseOptions([]string{"-f", "http://127.0.0.1"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for outer, dial := range dialers(o.allow()) {
		for _, address := range []string{"localhost:80", "127.0.0.1:80", "[::1]:80", "10.0.0.1:80"} {
			c, err := dial(t.Context(), address)
			if c != nil || err == nil || !strings.Contains(err.Error(), "not allowed") {
				t.Errorf("dial %s by %s: %v, %v; want it refused", address, outer, c, err)
			}
		}
	}
}

func TestCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"":                                        "whom to serve",
		"--client 127.0.0.1:1":                    "go together",
		"--relay 127.0.0.1:1":                     "go together",
		"--client a --relay b --transports tcp":   "--transports is for --facilitator",
		"--client x --relay 127.0.0.1:1":          "--client \"x\": no port",
		"--client 1.2.3.4:5 --relay [::1":         "--relay \"[::1\"",
		"-f http://a --client 127.0.0.1:1":        "either --facilitator, or",
		"-f http://a extra":                       "unexpected argument \"extra\"",
		"-f a.example":                            "http://",
		"-f ftp://a.example":                      "http://",
		"-f http://":                              "begins with http://",
		"-f http://a.example/?x=y":                "without user name",
		"-f http://a --max-clients 0":             "--max-clients: want 1 or more",
		"-f http://a --max-clients many":          "invalid argument \"many\"",
		"-f http://a --drain -1s":                 "--drain: want a time",
		"-f http://a --ratelimit fast":            "--ratelimit \"fast\": want \"off\", or bytes a second",
		"-f http://a --poll-interval 10":          "--poll-interval",
		"-f http://a --connections 2":             "unknown flag",
		"-f http://a --log /nonexistent/x":        "open the log",
		"-f http://a --connections-per-client -1": "--connections-per-client: want 1 or more",
	} {
		err := run(t.Context(), strings.Fields(args), nil, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", args, err, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for args, want := range map[string]int{"--help": 0, "--version": 0, "--bogus": 2, "": 2, "-f http://a -l /nonexistent/x": 1} {
		cmd, stderr := program(t, strings.Fields(args)...)
		out, _ := cmd.Output()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%q: exit code %d, want %d: %s", args, got, want, stderr)
		}
		if want == 0 && len(out) == 0 || want != 0 && stderr.Len() == 0 {
			t.Errorf("%q says nothing", args)
		}
	}
}
