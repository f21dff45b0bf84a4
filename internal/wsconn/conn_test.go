package wsconn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/netwait"
)

var _ netwait.Waiter = (*Conn)(nil)

// variants are the ways that a pair can differ.
var variants = []struct {
	name   string
	lo     ListenOptions
	do     DialOptions
	base64 bool
}{
	{name: "binary"},
	{name: "base64", do: DialOptions{Subprotocols: []string{"base64"}}, base64: true},
	{name: "unknown subprotocol", do: DialOptions{Subprotocols: []string{"chat"}}},
	{name: "base64 among others", do: DialOptions{Subprotocols: []string{"chat", "base64"}}, base64: true},
}

func eachVariant(t *testing.T, f func(t *testing.T, client, server *Conn)) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			noLeaks(t)
			client, server := pair(t, loopback(t), v.lo, v.do)
			if client.base64 != v.base64 || server.base64 != v.base64 {
				t.Fatalf("base64: client %t, server %t; want %t", client.base64, server.base64, v.base64)
			}
			f(t, client, server)
		})
	}
}

// Random data in Writes and Reads of random sizes, both ways at once.
func TestTransfer(t *testing.T) {
	eachVariant(t, func(t *testing.T, client, server *Conn) { testTransfer(t, client, server, 2<<20) })
}

func testTransfer(t *testing.T, client, server *Conn, size int) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i, way := range [][2]*Conn{{client, server}, {server, client}} {
		rnd := rand.New(rand.NewPCG(1, uint64(i)))
		data := make([]byte, size)
		for j := 0; j < len(data); j += 8 {
			binary.LittleEndian.PutUint64(data[j:], rnd.Uint64())
		}
		wg.Go(func() { writeRandom(t, way[0], data, rnd) })
		wg.Go(func() { readRandom(t, way[1], data, rand.New(rand.NewPCG(2, uint64(i)))) })
	}
}

func randomSize(rnd *rand.Rand) int { return rnd.IntN(1 << rnd.IntN(19)) }

// writeEither writes p by Write, or as parts of another buffer.
func writeEither(c *Conn, p []byte, rnd *rand.Rand) (int, error) {
	if rnd.IntN(2) == 0 {
		return c.Write(p)
	}
	const most = 8
	parts, buf := make(netwait.Parts, 0, most), make([]byte, len(p)+8*most)
	for rest := buf; len(parts) < most; {
		n := rnd.IntN(len(p) + 1)
		if len(parts) == most-1 {
			n = len(p)
		}
		rest = rest[rnd.IntN(9):]
		copy(rest, p[:n])
		parts, rest, p = append(parts, rest[:n]), rest[n:], p[n:]
	}
	return c.WriteParts(parts)
}

func writeRandom(t *testing.T, c *Conn, data []byte, rnd *rand.Rand) {
	for len(data) > 0 {
		n := min(randomSize(rnd), len(data))
		if m, err := writeEither(c, data[:n], rnd); m != n || err != nil {
			t.Errorf("write %d bytes: %d, %v", n, m, err)
			return
		}
		data = data[n:]
	}
}

func readRandom(t *testing.T, c *Conn, data []byte, rnd *rand.Rand) {
	buf := make([]byte, 1<<19)
	for i := 0; len(data) > 0; i++ {
		if i%2 == 1 {
			if err := c.WaitRead(); err != nil {
				t.Errorf("wait: %v", err)
				return
			}
		}
		p := buf[:randomSize(rnd)]
		var n int
		var err error
		if i%3 == 2 {
			var parts netwait.Parts
			parts, err = c.ReadLate(&lender{t: t, buf: buf[:512+len(p)]})
			p = parts.Join()
			n = len(p)
		} else {
			n, err = c.Read(p)
		}
		if err != nil || n == 0 && len(p) > 0 || n > len(data) || !bytes.Equal(p[:n], data[:n]) {
			t.Errorf("read with %d bytes left: %d, %v", len(data), n, err)
			return
		}
		data = data[n:]
	}
}

// A Read takes the whole of a message that is there.
func TestReadTakesMessage(t *testing.T) {
	eachVariant(t, func(t *testing.T, client, server *Conn) {
		for _, size := range []int{1, 2, 3, 125, 126, 247, 248, 249, 255, 256, 1000, maxSent / 4 * 3} {
			data := bytes.Repeat([]byte("x"), size)
			write(t, client, data)
			must(t, server.WaitRead())
			p := make([]byte, size+1)
			total := 0
			for total < size {
				n, err := server.Read(p[total:])
				must(t, err)
				total += n
				// The last few bytes may not have left the socket yet; text is decoded in
				// pieces.
				if n < size && size < maxSent/2 && !server.base64 {
					t.Errorf("a Read took %d bytes of %d", n, size)
				}
			}
		}
	})
}

func TestEmptyReadAndWrite(t *testing.T) {
	client, server := pair(t, loopback(t), ListenOptions{}, DialOptions{})
	if n, err := client.Write(nil); n != 0 || err != nil {
		t.Fatalf("empty write: %d, %v", n, err)
	}
	if n, err := server.Read(nil); n != 0 || err != nil {
		t.Fatalf("empty read: %d, %v", n, err)
	}
}

