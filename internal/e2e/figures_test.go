package e2e

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"testing"
	"time"
)

// rounds are how often everything is measured, in turn with what it is compared to:
// the medians count.
const rounds = 5

// BenchmarkChain is what the whole costs: SOCKS, flashproxy-client, proxy-headless,
// flashproxy-server and a service, on loopback, without Tor.
func BenchmarkChain(b *testing.B) {
	b.Run("FirstByte", benchmarkFirstByte)
	b.Run("Throughput", benchmarkThroughput)
}

// benchmarkFirstByte is the time from a SOCKS request to the first byte that came back,
// with a proxy that polls already, for which the client has to register first, and
// with one that stands by.
func benchmarkFirstByte(b *testing.B) {
	server := benchServer(b, echo)
	var polling, standing []float64
	for b.Loop() {
		for range rounds {
			p, s := firstBytes(b, server)
			polling, standing = append(polling, p), append(standing, s)
		}
	}
	b.ReportMetric(0, "ns/op") // of all rounds together: no figure
	b.ReportMetric(median(polling), "ms-polling")
	b.ReportMetric(median(standing), "ms-standing-by")
}

// firstBytes measures with fresh programs: what one round leaves in a facilitator
// would be in the way of the next.
func firstBytes(b *testing.B, server string) (polling, standing float64) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	f, err := programs.Facilitator(ctx, b.TempDir(), "127.0.0.1:0", []string{"websocket " + server})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Kill()
	target, err := url.Parse(f.URL)
	if err != nil {
		b.Fatal(err)
	}
	polls := make(chan struct{}, 1000)
	forward := httputil.NewSingleHostReverseProxy(target)
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		polls <- struct{}{}
		forward.ServeHTTP(w, r)
	}))
	defer gate.Close()
	p, err := programs.Proxy(ctx, gate.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Kill()
	client, local, _ := benchClient(b, ctx)
	defer client.Kill()
	<-polls
	polling = firstByte(b, local, "url="+f.URL)
	next := 0
	for range 2 { // of the two connections that a proxy makes one is left
		if _, next, err = client.WaitFrom(ctx, next, "a proxy stands by"); err != nil {
			b.Fatal(err)
		}
	}
	return polling, firstByte(b, local, "url="+f.URL)
}

// firstByte is one measurement, in milliseconds.
func firstByte(b *testing.B, local, args string) float64 {
	b.Helper()
	start := time.Now()
	c, err := dialFrom(b.Context(), netip.Addr{}, local, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	if err := askBy(c, args); err != nil {
		b.Fatal(err)
	}
	if err := expect(c, socksRequests[0].granted); err != nil {
		b.Fatal(err)
	}
	if err := echoes(c, []byte("x")); err != nil {
		b.Fatal(err)
	}
	return float64(time.Since(start).Microseconds()) / 1000
}

// benchmarkThroughput is how much goes through the chain each way, next to TCP
// connections that are copied once, and three times in a row. Those copies are made
// in this process, which saves them the switches between processes.
func benchmarkThroughput(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	service := serveTCP(b, sinkAndSource)
	one := serveTCP(b, copyTo(service))
	three := serveTCP(b, copyTo(serveTCP(b, copyTo(one))))
	_, local, remote := benchClient(b, ctx)
	p, err := programs.Run("proxy-headless", "--client", remote, "--relay", benchServer(b, sinkAndSource), "--drain", "0s")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Kill)
	names := []string{"chain", "1-copy", "3-copies"}
	var conns []net.Conn
	for _, address := range []string{local, one, three} {
		c, err := dialFrom(ctx, netip.Addr{}, address, 5*time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		if address == local {
			if err := socks(c, 0); err != nil {
				b.Fatal(err)
			}
		}
		conns = append(conns, c)
	}
	speeds := map[string][]float64{}
	for b.Loop() {
		for range rounds {
			for i, c := range conns {
				for _, way := range []string{"up", "down"} {
					speed, err := move(c, way)
					if err != nil {
						b.Fatalf("%s %s: %v", names[i], way, err)
					}
					speeds[names[i]+"-"+way] = append(speeds[names[i]+"-"+way], speed)
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, way := range []string{"up", "down"} {
		chain := median(speeds["chain-"+way])
		for _, name := range names {
			speed := median(speeds[name+"-"+way])
			b.ReportMetric(speed, "MB/s-"+name+"-"+way)
			if name != "chain" {
				b.ReportMetric(chain/speed, "of-"+name+"-"+way)
			}
		}
	}
}

// moved is how many bytes one measurement moves: about a tenth of a second's worth.
const moved = 32 << 20

// sinkAndSource takes orders: a letter and a number of bytes, to take and to acknowledge
// (u) or to give (d).
func sinkAndSource(c net.Conn) {
	var order [9]byte
	for {
		if _, err := io.ReadFull(c, order[:]); err != nil {
			return
		}
		n := int64(binary.BigEndian.Uint64(order[1:]))
		var err error
		if order[0] == 'u' {
			if err = discard(c, n); err == nil {
				_, err = io.WriteString(c, "x")
			}
		} else {
			err = produce(c, n)
		}
		if err != nil {
			return
		}
	}
}

// move orders and does one measurement, in MB a second.
func move(c net.Conn, way string) (float64, error) {
	start := time.Now()
	if _, err := c.Write(binary.BigEndian.AppendUint64([]byte(way[:1]), moved)); err != nil {
		return 0, err
	}
	var err error
	if way == "up" {
		if err = produce(c, moved); err == nil {
			err = expect(c, "x")
		}
	} else {
		err = discard(c, moved)
	}
	return moved / 1e6 / time.Since(start).Seconds(), err
}

func discard(r io.Reader, n int64) error {
	buf := make([]byte, 64<<10)
	for n > 0 {
		m, err := r.Read(buf[:min(n, int64(len(buf)))])
		if n -= int64(m); err != nil && n > 0 {
			return err
		}
	}
	return nil
}

func produce(w io.Writer, n int64) error {
	buf := make([]byte, 64<<10)
	for n > 0 {
		m, err := w.Write(buf[:min(n, int64(len(buf)))])
		if n -= int64(m); err != nil {
			return err
		}
	}
	return nil
}

// copyTo is a plain relay to address: in user space, with 32 KiB each way.
func copyTo(address string) func(net.Conn) {
	return func(a net.Conn) {
		b, err := net.Dial("tcp4", address)
		if err != nil {
			return
		}
		defer b.Close()
		done := make(chan struct{})
		one := func(to, from net.Conn) {
			// Not as what they are: the kernel would do the copying.
			io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 32<<10))
			to.(*net.TCPConn).CloseWrite()
		}
		go func() {
			defer close(done)
			one(b, a)
		}()
		one(a, b)
		a.Close()
		<-done
	}
}

// benchServer is a server before a service.
func benchServer(b *testing.B, service func(net.Conn)) (address string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	p, err := programs.Run("flashproxy-server", "--listen", "127.0.0.1:0", "--forward", serveTCP(b, service))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Kill)
	port, err := p.Port(ctx, "listening")
	if err != nil {
		b.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// benchClient is a client that registers when it is told where.
func benchClient(b *testing.B, ctx context.Context) (p *Process, local, remote string) {
	b.Helper()
	p, err := programs.Run("flashproxy-client", "--external", "-v", "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Kill)
	for text, address := range map[string]*string{"for=Tor": &local, "for=proxies": &remote} {
		port, err := p.Port(ctx, text)
		if err != nil {
			b.Fatal(err)
		}
		*address = net.JoinHostPort("127.0.0.1", port)
	}
	return p, local, remote
}

// median sorts its argument.
func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
