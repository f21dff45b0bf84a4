package wsconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/testca"
)

// What NetDial refuses is refused, with TLS too, and its error is kept.
func TestNetDialRefuses(t *testing.T) {
	errRefused := errors.New("refused")
	for _, scheme := range []string{"ws", "wss"} {
		c, err := Dial(t.Context(), scheme+"://peer.example:1", DialOptions{
			NetDial: func(_ context.Context, network, addr string) (net.Conn, error) {
				if network != "tcp" || addr != "peer.example:1" {
					t.Errorf("%s: asked for %s %s", scheme, network, addr)
				}
				return nil, errRefused
			},
		})
		if c != nil || !errors.Is(err, errRefused) {
			t.Errorf("dial %s: %v", scheme, err)
		}
	}
}

func TestDialRequest(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	t.Setenv("http_proxy", "http://192.0.2.1:1")
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			url, line string
			offered   []string
			want      string
		}{
			{"ws://peer.example", "GET / HTTP/1.1", nil, ""},
			{"ws://peer.example/?a=b", "GET /?a=b HTTP/1.1", nil, ""},
			{"ws://peer.example", "GET / HTTP/1.1", []string{"base64"}, "Sec-WebSocket-Protocol: base64\r\n"},
		} {
			n := memory()
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				Dial(ctx, tt.url, dialOptions(n, DialOptions{Subprotocols: tt.offered}))
			}()
			server, err := n.listener.Accept()
			must(t, err)
			head := readHead(t, server)
			if !strings.HasPrefix(head, tt.line+"\r\nHost: peer.example\r\n") || !strings.Contains(head, tt.want) {
				t.Errorf("request %q", head)
			}
			for _, no := range []string{"User-Agent", "Extensions", "Origin", "Go-http"} {
				if strings.Contains(head, no) {
					t.Errorf("%s in request %q", no, head)
				}
			}
			cancel()
			<-done
			server.Close()
		}
	})
}

// What a server may answer, and how Dial ends.
func TestHostileAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(request string) string
		want   string // in the error
		after  time.Duration
	}{
		"404":                 {func(string) string { return "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno" }, "status 404", 0},
		"404 that never ends": {func(string) string { return "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nno" }, "status 404", 20 * time.Second},
		"redirect":            {func(string) string { return "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1/\r\n\r\n" }, "status 302", 20 * time.Second},
		"200":                 {func(string) string { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }, "status 200", 0},
		"wrong key": {func(r string) string {
			return strings.Replace(answer(t, r), "Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x", 1)
		}, "status 101", 0},
		"compression": {func(r string) string {
			return answer(t, r, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover")
		}, "extension", 0},
		"unknown extension":     {func(r string) string { return answer(t, r, "Sec-WebSocket-Extensions: x") }, "extension", 0},
		"extension in a second": {func(r string) string { return answer(t, r, "Sec-WebSocket-Extensions:", "Sec-WebSocket-Extensions: x") }, "extension", 0},
		"unasked subprotocol":   {func(r string) string { return answer(t, r, "Sec-WebSocket-Protocol: base64") }, "subprotocol", 0},
		"rubbish":               {func(string) string { return "SSH-2.0-x\r\n\r\n" }, "malformed", 0},
		"long rubbish":          {func(string) string { return strings.Repeat("x", 8000) + "\r\n\r\n" }, "malformed", 0},
		"the end":               {func(string) string { return "" }, "EOF", 0},
		"the end in the middle": {func(r string) string { return answer(t, r)[:100] }, "EOF", 0},
		"silence":               {func(string) string { return "" }, "deadline", 20 * time.Second},
		"long line":             {func(string) string { return "HTTP/1.1 101 " + strings.Repeat("x", 1<<20) }, "too long", 0},
		"long head":             {func(string) string { return "HTTP/1.1 101 x\r\n" + strings.Repeat("a: b\r\n", 1<<17) }, "too long", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memory()
				go serveAnswer(t, n, tt.answer)
				start := time.Now()
				c, err := Dial(context.Background(), "ws://peer.example", dialOptions(n, DialOptions{}))
				if c != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("dial: %v; want %q", err, tt.want)
				}
				if err != nil && len(err.Error()) > 300 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
				if d := time.Since(start); d > tt.after {
					t.Errorf("after %v", d)
				}
			})
		})
	}
}

