//go:build unix

package netwait

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// acceptedPair is a connection of a Listener, and its peer.
func acceptedPair(t *testing.T) (accepted, peer net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if peer, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if accepted, err = (Listener{ln}).Accept(); err != nil {
		t.Fatal(err)
	}
	if _, ok := accepted.(*conn); !ok {
		t.Fatalf("accepted a %T", accepted)
	}
	t.Cleanup(func() { accepted.Close(); peer.Close() })
	return accepted, peer
}

// Bytes go both ways, each way ends by itself, and the addresses are those of the socket.
func TestConn(t *testing.T) {
	c, peer := acceptedPair(t)
	if c.LocalAddr().String() != peer.RemoteAddr().String() || c.RemoteAddr().String() != peer.LocalAddr().String() {
		t.Fatalf("%v, %v", c.LocalAddr(), c.RemoteAddr())
	}
	data := bytes.Repeat([]byte("0123456789"), 1<<20)
	go func() {
		peer.Write(data)
		peer.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Fatalf("read nothing: %d, %v", n, err)
	}
	go func() {
		c.Write(data)
		c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if got, err := io.ReadAll(peer); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("the peer read %d bytes, %v", len(got), err)
	}
}

// A read deadline ends a Read, also one that waits, and the next goes on.
func TestConnReadDeadline(t *testing.T) {
	c, peer := acceptedPair(t)
	done := make(chan error)
	read := func() {
		_, err := c.Read(make([]byte, 1))
		done <- err
	}
	go read()
	c.SetReadDeadline(time.Unix(1, 0))
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("past the deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	peer.Write([]byte("x"))
	go read()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	go read()
	c.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("closed: %v", err)
	}
}

// A write deadline ends a Write to a peer that does not read, whether it was set
// before or while the Write waits, and whether it waits for the first time or not. One
// that has passed does not keep what fits.
func TestConnWriteDeadline(t *testing.T) {
	c, peer := acceptedPair(t)
	c.SetWriteDeadline(time.Unix(1, 0))
	if n, err := c.Write([]byte("fits")); n != 4 || err != nil {
		t.Fatalf("what fits: %d, %v", n, err)
	}
	much := make([]byte, 32<<20)
	for _, set := range []func(time.Time) error{c.SetWriteDeadline, c.SetDeadline} {
		set(time.Now().Add(10 * time.Millisecond))
		if n, err := c.Write(much); !errors.Is(err, os.ErrDeadlineExceeded) || n == len(much) {
			t.Fatalf("a deadline set before: %d, %v", n, err)
		}
		set(time.Time{})
		done := make(chan error)
		go func() {
			_, err := c.Write(much)
			done <- err
		}()
		set(time.Now().Add(10 * time.Millisecond))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a deadline set meanwhile: %v", err)
		}
	}
	c.SetDeadline(time.Time{})
	go io.Copy(io.Discard, peer)
	if n, err := c.Write(much); n != len(much) || err != nil {
		t.Fatalf("to a peer that reads again: %d, %v", n, err)
	}
}

// A Unix socket is given as it is.
func TestListenerOthers(t *testing.T) {
	ln, err := net.Listen("unix", t.TempDir()+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	c, err := (Listener{ln}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, ok := c.(*net.UnixConn); !ok {
		t.Errorf("accepted a %T", c)
	}
}
