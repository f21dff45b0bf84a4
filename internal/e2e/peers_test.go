package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"flashproxy/internal/wsconn"
)

// serveTCP serves each connection to a free port of 127.0.0.1 until the test ends, and
// gives the address.
func serveTCP(tb testing.TB, handle func(net.Conn)) string {
	tb.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	serveListener(tb, ln, handle)
	return ln.Addr().String()
}

// freeAddress is one of 127.0.0.1 that nothing listens on now.
func freeAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// freePort is the port of such an address.
func freePort(t testing.TB) string {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// serveListener serves each connection that ln accepts until the test ends.
func serveListener(tb testing.TB, ln net.Listener, handle func(net.Conn)) {
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				defer context.AfterFunc(ctx, func() { c.Close() })()
				handle(c)
			})
		}
	})
	tb.Cleanup(func() {
		cancel()
		ln.Close()
		wg.Wait()
	})
}

// echo gives back what comes.
func echo(c net.Conn) { io.Copy(c, c) }

// dialFrom connects to address from an IP address of our choice: all of 127.0.0.0/8
// is this machine. The connection lasts no longer than limit.
func dialFrom(ctx context.Context, from netip.Addr, address string, limit time.Duration) (*net.TCPConn, error) {
	d := net.Dialer{}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	c, err := d.DialContext(ctx, "tcp4", address)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(limit))
	return c.(*net.TCPConn), nil
}

// dialSocket opens a WebSocket from an IP address of our choice.
func dialSocket(ctx context.Context, from netip.Addr, address string, limit time.Duration) (net.Conn, error) {
	return wsconn.Dial(ctx, "ws://"+address+"/", wsconn.DialOptions{
		NetDial: func(ctx context.Context, _, address string) (net.Conn, error) {
			return dialFrom(ctx, from, address, limit)
		},
	})
}

// socksRequests are ways to ask for a connection to 0.0.1.0:1, as a Tor does whose
// Bridge line is the usual one.
var socksRequests = []struct {
	name          string
	hello, chosen string // before the request, in SOCKS5
	request       string
	granted       string
}{
	{"SOCKS4", "", "", "\x04\x01\x00\x01\x00\x00\x01\x00\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00"},
	{"SOCKS4a", "", "", "\x04\x01\x00\x01\x00\x00\x00\x01\x00relay.example\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00"},
	{"SOCKS5", "\x05\x01\x00", "\x05\x00", "\x05\x01\x00\x01\x00\x00\x01\x00\x00\x01", "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"},
}

// socks asks by SOCKS for a connection, and waits until it is granted.
func socks(c net.Conn, version int) error {
	r := socksRequests[version%len(socksRequests)]
	for _, step := range [][2]string{{r.hello, r.chosen}, {r.request, r.granted}} {
		if _, err := io.WriteString(c, step[0]); err != nil {
			return err
		}
		if err := expect(c, step[1]); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// askBy asks by SOCKS4, with the arguments of a Bridge line, and does not wait.
func askBy(c net.Conn, args string) error {
	_, err := io.WriteString(c, "\x04\x01\x00\x01\x00\x00\x01\x00"+args+"\x00")
	return err
}

// expect reads exactly want.
func expect(r io.Reader, want string) error {
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil {
		return fmt.Errorf("got %q, want %q: %w", got[:n], want, err)
	}
	if string(got) != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// echoes sends data through c, and compares what comes back.
func echoes(c net.Conn, data []byte) error {
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		sent <- err
	}()
	got := make([]byte, len(data))
	n, err := io.ReadFull(c, got)
	if err != nil {
		c.Close() // so that the write ends too
		return errors.Join(fmt.Errorf("%d of %d bytes came back: %w", n, len(data), err), <-sent)
	}
	if !bytes.Equal(got, data) {
		return errors.New("what came back is not what was sent")
	}
	return <-sent
}

// copyTo is a plain relay to address.
func copyTo(address string) func(net.Conn) {
	return func(a net.Conn) {
		b, err := net.Dial("tcp4", address)
		if err != nil {
			return
		}
		defer b.Close()
		done := make(chan struct{})
		one := func(to, from net.Conn) {
			io.Copy(to, from)
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
