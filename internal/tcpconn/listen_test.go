package tcpconn

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
)

// short is a listener that lacks something at first.
type short struct {
	net.Listener
	lacks int
}

func (s *short) Accept() (net.Conn, error) {
	if s.lacks > 0 {
		s.lacks--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

// A shortage is waited out, ever more patiently, and ends nothing.
func TestAcceptGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := memnet.Listen(netip.MustParseAddrPort("192.0.2.1:9000"))
		l := Listen(&short{ln, 12})
		peer, err := ln.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		start := time.Now()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if d := time.Since(start); d < 4*maxPause || d > 6*maxPause {
			t.Errorf("12 errors took %v", d)
		}
		l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// Close ends a wait, too.
func TestCloseEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen(&short{memnet.Listen(netip.MustParseAddrPort("192.0.2.1:9000")), 100})
		ended := make(chan error)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		time.Sleep(10*maxPause + maxPause/2)
		l.Close()
		l.Close()
		start := time.Now()
		// What is left of the shortage has no pauses any more.
		if err := <-ended; !errors.Is(err, net.ErrClosed) || time.Since(start) > 0 {
			t.Errorf("Accept ended after %v: %v", time.Since(start), err)
		}
	})
}