// Concurrent Writes do not mix.
func TestConcurrentWrites(t *testing.T) {
	client, server := pair(t, loopback(t), ListenOptions{}, DialOptions{})
	const size, writers = 100 << 10, 8
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { client.Write(bytes.Repeat([]byte{byte(i)}, size)) })
	}
	p := make([]byte, size)
	for range writers {
		_, err := io.ReadFull(server, p)
		must(t, err)
		if !bytes.Equal(p, bytes.Repeat(p[:1], size)) {
			t.Fatal("two Writes are mixed")
		}
	}
	wg.Wait()
}

func TestAddresses(t *testing.T) {
	client, server := pair(t, loopback(t), ListenOptions{}, DialOptions{})
	if client.LocalAddr().String() != server.RemoteAddr().String() ||
		client.RemoteAddr().String() != server.LocalAddr().String() {
		t.Errorf("client %v to %v, server %v to %v", client.LocalAddr(), client.RemoteAddr(),
			server.LocalAddr(), server.RemoteAddr())
	}
	if _, ok := server.RemoteAddr().(*net.TCPAddr); !ok {
		t.Errorf("remote address is a %T", server.RemoteAddr())
	}
}

func TestReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, wait := range []bool{false, true} {
			client, server := pair(t, memory(), ListenOptions{}, DialOptions{})
			read := func() error {
				if wait {
					return server.WaitRead()
				}
				_, err := server.Read(make([]byte, 1))
				return err
			}
			start := time.Now()
			must(t, server.SetReadDeadline(start.Add(time.Minute)))
			if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
			// It ends that and nothing else.
			must(t, server.SetReadDeadline(time.Time{}))
			write(t, client, []byte("x"))
			must(t, read())
			write(t, server, []byte("y"))
			readString(t, client, "y")
		}
	})
}

// A deadline may pass anywhere in a frame; reading goes on from there.
func TestReadDeadlineInFrame(t *testing.T) {
	for _, subprotocol := range [][]string{nil, {wantBase64}} {
		synctest.Test(t, func(t *testing.T) {
			peer, server := rawPair(t, memory(), ListenOptions{PingInterval: -1}, subprotocol...)
			frame := join(ping("p"), binFrame([]byte("data")))
			if subprotocol != nil {
				frame = rawFrame(0x81, true, []byte("ZGF0YQ=="))
			}
			go func() {
				for _, b := range frame {
					time.Sleep(time.Minute)
					peer.Write([]byte{b})
				}
			}()
			var got []byte
			for len(got) < 4 {
				must(t, server.SetReadDeadline(time.Now().Add(7*time.Second)))
				p := make([]byte, 10)
				n, err := server.Read(p)
				if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal(err)
				}
				got = append(got, p[:n]...)
			}
			if string(got) != "data" {
				t.Errorf("read %q", got)
			}
		})
	}
}

func TestWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, memory(), ListenOptions{PingInterval: -1}, DialOptions{PingInterval: -1})
		// One that has passed harms nothing.
		must(t, client.SetWriteDeadline(aLongTimeAgo))
		for range 2 {
			if n, err := client.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("write past the deadline: %d, %v", n, err)
			}
		}
		must(t, client.SetWriteDeadline(time.Time{}))
		write(t, client, []byte("abc"))
		readString(t, server, "abc")

		// It ends a Write that waits. What was begun goes on with the next Write.
		data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		total := 0
		for range 5 {
			start := time.Now()
			must(t, client.SetWriteDeadline(start.Add(time.Minute)))
			n, err := client.Write(data[total:])
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute || n%maxSent != 0 {
				t.Fatalf("after %v: %d, %v", time.Since(start), n, err)
			}
			total += n
			readString(t, server, string(data[:maxSent]))
			data, total = data[maxSent:], total-maxSent
		}
		if total < maxSent || total > 2*maxSent {
			t.Fatalf("%d bytes are under way", total)
		}
		must(t, client.SetWriteDeadline(time.Time{}))
		go func() { client.Write(data[total:]); client.Close() }()
		got, err := io.ReadAll(server)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("read %d bytes of %d, %v", len(got), len(data), err)
		}
	})
}

// All methods at once, for the race detector.
func TestConcurrentMethods(t *testing.T) {
	eachVariant(t, func(t *testing.T, client, server *Conn) {
		var wg sync.WaitGroup
		for range 20 {
			for _, c := range []*Conn{client, server} {
				wg.Go(func() { c.Read(make([]byte, 1024)) })
				wg.Go(func() { c.ReadLate(&lender{t: t, buf: make([]byte, 1024)}) })
				wg.Go(func() { c.WaitRead() })
				wg.Go(func() { c.Write(make([]byte, 1024)) })
				wg.Go(func() { c.SetDeadline(time.Now().Add(time.Second)) })
				wg.Go(func() { c.SetReadDeadline(time.Now().Add(time.Second)) })
				wg.Go(func() { c.SetWriteDeadline(time.Now().Add(time.Second)) })
				wg.Go(func() { c.LocalAddr(); c.RemoteAddr() })
			}
		}
		wg.Go(func() { client.Close() })
		wg.Go(func() { server.Close() })
		wg.Wait()
	})
}
