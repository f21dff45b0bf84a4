package wsconn

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
	"flashproxy/internal/netwait"
)

// Deadlines that pass anywhere, in the two frames of a Write as in a read of any
// kind, between pings and pongs: nothing is lost, torn, or there twice.
func TestRandomDeadlines(t *testing.T) {
	for seed := range uint64(16) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			do := DialOptions{PingInterval: 5 * time.Millisecond}
			if seed%4 > 1 {
				do.Subprotocols = []string{subprotocol}
			}
			from, to := pair(t, memory(), ListenOptions{PingInterval: do.PingInterval}, do)
			if seed%2 == 1 {
				from, to = to, from
			}
			must(t, to.conn.(*memnet.Conn).SetReadBuffer(300<<rnd.IntN(9)))
			to.conn.(*memnet.Conn).SetMaxRead(rnd.IntN(2) * (100 << rnd.IntN(9)))
			data := make([]byte, 256<<10)
			rand.NewChaCha8([32]byte{byte(seed)}).Read(data)
			var wg sync.WaitGroup
			wg.Go(func() { writeInTime(t, from, data, rnd) })
			got, timeouts := readInTime(t, to, rand.New(rand.NewPCG(seed, 1)))
			if !bytes.Equal(got, data) {
				t.Errorf("seed %d: read %d bytes of %d, or others", seed, len(got), len(data))
			}
			if timeouts == 0 {
				t.Errorf("seed %d: no read deadline passed", seed)
			}
			must(t, to.Close())
			wg.Wait()
		})
	}
}

// writeInTime writes data with deadlines that are too short, and closes c.
func writeInTime(t *testing.T, c *Conn, data []byte, rnd *rand.Rand) {
	timeouts := 0
	for len(data) > 0 {
		c.SetWriteDeadline(time.Now().Add(time.Duration(rnd.IntN(20)) * time.Millisecond / 4))
		n, err := writeEither(c, data[:min(randomSize(rnd), len(data))], rnd)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			timeouts++
		} else if err != nil {
			t.Errorf("write: %v", err)
			break
		}
		c.writing.lock()
		if c.lent != nil && len(c.rest) == 0 {
			t.Error("a buffer is kept of which nothing is to be sent")
		}
		c.writing.unlock()
		data = data[n:]
	}
	if timeouts == 0 {
		t.Error("no write deadline passed")
	}
	c.SetWriteDeadline(time.Time{})
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// readInTime reads to the end, in each of the ways, with deadlines that are too short.
func readInTime(t *testing.T, c *Conn, rnd *rand.Rand) (all []byte, timeouts int) {
	l := &lender{t: t, buf: make([]byte, 64<<10)}
	for {
		if rnd.IntN(4) == 0 {
			time.Sleep(time.Duration(rnd.IntN(2000)) * time.Microsecond)
		}
		c.SetReadDeadline(time.Now().Add(time.Duration(rnd.IntN(4)) * time.Millisecond / 2))
		var b []byte
		var err error
		switch rnd.IntN(3) {
		case 0:
			err = c.WaitRead()
		case 1:
			b = make([]byte, 1+randomSize(rnd))
			var n int
			n, err = c.Read(b)
			b = b[:n]
		case 2:
			var parts netwait.Parts
			if parts, err = c.ReadLate(l); err == nil {
				b = bytes.Clone(parts.Join())
				l.Return()
			}
		}
		all = append(all, b...)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			timeouts++
		case err == io.EOF:
			return all, timeouts
		case err != nil:
			t.Errorf("read: %v", err)
			return all, timeouts
		}
	}
}

// few writes no more at a time than it says, and then says that it is too late.
type few struct {
	net.Conn
	left int
}

func (f *few) Write(p []byte) (int, error) {
	n, err := f.Conn.Write(p[:min(f.left, len(p))])
	f.left -= n
	if err == nil && n < len(p) {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// A deadline passes after each number of bytes that matters: the frames that were
// begun count as written and go out whole, and no other does.
func TestWriteCutAnywhere(t *testing.T) {
	const size = maxSent + 4
	data := make([]byte, 2*maxSent)
	for i := range data {
		data[i] = byte(i / 251)
	}
	for _, tt := range []struct{ room, n int }{
		{0, 0}, {1, maxSent}, {4, maxSent}, {size - 1, maxSent}, {size, maxSent},
		{size + 1, 2 * maxSent}, {2*size - 1, 2 * maxSent},
	} {
		synctest.Test(t, func(t *testing.T) {
			peer, server := rawPair(t, memory(), ListenOptions{PingInterval: -1})
			slow := &few{server.conn, tt.room}
			server.out = slow
			var got []byte
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					first, p, err := readFrame(peer)
					if err != nil || first != 0x82 {
						if first != 0x88 {
							t.Errorf("%d bytes: frame %#x, %v", tt.room, first, err)
						}
						return
					}
					got = append(got, p...)
				}
			})
			if n, err := server.Write(data); n != tt.n || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%d bytes: wrote %d, %v; want %d", tt.room, n, err, tt.n)
			}
			if kept := server.lent != nil; kept != (tt.room%size > 0) {
				t.Errorf("%d bytes: a buffer is kept: %t", tt.room, kept)
			}
			slow.left = 1 << 20
			write(t, server, data[tt.n:])
			go server.Close()
			wg.Wait()
			if !bytes.Equal(got, data) {
				t.Errorf("%d bytes: %d bytes came, or others", tt.room, len(got))
			}
			peer.Close()
		})
	}
}

// A close frame that a deadline has cut is ended by Close.
func TestCloseFrameCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, server := rawPair(t, memory(), ListenOptions{PingInterval: -1})
		slow := &few{server.conn, 3}
		server.out = slow
		write(t, peer, closeFrame(1000))
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Fatal(err)
		}
		synctest.Wait()
		slow.left = 1 << 20
		must(t, server.Close())
		wantCloseFrame(t, peer, 1000)
		wantEOF(t, peer)
	})
}
