package wsconn

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"flashproxy/internal/netwait"
)

// pieces is a connection whose stream comes in pieces of so many bytes.
type pieces struct {
	net.Conn
	rest   *bytes.Reader
	atOnce int
}

func (p pieces) Read(b []byte) (int, error) { return p.rest.Read(b[:min(len(b), p.atOnce)]) }

// Whatever a server answers, and however that is cut: when net/http has found a
// response without a body in it, all that follows is still there.
func FuzzHeadEnd(f *testing.F) {
	const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nA: b"
	for _, end := range []string{
		"\r\n\r\n", "\n\n", "\r\n\n", "\n\r\n", "\r\n\r\r\n\r\n", "\n \n\n", "\r\n \r\n\r\n", "\r\n\t\r\nC: \r\n\r\n", "\n\r\r\n\n\n", ":\n\n\n\n",
	} {
		f.Add([]byte(head+end+"\x82\x05early\r\n\r\n\r\n\r\n"), uint8(1))
		f.Add([]byte(head+end), uint8(0))
	}
	f.Add([]byte("HTTP/1.1 101 \r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), uint8(7))
	f.Fuzz(func(t *testing.T, input []byte, atOnce uint8) {
		all := bufio.NewReader(bytes.NewReader(input))
		resp, err := http.ReadResponse(all, nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || len(input) > maxResponse {
			return
		}
		want, err := io.ReadAll(all)
		must(t, err)
		s := newSource(pieces{rest: bytes.NewReader(input), atOnce: 1 + int(atOnce)}, nil, maxResponse)
		br := bufio.NewReaderSize(s, headSize)
		if _, err := http.ReadResponse(br, nil); err != nil {
			t.Fatal(err)
		}
		if n := br.Buffered(); n > 0 {
			t.Errorf("%d bytes behind the head were taken", n)
		}
		var got []byte
		for p := make([]byte, 100); ; {
			n, err := s.take(p)
			if got = append(got, p[:n]...); err != nil {
				break
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q follows; want %q", got, want)
		}
	})
}

// lateOnly can read late, and cannot wait without reading.
type lateOnly struct{ net.Conn }

func (c lateOnly) ReadLate(l netwait.Lender) (netwait.Parts, error) { return netwait.Now(c.Conn, l) }

// What a connection cannot do costs a wait, not more.
func TestLateReaderThatCannotWait(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	defer near.Close()
	c := newConn(newSource(lateOnly{near}, nil, 0), false, false, -1)
	go far.Write(binFrame([]byte("data")))
	must(t, c.WaitRead())
	readString(t, c, "data")
}

// A handshake and the frames behind it may be cut anywhere, at either end; they
// are there for a ReadLate, and a wait sees them.
func TestEarlyFramesCutAnywhere(t *testing.T) {
	const data = "early\r\n\r\nand late"
	for back := range len(data) + 10 {
		for _, dialled := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				n := memory()
				send := func(c net.Conn, head string) {
					all := append([]byte(head), rawFrame(0x82, !dialled, []byte(data))...)
					cut := len(all) - back
					write(t, c, all[:cut])
					synctest.Wait()
					write(t, c, all[cut:])
				}
				var peer net.Conn
				var c *Conn
				if dialled {
					defer n.listener.Close()
					done := make(chan error)
					go func() {
						var err error
						c, err = Dial(context.Background(), "ws://peer.example", dialOptions(n, DialOptions{}))
						done <- err
					}()
					var err error
					peer, err = n.listener.Accept()
					must(t, err)
					send(peer, answer(t, readHead(t, peer)))
					must(t, <-done)
				} else {
					l := listen(t, n, ListenOptions{})
					var err error
					peer, err = n.dial(context.Background())
					must(t, err)
					send(peer, request())
					readHead(t, peer)
					c = accept(t, l)
				}
				l := &lender{t: t, buf: make([]byte, 512)}
				var got []byte
				for len(got) < len(data) {
					must(t, c.WaitRead())
					b, err := c.ReadLate(l)
					must(t, err)
					got = append(got, b.Join()...)
					l.Return()
				}
				if string(got) != data {
					t.Errorf("cut before the last %d bytes: read %q", back, got)
				}
				peer.Close()
				must(t, c.Close())
			})
		}
	}
}

// Over TLS nothing tells when there is something to read; all ways to read work
// nevertheless.
func TestTLSTransfer(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			noLeaks(t)
			n, lo, do := secureNetwork(t, loopback(t))
			do.Subprotocols = v.do.Subprotocols
			l := listen(t, n, lo)
			client, err := Dial(context.Background(), "wss://localhost", do)
			must(t, err)
			server := accept(t, l)
			testTransfer(t, client, server, 1<<18)
			go client.Close()
			if b, err := server.ReadLate(&lender{t: t, buf: make([]byte, 512)}); err != io.EOF {
				t.Errorf("read %q, %v", b, err)
			}
			must(t, server.Close())
		})
	}
}
