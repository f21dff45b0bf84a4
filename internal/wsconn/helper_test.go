package wsconn

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/memnet"
)

// testPatience bounds a test's waits for events; none is meant to take that long.
const testPatience = 20 * time.Second

// request is a handshake as a browser sends it, and what else it says.
func request(headers ...string) string {
	return "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
		"Origin: https://page.example\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(append(headers, "", ""), "\r\n")
}

const (
	wantBase64 = "Sec-WebSocket-Protocol: base64"
	// acceptKey is the answer to request's key (RFC 6455, section 1.3).
	acceptKey = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// rawFrame makes a frame whose second byte and length are right for payload.
// first is FIN, RSV and opcode together.
func rawFrame(first byte, masked bool, payload []byte) []byte {
	var maskBit byte
	if masked {
		maskBit = 0x80
	}
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, maskBit|byte(n))
	case n < 65536:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|127), uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	key := [4]byte{1, 2, 3, 4}
	b = append(b, key[:]...)
	for i, x := range payload {
		b = append(b, x^key[i%4])
	}
	return b
}

func binFrame(payload []byte) []byte { return rawFrame(0x82, true, payload) }

func closeFrame(code int) []byte {
	return rawFrame(0x88, true, binary.BigEndian.AppendUint16(nil, uint16(code)))
}

// readFrame reads a frame of at most 64 KiB, masked or not.
func readFrame(r io.Reader) (first byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := int(h[1] & 0x7f)
	if n == 126 {
		var ext [2]byte
		if _, err := io.ReadFull(r, ext[:]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(ext[:]))
	} else if n == 127 {
		return 0, nil, fmt.Errorf("frame longer than 64 KiB")
	}
	var key [4]byte
	if h[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, key[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return h[0], payload, nil
}

// wantFrame reads the next frame that is no ping.
func wantFrame(t *testing.T, r io.Reader, first byte, payload []byte) {
	t.Helper()
	got := byte(0x89)
	var p []byte
	var err error
	for got == 0x89 {
		got, p, err = readFrame(r)
	}
	if err != nil || got != first || !bytes.Equal(p, payload) {
		t.Fatalf("frame %#x %.60q, %v; want %#x %.60q", got, p, err, first, payload)
	}
}

func wantCloseFrame(t *testing.T, r io.Reader, code int) {
	t.Helper()
	wantFrame(t, r, 0x88, binary.BigEndian.AppendUint16(nil, uint16(code)))
}

func wantEOF(t *testing.T, r io.Reader) {
	t.Helper()
	if b, err := io.ReadAll(r); len(b) > 0 || err != nil {
		t.Fatalf("%.60q, %v; want the end of the stream", b, err)
	}
}

// network is where a test runs: loopback, or memory for tests in a bubble.
type network struct {
	listener net.Listener
	dial     func(ctx context.Context) (net.Conn, error)
}

func loopback(t testing.TB) network {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return network{ln, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", ln.Addr().String())
	}}
}

func memory() network {
	ln := memnet.Listen(netip.MustParseAddrPort("192.0.2.1:80"))
	return network{ln, ln.Dial}
}

// listen starts a Listener, which ends with the test.
func listen(t testing.TB, n network, o ListenOptions) *Listener {
	t.Helper()
	l := Listen(n.listener, o)
	t.Cleanup(func() { l.Close() })
	return l
}

func dialOptions(n network, o DialOptions) DialOptions {
	o.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) { return n.dial(ctx) }
	return o
}

// pair returns the two ends of a WebSocket.
func pair(t testing.TB, n network, lo ListenOptions, do DialOptions) (client, server *Conn) {
	t.Helper()
	l := listen(t, n, lo)
	client, err := Dial(context.Background(), "ws://peer.example", dialOptions(n, do))
	if err != nil {
		t.Fatal(err)
	}
	server = accept(t, l)
	t.Cleanup(func() { client.conn.Close(); client.Close(); server.Close() })
	return client, server
}

func accept(t testing.TB, l *Listener) *Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*Conn)
}

// rawPair returns a server's end, and the stream of a client that has done its
// handshake.
func rawPair(t testing.TB, n network, o ListenOptions, headers ...string) (peer net.Conn, server *Conn) {
	t.Helper()
	l := listen(t, n, o)
	peer = rawClient(t, n, request(headers...))
	server = accept(t, l)
	t.Cleanup(func() { peer.Close(); server.Close() })
	return peer, server
}

// rawClient sends a request and reads the answer's head.
func rawClient(t testing.TB, n network, request string) net.Conn {
	t.Helper()
	peer, err := n.dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	if _, err := peer.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	if head := readHead(t, peer); !strings.Contains(head, acceptKey) {
		t.Fatalf("not upgraded: %q", head)
	}
	return peer
}

// readHead reads the head of a request or response and nothing after it.
func readHead(t testing.TB, r io.Reader) string {
	t.Helper()
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		if _, err := r.Read(b); err != nil {
			t.Fatalf("head %q: %v", head, err)
		}
		head = append(head, b...)
	}
	return string(head)
}

// answer is what a server says to a client's request, and what else it says.
func answer(t testing.TB, request string, headers ...string) string {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		t.Fatal(err)
	}
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + accepted(r.Header.Get("Sec-WebSocket-Key")) + "\r\n" +
		strings.Join(append(headers, "", ""), "\r\n")
}

// accepted is Sec-WebSocket-Accept (RFC 6455, section 4.2.2).
func accepted(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, w io.Writer, p []byte) {
	t.Helper()
	if n, err := w.Write(p); n != len(p) || err != nil {
		t.Fatalf("write %d bytes: %d, %v", len(p), n, err)
	}
}

func readString(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %.60q, %v; want %.60q", got[:n], err, want)
	}
}

// settle waits until count returns at most want.
func settle(t testing.TB, what string, want int, count func() int) {
	t.Helper()
	var n int
	for end := time.Now().Add(testPatience); time.Now().Before(end); runtime.Gosched() {
		if n = count(); n <= want {
			return
		}
	}
	t.Errorf("%d %s left; there were %d", n, what, want)
}

// noLeaks checks at the end of the test that no goroutine and no descriptor is
// left of it.
func noLeaks(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		settle(t, "goroutines", goroutines, runtime.NumGoroutine)
		settle(t, "files", files, openFiles)
		if t.Failed() {
			b := make([]byte, 1<<16)
			t.Logf("%s", b[:runtime.Stack(b, true)])
		}
	})
}

// openFiles is 0 where the system does not tell.
func openFiles() int {
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}