// serveAnswer serves one connection, and reads until the client closes it, except
// in tests of the end.
func serveAnswer(t *testing.T, n network, answer func(string) string) {
	defer n.listener.Close()
	server, err := n.listener.Accept()
	if err != nil {
		return
	}
	defer server.Close()
	a := answer(readHead(t, server))
	if strings.Contains(t.Name(), "the_end") {
		io.WriteString(server, a)
		return
	}
	go io.WriteString(server, a)
	io.Copy(io.Discard, server)
}

func TestDialCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory()
		defer n.listener.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := Dial(ctx, "ws://peer.example", dialOptions(n, DialOptions{}))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestDialBadURL(t *testing.T) {
	for _, url := range []string{"", "http://x", "ws://user:secret@x", "x", "ws://[", "://"} {
		if c, err := Dial(context.Background(), url, DialOptions{}); c != nil || err == nil {
			t.Errorf("dial %q: no error", url)
		}
	}
}

func TestDialRefused(t *testing.T) {
	n := loopback(t)
	n.listener.Close()
	_, err := Dial(context.Background(), "ws://"+n.listener.Addr().String(), DialOptions{})
	var op *net.OpError
	if !errors.As(err, &op) {
		t.Errorf("dial: %v", err)
	}
}

// Frames that come in one segment with the answer are not lost.
func TestDialEarlyFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory()
		defer n.listener.Close()
		served := make(chan struct{})
		go func() {
			defer close(served)
			server, err := n.listener.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			frames := join(rawFrame(0x82, false, []byte("early")), rawFrame(0x82, false, make([]byte, 20000)))
			io.WriteString(server, answer(t, readHead(t, server))+string(frames))
			io.Copy(io.Discard, server)
			server.Close()
		}()
		c, err := Dial(context.Background(), "ws://peer.example", dialOptions(n, DialOptions{}))
		must(t, err)
		readString(t, c, "early")
		readString(t, c, string(make([]byte, 20000)))
		must(t, c.Close())
		<-served
	})
}

// certified is a certificate for localhost and the pool that trusts it.
func certified(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	ca, err := testca.New()
	must(t, err)
	cert, key, err := ca.Issue(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "localhost")
	must(t, err)
	pair, err := tls.X509KeyPair(cert, key)
	must(t, err)
	return pair, ca.Pool()
}

// tlsPair returns the two ends of a WebSocket over TLS.
func tlsPair(t *testing.T) (client, server *Conn) {
	t.Helper()
	cert, pool := certified(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := Listen(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}}), ListenOptions{})
	t.Cleanup(func() { l.Close() })
	url := fmt.Sprintf("wss://localhost:%d", ln.Addr().(*net.TCPAddr).Port)
	if c, err := Dial(context.Background(), url, DialOptions{}); c != nil || err == nil {
		t.Fatal("an untrusted certificate was taken")
	}
	client, err = Dial(context.Background(), url, DialOptions{TLS: &tls.Config{RootCAs: pool}})
	must(t, err)
	return client, accept(t, l)
}

func TestTLS(t *testing.T) {
	noLeaks(t)
	client, server := tlsPair(t)
	data := strings.Repeat("0123456789abcdef", 1<<16)
	go func() { io.Copy(server, server); server.Close() }()
	go io.WriteString(client, data)
	readString(t, client, data)
	if d := unanswered(client.conn); d > time.Second {
		t.Errorf("unanswered for %v", d)
	}
	must(t, client.SetReadDeadline(time.Now()))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	must(t, client.Close())
}

// Close does not wait for crypto/tls to say goodbye to a peer that does not read.
func TestTLSCloseIsBounded(t *testing.T) {
	noLeaks(t)
	client, server := tlsPair(t)
	written := make(chan error)
	go func() {
		_, err := server.Write(make([]byte, 1<<26))
		written <- err
	}()
	_, err := io.ReadFull(client, make([]byte, 1<<16))
	must(t, err)
	start := time.Now()
	must(t, server.Close())
	if d := time.Since(start); d > 2*closeWait {
		t.Errorf("Close took %v", d)
	}
	if err := <-written; !errors.Is(err, net.ErrClosed) {
		t.Errorf("write: %v", err)
	}
	client.drop()
}
