package pt

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Commands of the Extended ORPort (ext-orport-spec, section 3.1).
const (
	cmdDone      = 0x0000
	cmdUserAddr  = 0x0001
	cmdTransport = 0x0002
	cmdOkay      = 0x1000
	cmdDeny      = 0x1001
)

// extPort is an Extended ORPort, written from ext-orport-spec.
type extPort struct {
	cookie []byte
	answer uint16 // cmdOkay or cmdDeny
}

// serve authenticates the peer, and returns what it said of the user.
func (p *extPort) serve(c net.Conn) (said []string, err error) {
	if _, err := c.Write([]byte{1, 0}); err != nil { // SAFE_COOKIE, end of types
		return nil, err
	}
	hello := make([]byte, 1+32)
	if _, err := io.ReadFull(c, hello); err != nil || hello[0] != 1 {
		return nil, fmt.Errorf("auth type %d, %w", hello[0], err)
	}
	clientNonce, serverNonce := hello[1:], make([]byte, 32)
	rand.Read(serverNonce)
	hash := func(direction string) []byte {
		h := hmac.New(sha256.New, p.cookie)
		h.Write(slices.Concat([]byte("ExtORPort authentication "+direction+" hash"), clientNonce, serverNonce))
		return h.Sum(nil)
	}
	if _, err := c.Write(slices.Concat(hash("server-to-client"), serverNonce)); err != nil {
		return nil, err
	}
	proof := make([]byte, 32)
	if _, err := io.ReadFull(c, proof); err != nil {
		return nil, fmt.Errorf("read proof: %w", err)
	}
	if !hmac.Equal(proof, hash("client-to-server")) {
		return nil, errors.New("wrong proof")
	}
	if _, err := c.Write([]byte{1}); err != nil {
		return nil, err
	}
	for {
		var head struct{ Cmd, Len uint16 }
		if err := binary.Read(c, binary.BigEndian, &head); err != nil {
			return said, err
		}
		body := make([]byte, head.Len)
		if _, err := io.ReadFull(c, body); err != nil {
			return said, err
		}
		switch head.Cmd {
		case cmdUserAddr:
			said = append(said, "USERADDR "+string(body))
		case cmdTransport:
			said = append(said, "TRANSPORT "+string(body))
		case cmdDone:
			return said, binary.Write(c, binary.BigEndian, struct{ Cmd, Len uint16 }{p.answer, 0})
		default:
			return said, fmt.Errorf("unknown command %#x", head.Cmd)
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// serverInfo reads the environment of a server transport with these ports.
func serverInfo(t *testing.T, orPort, extPort, cookieFile string) *ServerInfo {
	t.Helper()
	setEnv(t, map[string]string{"MANAGED_TRANSPORT_VER": "1", "SERVER_TRANSPORTS": "flashproxy", "SERVER_BINDADDR": "flashproxy-127.0.0.1:0",
		"ORPORT": orPort, "EXTENDED_SERVER_PORT": extPort, "AUTH_COOKIE_FILE": cookieFile})
	var stdout bytes.Buffer
	info, err := New(&stdout, fakeScrub).Server([]string{"flashproxy"}, func(b Bind) (net.Addr, error) { return net.TCPAddrFromAddrPort(b.Addr), nil })
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestDialExtendedORPort(t *testing.T) {
	cookie := bytes.Repeat([]byte{7}, 32)
	file := filepath.Join(t.TempDir(), "cookie")
	if err := os.WriteFile(file, slices.Concat([]byte("! Extended ORPort Auth Cookie !\n"), cookie), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		user   netip.AddrPort
		answer uint16
		cookie []byte
		said   []string
		ok     bool
	}{
		{"IPv4", netip.MustParseAddrPort("192.0.2.1:1234"), cmdOkay, cookie, []string{"USERADDR 192.0.2.1:1234", "TRANSPORT flashproxy"}, true},
		{"IPv6", netip.MustParseAddrPort("[2001:db8::1]:1234"), cmdOkay, cookie, []string{"USERADDR [2001:db8::1]:1234", "TRANSPORT flashproxy"}, true},
		{"v4-mapped", netip.MustParseAddrPort("[::ffff:192.0.2.1]:1234"), cmdOkay, cookie, []string{"USERADDR 192.0.2.1:1234", "TRANSPORT flashproxy"}, true},
		{"zone", netip.MustParseAddrPort("[fe80::1%eth0]:1234"), cmdOkay, cookie, []string{"USERADDR [fe80::1]:1234", "TRANSPORT flashproxy"}, true},
		{"unknown user", netip.AddrPort{}, cmdOkay, cookie, []string{"TRANSPORT flashproxy"}, true},
		{"denied", netip.AddrPort{}, cmdDeny, cookie, []string{"TRANSPORT flashproxy"}, false},
		{"another cookie", netip.AddrPort{}, cmdOkay, bytes.Repeat([]byte{8}, 32), nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t)
			info := serverInfo(t, "", ln.Addr().String(), file)
			type result struct {
				said []string
				err  error
			}
			served := make(chan result, 1)
			go func() {
				conn, err := ln.Accept()
				if err != nil {
					served <- result{nil, err}
					return
				}
				defer conn.Close()
				said, err := (&extPort{c.cookie, c.answer}).serve(conn)
				served <- result{said, err}
				io.Copy(conn, conn)
			}()
			conn, err := info.DialOR(t.Context(), c.user, "flashproxy")
			r := <-served
			if !slices.Equal(r.said, c.said) || (err == nil) != c.ok {
				t.Fatalf("Tor heard %q, %v; DialOR says %v", r.said, r.err, err)
			}
			if err == nil {
				checkEcho(t, conn)
			}
		})
	}
}

func checkEcho(t *testing.T, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if h, ok := conn.(interface{ CloseWrite() error }); !ok || h.CloseWrite() != nil {
		t.Errorf("%T cannot half-close", conn)
	}
	if b, err := io.ReadAll(conn); string(b) != "hello" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestDialORPort(t *testing.T) {
	ln := listen(t)
	info := serverInfo(t, ln.Addr().String(), "", "")
	served := make(chan struct{})
	go func() {
		defer close(served)
		if c, err := ln.Accept(); err == nil {
			io.Copy(c, c)
			c.Close()
		}
	}()
	conn, err := info.DialOR(t.Context(), netip.MustParseAddrPort("192.0.2.1:1"), "flashproxy")
	if err != nil {
		t.Fatal(err)
	}
	checkEcho(t, conn)
	<-served

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := info.DialOR(cancelled, netip.AddrPort{}, "flashproxy"); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v, %v", c, err)
	}
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if c, err := info.DialOR(expired, netip.AddrPort{}, "flashproxy"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with an expired context: %v, %v", c, err)
	}
	ln.Close()
	if c, err := info.DialOR(t.Context(), netip.AddrPort{}, "flashproxy"); err == nil {
		t.Errorf("dialled %v where nobody listens", c.RemoteAddr())
	}
}

// A Tor that dies in the middle of the handshake, at each message of it.
func TestDialExtendedORPortThatDies(t *testing.T) {
	for _, say := range []string{"", "\x01", "\x02\x00", "\x01\x00", "\x01\x00 short"} {
		ln := listen(t)
		info := serverInfo(t, "", ln.Addr().String(), "/nonexistent")
		served := make(chan struct{})
		go func() {
			defer close(served)
			if c, err := ln.Accept(); err == nil {
				io.WriteString(c, say)
				c.Close()
			}
		}()
		if c, err := info.DialOR(t.Context(), netip.AddrPort{}, "flashproxy"); err == nil {
			t.Errorf("%q: %v", say, c)
		}
		<-served
	}
}
