package wsconn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

func ping(payload string) []byte { return rawFrame(0x89, true, []byte(payload)) }

func TestPingIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, server := rawPair(t, memory(), ListenOptions{PingInterval: -1})
		go io.Copy(io.Discard, server)
		for _, payload := range []string{"", "a", string(make([]byte, 125))} {
			write(t, peer, ping(payload))
			wantFrame(t, peer, 0x8a, []byte(payload))
		}
		// Between the frames of a message, too.
		write(t, peer, rawFrame(0x02, true, []byte("a")))
		write(t, peer, ping("between"))
		wantFrame(t, peer, 0x8a, []byte("between"))
	})
}

// A peer that floods with pings and does not read neither blocks the reader nor
// makes anything grow; the newest ping is answered in the end.
func TestPingFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, server := rawPair(t, memory(), ListenOptions{PingInterval: -1})
		must(t, peer.(*memnet.Conn).SetReadBuffer(1))
		const pings = 20000
		go func() {
			for i := range pings {
				peer.Write(ping(fmt.Sprint(i)))
			}
			peer.Write(binFrame([]byte("data")))
		}()
		readString(t, server, "data")
		answered := 0
		for {
			first, payload, err := readFrame(peer)
			if err != nil || first != 0x8a {
				t.Fatalf("%#x %q, %v", first, payload, err)
			}
			answered++
			if string(payload) == fmt.Sprint(pings-1) {
				break
			}
		}
		if answered > 3 {
			t.Errorf("%d pongs were kept", answered)
		}
	})
}

// A pong that waits for the peer does not end the connection, nor does a write
// deadline that has passed before it.
func TestPongUnderPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, server := rawPair(t, memory(), ListenOptions{PingInterval: -1})
		must(t, peer.(*memnet.Conn).SetReadBuffer(1))
		write(t, peer, ping("slow"))
		write(t, peer, binFrame([]byte("x")))
		readString(t, server, "x")
		time.Sleep(time.Hour)
		wantFrame(t, peer, 0x8a, []byte("slow"))

		must(t, server.SetWriteDeadline(aLongTimeAgo))
		write(t, peer, ping("too late"))
		write(t, peer, binFrame([]byte("y")))
		readString(t, server, "y")
		synctest.Wait()
		must(t, server.SetWriteDeadline(time.Time{}))
		go server.Write([]byte("still there"))
		wantFrame(t, peer, 0x82, []byte("still there"))
	})
}

// Pings go out when nothing was received for an interval, and a peer that never
// answers one is left alone.
func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, server := rawPair(t, memory(), ListenOptions{PingInterval: 30 * time.Second})
		go io.Copy(io.Discard, server)
		pings := make(chan time.Time, 1000)
		go func() {
			for {
				if first, _, err := readFrame(peer); err != nil {
					return
				} else if first == 0x89 {
					pings <- time.Now()
				}
			}
		}()
		for range 100 { // the peer has something to say
			time.Sleep(20 * time.Second)
			write(t, peer, binFrame([]byte("x")))
		}
		if n := len(pings); n > 0 {
			t.Errorf("%d pings while data came", n)
		}
		quiet := time.Now()
		time.Sleep(time.Hour)
		if d := (<-pings).Sub(quiet); d < 30*time.Second || d > time.Minute {
			t.Errorf("first ping after %v", d)
		}
		if n := len(pings); n < 110 || n > 120 {
			t.Errorf("%d pings in an hour", n)
		}
		if err := server.SetDeadline(time.Time{}); err != nil {
			t.Errorf("after an hour without an answer: %v", err)
		}
	})
}

// Whose silence is death: that of a peer that has answered pings, while we wait
// for it and write nothing.
func TestDeadPeer(t *testing.T) {
	for _, tt := range []struct {
		name                  string
		answers, reads, dies  bool
		meanwhile             func(peer, server net.Conn)
		peerReads, longWrites bool
	}{
		{name: "never answered", reads: true, peerReads: true},
		{name: "answered", answers: true, reads: true, peerReads: true, dies: true},
		{name: "nobody reads", answers: true, peerReads: true},
		{name: "it sends data", answers: true, reads: true, peerReads: true, meanwhile: func(peer, _ net.Conn) {
			peer.Write(binFrame([]byte("x")))
		}},
		{name: "it sends empty frames", answers: true, reads: true, peerReads: true, meanwhile: func(peer, _ net.Conn) {
			peer.Write(binFrame(nil))
		}},
		{name: "we write", answers: true, reads: true, peerReads: true, meanwhile: func(_, server net.Conn) {
			server.Write([]byte("x"))
		}},
		{name: "a Write waits", answers: true, reads: true, longWrites: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				peer, server := rawPair(t, memory(), ListenOptions{})
				if tt.answers {
					write(t, peer, append(rawFrame(0x8a, true, nil), binFrame([]byte("x"))...))
					readString(t, server, "x")
				}
				ended := make(chan error, 1)
				if tt.reads {
					go func() { ended <- second2(io.Copy(io.Discard, server)) }()
				}
				if tt.peerReads {
					go io.Copy(io.Discard, peer)
				}
				if tt.longWrites {
					go server.Write(make([]byte, 1<<20))
				}
				for range 100 {
					time.Sleep(20 * time.Second)
					if tt.meanwhile != nil {
						tt.meanwhile(peer, server)
					}
					synctest.Wait()
				}
				dead := !errors.Is(server.SetWriteDeadline(time.Time{}), nil)
				if dead != tt.dies {
					t.Errorf("dead: %t; want %t", dead, tt.dies)
				}
				if tt.dies {
					if err := <-ended; !errors.Is(err, errDead) {
						t.Errorf("read: %v", err)
					}
					if _, err := server.Write([]byte("x")); !errors.Is(err, errDead) {
						t.Errorf("write: %v", err)
					}
				}
				start := time.Now()
				peer.Close()
				must(t, server.Close())
				if time.Since(start) > closeWait {
					t.Errorf("Close took %v", time.Since(start))
				}
			})
		})
	}
}

func second2(_ int64, err error) error { return err }

// Pings can be turned off, and their timer is gone after Close.
func TestNoPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, o := range []ListenOptions{{PingInterval: -1}, {}} {
			peer, server := rawPair(t, memory(), o)
			if o.PingInterval == 0 {
				peer.Close()
				must(t, server.Close())
				if server.timer.Stop() {
					t.Error("the timer runs after Close")
				}
				continue
			}
			go io.Copy(io.Discard, server)
			must(t, peer.SetReadDeadline(time.Now().Add(time.Hour)))
			if first, _, err := readFrame(peer); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%#x, %v; want silence", first, err)
			}
		}
	})
}
