package wsconn

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"weak"
)

// An idle connection costs little: no buffers, and one small stack.
func TestIdleMemory(t *testing.T) {
	const (
		pairs = 500
		most  = 16 << 10
	)
	n := loopback(t)
	l := listen(t, n, ListenOptions{})
	var wg sync.WaitGroup
	var conns []*Conn
	defer func() {
		for _, c := range conns {
			c.drop()
		}
		wg.Wait()
	}()
	before := memory0()
	for range pairs {
		client, err := Dial(context.Background(), "ws://peer.example", dialOptions(n, DialOptions{}))
		must(t, err)
		server := accept(t, l)
		conns = append(conns, client, server)
		// It has been used before.
		write(t, client, make([]byte, maxSent))
		_, err = io.ReadFull(server, make([]byte, maxSent))
		must(t, err)
		write(t, server, []byte("x"))
		readString(t, client, "x")
		wg.Go(func() { client.WaitRead() })
		wg.Go(func() { server.WaitRead() })
	}
	each := (memory0() - before) / (2 * pairs)
	t.Logf("%d bytes for each of %d idle connections", each, 2*pairs)
	if each > most {
		t.Errorf("%d bytes for an idle connection; want at most %d", each, most)
	}
}

// memory0 is what heap and stacks use after a collection.
func memory0() int {
	runtime.GC()
	runtime.GC() // what pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// The buffer of a ReadLate is not kept when it was given back, nor when it was given
// away: what an idle connection points to cannot be freed.
func TestReadLateKeepsNothing(t *testing.T) {
	for _, subprotocols := range [][]string{nil, {subprotocol}} {
		client, server := pair(t, loopback(t), ListenOptions{}, DialOptions{Subprotocols: subprotocols})
		write(t, client, []byte("x"))
		buf := readOnce(t, server)
		must(t, server.SetReadDeadline(aLongTimeAgo))
		if _, err := server.ReadLate(&lender{t: t, buf: make([]byte, 512)}); !isTimeout(err) {
			t.Fatal(err)
		}
		runtime.GC()
		if buf.Value() != nil {
			t.Error("the connection keeps a buffer")
		}
		runtime.KeepAlive(server)
	}
}

// readOnce reads into a buffer that nobody has afterwards.
func readOnce(t *testing.T, c *Conn) weak.Pointer[[64 << 10]byte] {
	buf := new([64 << 10]byte)
	b, err := c.ReadLate(&lender{t: t, buf: buf[:]})
	if string(b.Join()) != "x" || err != nil {
		t.Fatalf("read %q, %v", b, err)
	}
	return weak.Make(buf)
}

// A message costs no allocation, neither to write nor to read.
func TestAllocations(t *testing.T) {
	client, server := pair(t, loopback(t), ListenOptions{}, DialOptions{})
	p := make([]byte, 4096)
	for name, way := range map[string][2]*Conn{"to the server": {client, server}, "to the client": {server, client}} {
		got := testing.AllocsPerRun(1000, func() {
			way[0].Write(p)
			way[1].WaitRead()
			io.ReadFull(way[1], p)
		})
		if got > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations a message", name, got)
		}
	}
}

func BenchmarkThroughput(b *testing.B) {
	for _, way := range []string{"to server", "to client", "base64"} {
		for _, size := range []int{512, 4 << 10, 32 << 10} {
			b.Run(fmt.Sprintf("%s/%d", way, size), func(b *testing.B) {
				var o DialOptions
				if way == "base64" {
					o.Subprotocols = []string{"base64"}
				}
				from, to := pair(b, loopback(b), ListenOptions{}, o)
				if way == "to client" {
					from, to = to, from
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					p := make([]byte, 32<<10)
					for {
						if to.WaitRead() != nil {
							return
						}
						if _, err := to.Read(p); err != nil {
							return
						}
					}
				})
				p := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := from.Write(p); err != nil {
						b.Fatal(err)
					}
				}
				from.Close()
				to.Close()
				wg.Wait()
			})
		}
	}
}
