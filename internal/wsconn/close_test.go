package wsconn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

// What each close code means for Read, and that the close frame is answered.
func TestPeerCloses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		frame  []byte
		eof    bool
		answer []byte
	}{
		{"normal", closeFrame(1000), true, []byte{3, 232}},
		{"going away", closeFrame(1001), true, []byte{3, 233}},
		{"no code", rawFrame(0x88, true, nil), true, nil},
		{"with reason", rawFrame(0x88, true, []byte("\x03\xe8bye")), true, []byte{3, 232}},
		{"protocol error", closeFrame(1002), false, []byte{3, 234}},
		{"server error", closeFrame(1011), false, []byte{3, 243}},
		{"own code", closeFrame(4999), false, []byte{19, 135}},
		{"code too low", closeFrame(999), false, []byte{3, 234}},
		{"code not for the wire", closeFrame(1006), false, []byte{3, 234}},
		{"code too high", closeFrame(5000), false, []byte{3, 234}},
		{"reason not UTF-8", rawFrame(0x88, true, []byte("\x03\xe8\xff")), false, []byte{3, 234}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				peer, server := rawPair(t, memory(), ListenOptions{})
				write(t, peer, append(binFrame([]byte("last words")), tt.frame...))
				readString(t, server, "last words")
				must(t, server.WaitRead())
				for range 1001 {
					n, err := server.Read(make([]byte, 1))
					if n != 0 || err == nil || (err == io.EOF) != tt.eof || errors.Is(err, net.ErrClosed) {
						t.Fatalf("read %d, %v", n, err)
					}
				}
				wantFrame(t, peer, 0x88, tt.answer)
				if n, err := server.Write([]byte("x")); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
					t.Fatalf("write: %d, %v", n, err)
				}
				// A server does not wait when both close frames were sent.
				start := time.Now()
				must(t, server.Close())
				if tt.eof && time.Since(start) != 0 {
					t.Errorf("Close took %v", time.Since(start))
				}
				wantEOF(t, peer)
			})
		})
	}
}

// A client lets the server end the connection.
func TestServerClosesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, memory(), ListenOptions{}, DialOptions{})
		go server.Close()
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Fatal(err)
		}
		start := time.Now()
		must(t, client.Close())
		if time.Since(start) != 0 {
			t.Errorf("Close took %v", time.Since(start))
		}
	})
}

func TestStreamEndsWithoutClose(t *testing.T) {
	for name, after := range map[string][]byte{
		"between messages": nil,
		"in a header":      {0x82},
		"in a length":      {0x82, 0xfe, 1},
		"in a mask":        {0x82, 0x81, 1, 2},
		"in a payload":     binFrame([]byte("abc"))[:7],
		"in a close frame": closeFrame(1000)[:7],
		"between frames":   rawFrame(0x02, true, []byte("a")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, reset := range []bool{false, true} {
					peer, server := rawPair(t, memory(), ListenOptions{})
					write(t, peer, append(binFrame([]byte("x")), after...))
					readString(t, server, "x")
					synctest.Wait()
					want := io.ErrUnexpectedEOF
					if reset {
						want = syscall.ECONNRESET
						peer.(*memnet.Conn).Abort()
					} else {
						peer.Close()
					}
					if _, err := io.ReadAll(server); !errors.Is(err, want) {
						t.Errorf("read: %v; want %v", err, want)
					}
				}
			})
		})
	}
}

// Close says 1000, ends the stream, and waits for the peer's end.
func TestCloseHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, server := rawPair(t, memory(), ListenOptions{})
		write(t, server, []byte("bye"))
		write(t, peer, binFrame(make([]byte, 10000))) // nobody reads it
		start := time.Now()
		closed := make(chan error)
		go func() { closed <- server.Close() }()
		wantFrame(t, peer, 0x82, []byte("bye"))
		wantCloseFrame(t, peer, 1000)
		wantEOF(t, peer)
		time.Sleep(time.Second)
		select {
		case err := <-closed:
			t.Fatalf("Close did not wait for the peer: %v", err)
		default:
		}
		write(t, peer, closeFrame(1000))
		peer.Close()
		must(t, <-closed)
		if d := time.Since(start); d != time.Second {
			t.Errorf("Close took %v; the peer took 1s", d)
		}
		must(t, server.Close())
		for name, err := range map[string]error{
			"read":     second(server.Read(make([]byte, 1))),
			"write":    second(server.Write([]byte("x"))),
			"wait":     server.WaitRead(),
			"deadline": server.SetDeadline(time.Now()),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	})
}

func second(_ int, err error) error { return err }

