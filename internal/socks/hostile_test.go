package socks

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What a hostile peer sends, what it gets, and how long it is kept at most.
func TestHostile(t *testing.T) {
	const refused4 = "\x00\x5b\x00\x00\x00\x00\x00\x00"
	long := strings.Repeat("a", 5000)
	for _, c := range []struct {
		name, send, get string
		versions        Versions
		after           time.Duration
	}{
		{name: "nothing", after: handshakeTimeout},
		{name: "HTTP", send: "GET / HTTP/1.0\r\n\r\n"},
		{name: "TLS", send: "\x16\x03\x01\x02\x00"},
		{name: "version 0", send: "\x00"},
		{name: "version 6", send: "\x06\x01\x00"},
		{name: "4 where 5 is spoken", send: request4, versions: V5},
		{name: "5 where 4 is spoken", send: "\x05\x01\x00", versions: V4},

		{name: "4 half a head", send: request4[:4], get: refused4, after: handshakeTimeout},
		{name: "4 no end of user id", send: request4[:8] + "k=v", get: refused4, after: handshakeTimeout},
		{name: "4 endless user id", send: request4[:8] + long, get: refused4},
		{name: "4 user id of 1025 bytes", send: request4[:8] + "k=" + long[:1023] + "\x00", get: refused4},
		{name: "4 BIND", send: "\x04\x02" + request4[2:], get: refused4},
		{name: "4 command 0", send: "\x04\x00" + request4[2:], get: refused4},
		{name: "4 user id without =", send: request4[:8] + "root\x00", get: refused4},
		{name: "4 user id that ends in a backslash", send: request4[:8] + "k=v\\\x00", get: refused4},
		{name: "4 more than the request", send: request4 + "x", get: refused4},
		{name: "4a no host", send: "\x04\x01\x00\x50\x00\x00\x00\x01\x00", get: refused4, after: handshakeTimeout},
		{name: "4a empty host", send: "\x04\x01\x00\x50\x00\x00\x00\x01\x00\x00", get: refused4},
		{name: "4a host of 256 bytes", send: "\x04\x01\x00\x50\x00\x00\x00\x01\x00" + long[:256] + "\x00", get: refused4},

		{name: "5 half a greeting", send: "\x05\x02\x00", after: handshakeTimeout},
		{name: "5 no method", send: "\x05\x00", get: "\x05\xff"},
		{name: "5 unknown method", send: "\x05\x01\x01", get: "\x05\xff"},
		{name: "5 greeting and silence", send: "\x05\x01\x00", get: "\x05\x00\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00", after: handshakeTimeout},
		{name: "5 two methods and more", send: "\x05\x02\x00\x02x", get: "\x05\x02"},
		{name: "5 all at once", send: "\x05\x01\x00\x05\x01\x00\x01\x00\x00\x00\x00\x00\x50", get: "\x05\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, dial := newTest(t, Options{Versions: c.versions})
				start := time.Now()
				peer := dial(c.send)
				defer peer.Close()
				got, err := io.ReadAll(peer)
				if string(got) != c.get || err != nil || time.Since(start) != c.after {
					t.Errorf("got %q, %v after %v; want %q after %v", got, err, time.Since(start), c.get, c.after)
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				if c, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("accepted %v, %v", c, err)
				}
			})
		})
	}
}

// The same, for what comes after a step of SOCKS5 that was answered.
func TestHostile5(t *testing.T) {
	for _, c := range []struct {
		name, send, get string
		auth            bool
		after           time.Duration
	}{
		{name: "BIND", send: "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x50", get: "\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"},
		{name: "another version", send: "\x04\x01\x00\x01\x00\x00\x00\x00\x00\x50", get: "\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00"},
		{name: "address type 2", send: "\x05\x01\x00\x02\x00\x00\x00\x00\x00\x50", get: "\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00"},
		{name: "empty host", send: "\x05\x01\x00\x03\x00\x00\x50"},
		{name: "half a host", send: "\x05\x01\x00\x03\xffabc", after: handshakeTimeout},
		{name: "half an address", send: "\x05\x01\x00\x04\x00\x00\x00\x00", after: handshakeTimeout},
		{name: "bytes after it", send: "\x05\x01\x00\x01\x00\x00\x00\x00\x00\x50x"},
		{name: "auth version", auth: true, send: "\x02\x03k=v\x01\x00", get: "\x01\x01"},
		{name: "empty user name", auth: true, send: "\x01\x00\x01\x00", get: "\x01\x01"},
		{name: "empty password", auth: true, send: "\x01\x03k=v\x00", get: "\x01\x01"},
		{name: "user name without =", auth: true, send: "\x01\x04root\x01\x00", get: "\x01\x01"},
		{name: "half a user name", auth: true, send: "\x01\xffk=v", after: handshakeTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, dial := newTest(t, Options{})
				peer := dial("")
				defer peer.Close()
				if c.auth {
					exchange(t, peer, "\x05\x01\x02", "\x05\x02")
				} else {
					exchange(t, peer, "\x05\x01\x00", "\x05\x00")
				}
				start := time.Now()
				if _, err := io.WriteString(peer, c.send); err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(peer)
				if string(got) != c.get || err != nil || time.Since(start) != c.after {
					t.Errorf("got %q, %v after %v; want %q after %v", got, err, time.Since(start), c.get, c.after)
				}
				l.Close()
			})
		})
	}
}
