package relaypipe

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

// A reader that stops stops the writer, and the pipe holds one buffer meanwhile,
// a small one of a source that cannot wait.
func TestBackPressure(t *testing.T) {
	const farBuffer = 1 << 10
	for _, tt := range []struct {
		name string
		view view
		held int
		out  int64
	}{
		{"can wait", whole, bufferSize, 1},
		{"cannot wait", noWait, smallSize, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.b.SetReadBuffer(farBuffer)
				r.run(Options{}, tt.view, whole)
				data := noise(1, 10*bufferSize)
				sent := 0
				go func() {
					for rest := data; len(rest) > 0; rest = rest[512:] {
						r.a.Write(rest[:512])
						sent += 512
					}
					r.a.Close()
				}()
				r.running()
				time.Sleep(time.Hour)
				r.running()
				// Before the pipe and after it there are buffers, too. The last of
				// them may hold the beginning of a Write that still blocks.
				most := memnet.DefaultBuffer + tt.held + farBuffer
				if sent > most || sent < memnet.DefaultBuffer {
					t.Errorf("%d bytes left the sender; want at most %d", sent, most)
				}
				if n := r.buffers.out.Load(); n != tt.out {
					t.Errorf("%d buffers out; want %d", n, tt.out)
				}
				expect(t, r.b, data)
				expectEnd(t, r.b)
				r.b.Close()
				r.endedClean(len(data), 0)
			})
		})
	}
}

// sizes records how large the Writes are.
type sizes struct {
	*memnet.Conn
	mu   *sync.Mutex
	list *[]int
}

func (c sizes) Write(p []byte) (int, error) {
	c.mu.Lock()
	*c.list = append(*c.list, len(p))
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// Messages that come while a Write blocks leave together with the next one.
func TestMerging(t *testing.T) {
	for _, tt := range []struct {
		name              string
		slow              bool
		messages, message int
		want              []int
	}{
		{"without load", false, 5, 100, []int{100, 100, 100, 100, 100}},
		{"slow", true, 101, 100, []int{100, 100 * 100}},
		{"slow and much", true, 11, 5000, []int{5000, 10 * 5000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var got []int
				r := newRig(t)
				if tt.slow {
					r.b.SetReadBuffer(1)
				}
				r.run(Options{}, whole, func(c net.Conn) net.Conn {
					return sizes{c.(*memnet.Conn), &mu, &got}
				})
				for range tt.messages {
					send(t, r.a, make([]byte, tt.message))
					r.running()
				}
				expect(t, r.b, make([]byte, tt.messages*tt.message))
				r.running()
				mu.Lock()
				defer mu.Unlock()
				if !slices.Equal(got, tt.want) {
					t.Errorf("written in pieces of %d; want %d", got, tt.want)
				}
			})
		})
	}
}

// A pipe through which nothing flows holds no buffer, whatever went through it
// before.
func TestIdleHoldsNoBuffer(t *testing.T) {
	for _, tt := range []struct {
		name string
		view view
	}{
		{"can wait", whole},
		{"cannot wait", noWait},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t).run(Options{}, tt.view, tt.view)
				r.running()
				for _, n := range []int{0, 1, 514, smallSize + 1, bufferSize, bufferSize - 1, 5*bufferSize + 1} {
					var wg sync.WaitGroup
					for _, ends := range [][2]*memnet.Conn{{r.a, r.b}, {r.b, r.a}} {
						wg.Go(func() { send(t, ends[0], make([]byte, n)) })
						wg.Go(func() { expect(t, ends[1], make([]byte, n)) })
					}
					wg.Wait()
					r.running()
					if out := r.buffers.out.Load(); out != 0 {
						t.Errorf("%d buffers out after %d bytes each way", out, n)
					}
				}
			})
		})
	}
}

func fill(t *testing.T, c net.Conn, p []byte) {
	t.Helper()
	if _, err := io.ReadFull(c, p); err != nil {
		t.Fatal(err)
	}
}

// Once the pipe runs, messages cost no allocation.
func TestNoAllocations(t *testing.T) {
	for _, size := range []int{1, 514, 48 << 10} {
		a, nearA := memnet.Pipe()
		nearB, b := memnet.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { Run(t.Context(), nearA, nearB, Options{IdleTimeout: time.Hour}) })
		msg := make([]byte, size)
		allocs := testing.AllocsPerRun(1000, func() {
			send(t, a, msg)
			fill(t, b, msg)
			send(t, b, msg)
			fill(t, a, msg)
		})
		if allocs != 0 {
			t.Errorf("%v allocations for %d bytes to and fro", allocs, size)
		}
		a.Close()
		b.Close()
		wg.Wait()
	}
}