// Close is bounded, whatever the peer and whoever uses the connection.
func TestCloseIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name      string
		peer      func(net.Conn)
		write     bool          // a Write waits
		most      time.Duration // for Close
		writeMost time.Duration
	}{
		{"peer never answers", func(c net.Conn) { io.Copy(io.Discard, c) }, false, closeWait, 0},
		{"peer never reads", func(net.Conn) {}, false, closeWait, 0},
		{"peer never reads, Write waits", func(net.Conn) {}, true, closeWait / 2, closeWait / 2},
		{"close frame does not fit", func(c net.Conn) { c.(*memnet.Conn).SetReadBuffer(2) }, false, closeWait / 2, 0},
		{"peer reads late", func(c net.Conn) { time.Sleep(closeWait / 4); io.Copy(io.Discard, c) }, true, closeWait, closeWait / 4},
		{"peer sends without end", func(c net.Conn) {
			for b := binFrame(make([]byte, 1<<10)); ; time.Sleep(time.Millisecond) {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		}, false, closeWait, 0},
		{"peer pings without end", func(c net.Conn) {
			for b := rawFrame(0x89, true, []byte("ping")); ; time.Sleep(time.Millisecond) {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		}, true, closeWait / 2, closeWait / 2},
		{"peer is gone", func(c net.Conn) { c.Close() }, false, 0, 0},
		{"peer resets", func(c net.Conn) { c.(*memnet.Conn).Abort() }, false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				peer, server := rawPair(t, memory(), ListenOptions{})
				var wg sync.WaitGroup
				var readEnd, writeEnd time.Time
				wg.Go(func() { tt.peer(peer) })
				wg.Go(func() {
					_, err := io.Copy(io.Discard, server)
					readEnd = time.Now()
					if !errors.Is(err, net.ErrClosed) && tt.most != 0 {
						t.Errorf("read: %v", err)
					}
				})
				if tt.write {
					wg.Go(func() {
						_, err := server.Write(make([]byte, 1<<20))
						writeEnd = time.Now()
						if !errors.Is(err, net.ErrClosed) {
							t.Errorf("write: %v", err)
						}
					})
				}
				synctest.Wait()
				start := time.Now()
				for range 3 {
					wg.Go(func() {
						if err := server.Close(); err != nil {
							t.Errorf("close: %v", err)
						}
						if d := time.Since(start); d > tt.most {
							t.Errorf("Close took %v", d)
						}
					})
				}
				synctest.Wait()
				if err := server.SetDeadline(start.Add(time.Hour)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("set deadline: %v", err)
				}
				time.Sleep(tt.most + 1)
				peer.Close()
				wg.Wait()
				if d := readEnd.Sub(start); d > 0 {
					t.Errorf("Read went on for %v", d)
				}
				if d := writeEnd.Sub(start); d > tt.writeMost {
					t.Errorf("Write went on for %v", d)
				}
			})
		})
	}
}

// What was written before Close arrives, although there was input that nobody
// read, which would make TCP reset the connection.
func TestCloseLosesNothing(t *testing.T) {
	noLeaks(t)
	peer, server := rawPair(t, loopback(t), ListenOptions{})
	data := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	write(t, peer, binFrame(data[:50000]))
	write(t, server, data[:maxSent])
	write(t, peer, binFrame(data[:50000]))
	closed := make(chan error)
	go func() { closed <- server.Close() }()
	must(t, server.senderDone())
	write(t, peer, binFrame(data[:50000]))
	wantFrame(t, peer, 0x82, data[:maxSent])
	wantCloseFrame(t, peer, 1000)
	wantEOF(t, peer)
	write(t, peer, closeFrame(1000))
	peer.Close()
	must(t, <-closed)
}

// senderDone waits until the close frame was written.
func (c *Conn) senderDone() error {
	for end := time.Now().Add(testPatience); time.Now().Before(end); {
		c.writing.lock()
		sent := c.closeSent
		c.writing.unlock()
		if sent {
			return nil
		}
	}
	return errors.New("no close frame was sent")
}

// Nothing is left of many connections, however they end.
func TestNoLeaks(t *testing.T) {
	noLeaks(t)
	n := loopback(t)
	l := listen(t, n, ListenOptions{})
	var wg sync.WaitGroup
	for i := range 60 {
		peer := rawClient(t, n, request())
		server := accept(t, l)
		wg.Go(func() { io.Copy(io.Discard, server); server.Close() })
		wg.Go(func() {
			switch i % 4 {
			case 0:
				peer.Write(closeFrame(1000))
			case 1:
				peer.(*net.TCPConn).SetLinger(0)
			case 2:
				peer.Write(rawFrame(0x89, true, nil))
			case 3:
				wg.Go(func() { server.Close() })
			}
			peer.Close()
		})
	}
	wg.Wait()
}
