package memnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"

	"golang.org/x/net/nettest"
)

var serverAddr = netip.MustParseAddrPort("[::1]:9000")

// Connections in the backlog work before Accept, and are whole after it.
func TestListener(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		l := Listen(serverAddr)
		client, err := l.Dial(context.Background())
		if err != nil {
			return nil, nil, nil, err
		}
		server, err := l.Accept()
		if err != nil {
			return nil, nil, nil, err
		}
		return client, server, func() { client.Close(); server.Close(); l.Close() }, nil
	})
}

func TestDialFrom(t *testing.T) {
	l := Listen(serverAddr)
	defer l.Close()
	from := netip.MustParseAddrPort("[2001:db8::7]:1234")
	if _, err := l.DialFrom(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got := c.RemoteAddr().(*net.TCPAddr).AddrPort(); got != from {
		t.Errorf("peer is %v; want %v", got, from)
	}
	if got := c.LocalAddr().String(); got != l.Addr().String() {
		t.Errorf("local address is %v; want that of the listener, %v", got, l.Addr())
	}

	seen := make(map[string]bool)
	for range 3 {
		c, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if a := c.LocalAddr().(*net.TCPAddr); !a.IP.IsLoopback() || seen[a.String()] {
			t.Errorf("dialled from %v; want a new port on loopback", a)
		}
		seen[c.LocalAddr().String()] = true
	}
}

func TestListenerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen(serverAddr)
		waiting, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read on a connection that nobody accepted: %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after Close: %v", err)
		}
		if _, err := l.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial after Close: %v", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
	})
}

// Accept and Dial wait durably, and Close and the context wake them.
func TestListenerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen(serverAddr)
		accepted := make(chan error, 1)
		go func() {
			_, err := l.Accept()
			accepted <- err
		}()
		synctest.Wait()
		l.Close()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept ended by Close: %v", err)
		}

		l = Listen(serverAddr)
		for range backlog {
			if _, err := l.Dial(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		dialled := make(chan error, 2)
		go func() {
			_, err := l.Dial(ctx)
			dialled <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-dialled; !errors.Is(err, context.Canceled) {
			t.Errorf("dial with a full backlog, cancelled: %v", err)
		}
		go func() {
			_, err := l.Dial(t.Context())
			dialled <- err
		}()
		synctest.Wait()
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		if err := <-dialled; err != nil {
			t.Errorf("dial when a place was free again: %v", err)
		}
		l.Close()
	})
}
