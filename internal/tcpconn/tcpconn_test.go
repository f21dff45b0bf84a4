package tcpconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Listen(ln)
	t.Cleanup(func() { l.Close() })
	return l
}

// pair gives both ends of a connection.
func pair(t *testing.T) (dialled, accepted net.Conn) {
	t.Helper()
	l := listen(t)
	dialled, err := Dialer{}.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close() })
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return dialled, accepted
}

// Allow sees the address that is dialled, so that no name can hide one, and what
// it refuses gets no SYN.
func TestAllow(t *testing.T) {
	l := listen(t)
	port := l.Addr().(*net.TCPAddr).Port
	public := func(a netip.Addr) bool { return !a.IsLoopback() }
	for _, tt := range []struct {
		host  string
		allow func(netip.Addr) bool
		want  error
	}{
		{"127.0.0.1", nil, nil},
		{"localhost", netip.Addr.IsLoopback, nil},
		{"127.0.0.1", public, ErrNotAllowed},
		{"localhost", public, ErrNotAllowed},
		{"[::ffff:127.0.0.1]", netip.Addr.Is6, ErrNotAllowed},
		{"[::1]", public, ErrNotAllowed},
		{"127.0.0.1", nil, nil}, // comes after all that should not have come
	} {
		address := fmt.Sprintf("%s:%d", tt.host, port)
		c, err := Dialer{Allow: tt.allow}.Dial(t.Context(), address)
		if !errors.Is(err, tt.want) {
			t.Errorf("dial %s: %v; want %v", address, err, tt.want)
		}
		if c == nil {
			continue
		}
		got, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got.RemoteAddr().String() != c.LocalAddr().String() {
			t.Error("a connection came that was not allowed")
		}
		c.Close()
		got.Close()
	}
}

func TestDialEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := listen(t)
	if c, err := (Dialer{}).Dial(ctx, l.Addr().String()); c != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, %v", c, err)
	}
	l.Close()
	var op *net.OpError
	if c, err := (Dialer{}).Dial(t.Context(), l.Addr().String()); c != nil || !errors.As(err, &op) {
		t.Errorf("nobody listens: %v, %v", c, err)
	}
	for _, address := range []string{"", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", ":\x00"} {
		if c, err := (Dialer{Allow: netip.Addr.IsLoopback}).Dial(t.Context(), address); c != nil || err == nil {
			t.Errorf("dial %q: no error", address)
		}
	}
}

// Either end can end its stream and go on reading.
func TestHalfClose(t *testing.T) {
	a, b := pair(t)
	for _, c := range [][2]net.Conn{{a, b}, {b, a}} {
		if _, err := io.WriteString(c[0], "the end"); err != nil {
			t.Fatal(err)
		}
		if err := c[0].(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c[1]); err != nil || string(got) != "the end" {
			t.Fatalf("read %q, %v", got, err)
		}
	}
}
