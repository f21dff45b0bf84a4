//go:build unix

package relaypipe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashproxy/internal/netwait"
)

// copyBoth is what relaypipe is measured against: a plain copy loop each way.
func copyBoth(a, b net.Conn) {
	var wg sync.WaitGroup
	copyOne := func(dst, src net.Conn) {
		// Hidden from splice(2), which a WebSocket cannot have either.
		io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, make([]byte, 32<<10))
		dst.(halfCloser).CloseWrite()
	}
	wg.Go(func() { copyOne(a, b) })
	wg.Go(func() { copyOne(b, a) })
	wg.Wait()
	a.Close()
	b.Close()
}

func runBoth(a, b net.Conn) { Run(context.Background(), a, b, Options{IdleTimeout: time.Hour}) }

var relays = []struct {
	name string
	run  func(a, b net.Conn)
}{
	{"relaypipe", runBoth},
	{"copy", copyBoth},
}

// messages gives at most one message with each Read, and reads ahead in small
// buffers itself, as a WebSocket does.
type messages struct {
	*net.TCPConn
	wait    func() error
	r       *bufio.Reader
	size    int
	message int // what is left of the current one
}

func newMessages(c *net.TCPConn, size int) *messages {
	return &messages{TCPConn: c, wait: netwait.Readable(c), r: bufio.NewReaderSize(c, 4<<10), size: size, message: size}
}

func (m *messages) WaitRead() error {
	if m.r.Buffered() > 0 {
		return nil
	}
	return m.wait()
}

func (m *messages) Read(p []byte) (int, error) {
	n, err := m.r.Read(p[:min(len(p), m.message)])
	if m.message -= n; m.message == 0 {
		m.message = m.size
	}
	return n, err
}

// cpu is what this process has used, both ends of the connections included.
func cpu() time.Duration {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// BenchmarkThroughput sends messages one way, through a source that merges them
// as TCP does, and through one that does not. One operation is one message.
func BenchmarkThroughput(b *testing.B) {
	for _, source := range []string{"stream", "messages"} {
		for _, size := range []int{512, 4 << 10, 32 << 10} {
			for _, relay := range relays {
				b.Run(fmt.Sprintf("%s/%d/%s", source, size, relay.name), func(b *testing.B) {
					client, near := tcpPair(b)
					far, server := tcpPair(b)
					var src net.Conn = near
					if source == "messages" {
						src = newMessages(near, size)
					}
					oneWay(b, size, client, server, func() { relay.run(src, far) })
				})
			}
		}
	}
}

func oneWay(b *testing.B, size int, client, server *net.TCPConn, relay func()) {
	var wg sync.WaitGroup
	wg.Go(relay)
	wg.Go(func() {
		defer server.Close()
		for buf := make([]byte, 256<<10); ; {
			if _, err := server.Read(buf); err != nil {
				return
			}
		}
	})
	msg := make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		if _, err := client.Write(msg); err != nil {
			b.Fatal(err)
		}
	}
	client.CloseWrite()
	wg.Wait()
	b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
}

// BenchmarkPingPong sends one of Tor's cells to an echo and back.
func BenchmarkPingPong(b *testing.B) {
	for _, relay := range relays {
		b.Run(relay.name, func(b *testing.B) {
			client, near := tcpPair(b)
			far, server := tcpPair(b)
			var wg sync.WaitGroup
			wg.Go(func() { relay.run(near, far) })
			wg.Go(func() {
				io.CopyBuffer(struct{ io.Writer }{server}, struct{ io.Reader }{server}, make([]byte, 514))
				server.Close()
			})
			msg := make([]byte, 514)
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				if _, err := client.Write(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(client, msg); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
			client.Close()
			wg.Wait()
		})
	}
}

// BenchmarkIdlePair reports what the relay of one idle pair holds, stacks and
// its caller's goroutine included.
func BenchmarkIdlePair(b *testing.B) {
	const pairs = 500
	for _, relay := range relays {
		b.Run(relay.name, func(b *testing.B) {
			for b.Loop() {
				var conns []net.Conn
				var relayed [][2]net.Conn
				for range pairs {
					client, near := tcpPair(b)
					far, server := tcpPair(b)
					conns = append(conns, client, server)
					relayed = append(relayed, [2]net.Conn{near, far})
				}
				var wg sync.WaitGroup
				before := memory()
				for _, r := range relayed {
					wg.Go(func() { relay.run(r[0], r[1]) })
				}
				for i := 0; i < len(conns); i += 2 {
					conns[i].Write([]byte("x"))
					io.ReadFull(conns[i+1], make([]byte, 1))
				}
				b.ReportMetric(float64(memory()-before)/pairs, "B/pair")
				for _, c := range conns {
					c.Close()
				}
				wg.Wait()
			}
		})
	}
}

func memory() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
