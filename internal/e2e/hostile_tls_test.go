package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"flashproxy/internal/testca"
	"flashproxy/internal/wsconn"
)

// tlsAttacks are for a port that takes WebSockets over TLS: what is no TLS, and what
// never becomes any. What comes when TLS is there is the same as without.
func tlsAttacks() []attack {
	hello := clientHello()
	record := func(kind byte, text string) string {
		return string([]byte{kind, 3, 3, byte(len(text) >> 8), byte(len(text))}) + text
	}
	return []attack{
		{name: "silence", ends: inTime},
		{name: "half a record's head", send: hello[:3], ends: inTime},
		{name: "half a hello", send: hello[:100], ends: inTime},
		{name: "a hello byte by byte, slowly", send: hello, every: time.Second, ends: inTime},
		{name: "a hello and no more", send: hello, gets: "hello", ends: inTime},
		{name: "a hello and no more, never read", send: hello, deaf: true, gets: "hello", ends: inTime},
		{name: "a hello and an alert", send: hello, after: 5, then: record(21, "\x02\x28"), gets: "hello", ends: atOnce},
		{name: "a hello and another", send: hello, after: 5, then: hello, gets: "hello", ends: atOnce},
		{name: "a hello and random bytes", send: hello, after: 5, then: random(1000), gets: "hello", ends: atOnce},
		{name: "a hello and data that nobody sealed", send: hello, after: 5, then: record(23, random(1000)), gets: "hello", ends: atOnce},
		{name: "a hello and ChangeCipherSpec without end", send: hello, again: record(20, "\x01"), gets: "hello", ends: atOnce},
		{name: "empty records without end", again: record(22, ""), gets: "alert", ends: atOnce},
		{name: "a message without end", send: record(22, "\x01\xff\xff\xff"), again: record(22, random(1000)), gets: "alert", ends: atOnce},
		{name: "a record too long", send: "\x16\x03\x01\xff\xff", again: "x", gets: "alert", ends: atOnce},
		{name: "SSL 2", send: "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", gets: "alert", ends: atOnce},
		{name: "an alert", send: record(21, "\x02\x28"), ends: atOnce},
		{name: "a web browser", send: "GET / HTTP/1.1\r\n" + host + "\r\n", ends: atOnce},
		{name: "a WebSocket", send: upgrade, ends: atOnce},
		{name: "SSH", send: "SSH-2.0-OpenSSH_9.2p1\r\n", ends: atOnce},
		{name: "random bytes without end", again: random(1000), ends: atOnce},
		{name: "NULs", again: "\x00", ends: atOnce},
		{name: "goes at once", ends: leaves},
		{name: "goes after its hello", send: hello, ends: leaves},
		{name: "resets at once", ends: resets},
		{name: "resets after its hello", send: hello, ends: resets},
	}
}

// tlsSaid sums up what a TLS server says first.
func tlsSaid(_ string, said []byte) string {
	if len(said) == 0 {
		return ""
	}
	if kind, ok := map[byte]string{21: "alert", 22: "hello"}[said[0]]; ok { // RFC 8446, section 5.1
		return kind
	}
	return fmt.Sprintf("%.20q", said)
}

// newSecureServer is newServer with a certificate.
func newSecureServer(t *testing.T) *victim {
	t.Helper()
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile, err := ca.Files(t.TempDir(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	p, address := echoServer(t, "--tls-cert", certFile, "--tls-key", keyFile)
	return &victim{
		name: "flashproxy-server with TLS", process: p, address: address,
		crowds:  []crowd{{"idle", 300, "", 32}, {"half a hello", 300, clientHello()[:100], 32}},
		attacks: tlsAttacks(),
		said:    tlsSaid,
		honest: func(ctx context.Context, from netip.Addr) error {
			c, err := wsconn.Dial(ctx, "wss://"+address+"/", wsconn.DialOptions{
				TLS: &tls.Config{RootCAs: ca.Pool()},
				NetDial: func(ctx context.Context, _, address string) (net.Conn, error) {
					return dialFrom(ctx, from, address, 10*time.Second)
				},
			})
			if err != nil {
				return err
			}
			return errors.Join(echoes(c, []byte("hello")), c.Close())
		},
	}
}
