package e2e

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestHostile is the table of what each port does with what: what a peer gets for
// its bytes, and when the connection ends. All attacks on a port run at once, each from
// an address of its own. Before, between and after them an ordinary peer is served, and
// in the end the program holds what it held before.
func TestHostile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		missing(t, "needs Linux: /proc, and all of 127.0.0.0/8")
	}
	victims := []*victim{newFacilitator(t), newRemote(t), newPlainRemote(t), newLocal(t), newServer(t), newSecureServer(t)}
	reports := make([]report, len(victims))
	var wg sync.WaitGroup
	for i, v := range victims {
		wg.Go(func() { reports[i] = v.suffer(within(t, 2*time.Minute), byte(20+i)) })
	}
	wg.Wait()
	for i, v := range victims {
		t.Run(v.name, func(t *testing.T) { v.judge(t, reports[i]) })
	}
}

const (
	host    = "Host: x\r\n"
	closing = "Connection: close\r\n"
	endless = "Content-Length: 1000000000\r\n"
	seven   = "Content-Length: 7\r\n"
)

// web is what both a facilitator and a port for WebSockets are sent, and what each of
// them says.
var web = []struct {
	name, send          string
	every               time.Duration
	again               string
	facilitator, socket string
	ends                ending
}{
	{"nothing", "", 0, "", "", "", inTime},
	{"half a line", "GET / HT", 0, "", "400", "400", inTime},
	{"half a header", "GET / HTTP/1.1\r\n" + host, 0, "", "", "", inTime},
	{"a byte a second", "GET / HTTP/1.0\r\n\r\n", time.Second, "", "400", "400", inTime},
	{"byte by byte", "GET / HTTP/1.0\r\n\r\n", time.Millisecond, "", "400", "404", atOnce},
	{"an ordinary request", "GET / HTTP/1.1\r\n" + host + closing + "\r\n", 0, "", "400", "404", atOnce},
	{"two requests", "GET /healthz HTTP/1.1\r\n" + host + "\r\nGET /x HTTP/1.0\r\n\r\n", 0, "", "200 404", "404", atOnce},

	{"random bytes", random(1000), 0, "", "400", "400", inTime},
	{"random bytes and a line end", random(1000) + "\n", 0, "", "400", "400", atOnce},
	{"random bytes without end", "", 0, random(1000), "431", "431", atOnce},
	{"line ends", "", 0, "\r\n", "400", "400", atOnce},
	{"NULs", "", 0, "\x00", "431", "431", atOnce},
	{"TLS", clientHello() + "\n", 0, "", "400", "400", atOnce},
	{"SSH", "SSH-2.0-OpenSSH_9.2p1\r\n", 0, "", "400", "400", atOnce},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 0, "", "404", "404", atOnce},
	{"HTTP/0.9", "GET /\r\n\r\n", 0, "", "400", "400", atOnce},
	{"HTTP/3", "GET / HTTP/3.0\r\n\r\n", 0, "", "505", "505", atOnce},
	{"SOCKS", "\x05\x01\x00", 0, "", "400", "400", inTime},

	{"huge line", "GET /" + strings.Repeat("x", 100_000) + " HTTP/1.0\r\n\r\n", 0, "", "431", "431", atOnce},
	{"line without end", "GET /", 0, "x", "431", "431", atOnce},
	{"huge header", "GET / HTTP/1.0\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n", 0, "", "431", "431", atOnce},
	{"header without end", "GET / HTTP/1.0\r\n", 0, "X: y\r\n", "431", "431", atOnce},
	{"body without end", "POST / HTTP/1.1\r\n" + host + endless + "\r\n", 0, "x", "413", "404", atOnce},
	{"chunks without end", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n", 0, "3\r\nabc\r\n", "413", "404", atOnce},
	{"a chunk of 2^64 bytes", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", 0, "", "400", "404", atOnce},
	{"trailers without end", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n", 0, "X: y\r\n", "400", "404", atOnce},
	{"half a body", "POST / HTTP/1.1\r\n" + host + seven + "\r\nabc", 0, "", "408", "404", inTime},
	{"two lengths", "POST / HTTP/1.1\r\n" + host + closing + seven + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, "", "400", "404", atOnce},
	{"length below 0", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 0, "", "400", "400", atOnce},

	{"BREW", "BREW / HTTP/1.0\r\n\r\n", 0, "", "405", "404", atOnce},
	{"HEAD", "HEAD / HTTP/1.0\r\n\r\n", 0, "", "405", "404", atOnce},
	{"PUT", "PUT / HTTP/1.1\r\n" + host + closing + seven + "\r\nabcdefg", 0, "", "405", "404", atOnce},
	{"TRACE", "TRACE / HTTP/1.0\r\nX: y\r\n\r\n", 0, "", "405", "404", atOnce},
	{"OPTIONS *", "OPTIONS * HTTP/1.0\r\n\r\n", 0, "", "204", "404", atOnce},
	{"CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + host + closing + "\r\n", 0, "", "405", "404", atOnce},
	{"another's URL", "GET http://127.0.0.1:22/x HTTP/1.0\r\n\r\n", 0, "", "404", "404", atOnce},
	{"up and out", "GET /../../etc/passwd HTTP/1.0\r\n\r\n", 0, "", "404", "404", atOnce},
	{"NUL in the path", "GET /\x00 HTTP/1.0\r\n\r\n", 0, "", "400", "400", atOnce},
	{"escaped NUL in the path", "GET /%00 HTTP/1.0\r\n\r\n", 0, "", "404", "404", atOnce},
	{"NUL in the header", "GET / HTTP/1.0\r\nX: \x00\r\n\r\n", 0, "", "400", "400", atOnce},
	{"no host", "GET / HTTP/1.1\r\n\r\n", 0, "", "400", "400", atOnce},
	{"two hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", 0, "", "400", "400", atOnce},
	{"h2c", "GET /x HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", 0, "", "404", "404", atOnce},

	{"goes at once", "", 0, "", "", "", leaves},
	{"goes in the middle", "GET / HT", 0, "", "", "", leaves},
	{"does not wait for the answer", "GET / HTTP/1.0\r\n\r\n", 0, "", "", "", leaves},
	{"resets at once", "", 0, "", "", "", resets},
	{"resets in the middle", "POST / HTTP/1.1\r\n" + host + seven + "\r\nabc", 0, "", "", "", resets},
	{"resets before the answer", "GET / HTTP/1.0\r\n\r\n", 0, "", "", "", resets},
}

// The columns of web.
const (
	toFacilitator = iota
	toSocket
)

func webAttacks(column int) (all []attack) {
	for _, w := range web {
		a := attack{name: w.name, send: w.send, every: w.every, again: w.again, gets: w.facilitator, ends: w.ends}
		if column == toSocket {
			a.gets = w.socket
		}
		all = append(all, a)
	}
	return all
}

// random gives the same n bytes each time, with neither line ends nor a first byte
// that could be one of a method.
func random(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	for i := range b {
		b[i] |= 0x80
	}
	return string(b)
}

// clientHello is how TLS begins.
func clientHello() string {
	c, s := net.Pipe()
	go func() {
		tls.Client(c, &tls.Config{ServerName: "facilitator.example"}).Handshake()
		c.Close()
	}()
	b := make([]byte, 1<<16)
	n, _ := s.Read(b) // it is one Write
	s.Close()
	return string(b[:n])
}

// asked is an upgrade with something of it replaced.
func asked(from, to string) string { return strings.Replace(upgrade, from, to, 1) }

// badUpgrades are no WebSockets.
func badUpgrades() []attack {
	return []attack{
		{name: "no key", send: asked("Sec-WebSocket-Key", "X"), gets: "404", ends: atOnce},
		{name: "short key", send: asked("AAAA", ""), gets: "404", ends: atOnce},
		{name: "other version", send: asked("13", "12"), gets: "404", ends: atOnce},
		{name: "other upgrade", send: asked("websocket", "h2c"), gets: "404", ends: atOnce},
		{name: "no upgrade", send: asked("Connection: Upgrade", closing[:len(closing)-2]), gets: "404", ends: atOnce},
		{name: "other method", send: asked("GET", "HEAD"), gets: "404", ends: atOnce},
		{name: "other path", send: asked("/", "/socket"), gets: "404", ends: atOnce},
		{name: "HTTP/1.0", send: asked("/1.1", "/1.0"), gets: "404", ends: atOnce},
		{name: "with a body", send: asked("Host", seven+"Host") + "abcdefg", gets: "404", ends: atOnce},
		{name: "half an upgrade", send: upgrade[:len(upgrade)-2], ends: inTime},
	}
}

// socketAttacks are for a port that takes WebSockets, before an echo or before nobody
// yet: then not much is taken.
func socketAttacks(echo bool) []attack {
	base64 := asked("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat, base64\r\n\r\n")
	kib := strings.Repeat("x", 1<<10)
	tooMuch, over := "101", stays
	if echo {
		tooMuch, over = "101 close 1009", atOnce
	}
	return append(badUpgrades(), []attack{
		{name: "silence", send: upgrade, gets: "101", ends: stays},
		{name: "a query, an origin", send: asked("/ ", "/?a=b ")[:len(upgrade)+2] + "Origin: null\r\n\r\n", gets: "101", ends: stays},
		{name: "an extension", send: asked("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), gets: "101", ends: stays},
		{name: "unknown subprotocol", send: asked("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"), gets: "101", ends: stays},
		{name: "base64", send: base64, gets: "101 base64", ends: stays},
		{name: "half a frame header", send: upgrade + "\x82", gets: "101", ends: stays},
		{name: "half a frame", send: upgrade + header(final|opPing, masked, 100), gets: "101", ends: stays},
		{name: "a ping", send: upgrade + frame(opPing, "are you there?"), gets: "101 pong", ends: stays},
		{name: "a pong", send: upgrade + frame(opPong, ""), gets: "101", ends: stays},
		{name: "10,000 pings", send: upgrade + strings.Repeat(frame(opPing, kib[:125]), 10_000), gets: "101 pong", ends: stays},
		{name: "10,000 pings and no eye for the answers", send: upgrade + strings.Repeat(frame(opPing, kib[:125]), 10_000), deaf: true, gets: "101 pong", ends: stays},
		{name: "10,000 empty messages", send: upgrade + strings.Repeat(frame(opBinary, ""), 10_000), gets: "101", ends: stays},
		{name: "10,000 empty fragments", send: upgrade + part(opBinary, "") + strings.Repeat(part(opMore, ""), 10_000), gets: "101", ends: stays},
		{name: "data without end", send: upgrade, again: frame(opBinary, kib), gets: "101", ends: stays},
		{name: "data without end, never read", send: upgrade, again: frame(opBinary, kib), deaf: true, ends: stays},

		{name: "not masked", send: upgrade + header(final|opBinary, 0, 1) + "x", gets: "101 close 1002", ends: atOnce},
		{name: "compressed", send: upgrade + part(final|0x40|opBinary, "x"), gets: "101 close 1002", ends: atOnce},
		{name: "reserved bit", send: upgrade + part(final|0x10|opBinary, "x"), gets: "101 close 1002", ends: atOnce},
		{name: "reserved opcode", send: upgrade + frame(3, "x"), gets: "101 close 1002", ends: atOnce},
		{name: "reserved control opcode", send: upgrade + frame(11, ""), gets: "101 close 1002", ends: atOnce},
		{name: "half a ping", send: upgrade + part(opPing, ""), gets: "101 close 1002", ends: atOnce},
		{name: "long ping", send: upgrade + frame(opPing, kib[:126]), gets: "101 close 1002", ends: atOnce},
		{name: "long close", send: upgrade + frame(opClose, "\x03\xe8"+kib[:124]), gets: "101 close 1002", ends: atOnce},
		{name: "continues nothing", send: upgrade + frame(opMore, "x"), gets: "101 close 1002", ends: atOnce},
		{name: "message within a message", send: upgrade + part(opBinary, "") + frame(opBinary, ""), gets: "101 close 1002", ends: atOnce},
		{name: "2^63 bytes", send: upgrade + header(final|opBinary, masked, 1<<63) + "\x00\x00\x00\x00", gets: "101 close 1009", ends: atOnce},
		{name: "2^63-1 bytes", send: upgrade + header(final|opBinary, masked, 1<<63-1) + "\x00\x00\x00\x00", gets: "101 close 1009", ends: atOnce},
		{name: "1 MiB and a byte", send: upgrade + header(final|opBinary, masked, 1<<20+1) + "\x00\x00\x00\x00", gets: "101 close 1009", ends: atOnce},
		{name: "fragments without end", send: upgrade + part(opBinary, ""), again: part(opMore, kib), gets: tooMuch, ends: over},
		{name: "text", send: upgrade + frame(opText, "aGVsbG8="), gets: "101 close 1003", ends: atOnce},
		{name: "bad base64", send: base64 + frame(opText, "hello!!!"), gets: "101 base64 close 1007", ends: atOnce},
		{name: "a quarter of base64", send: base64 + frame(opText, "a"), gets: "101 base64 close 1007", ends: atOnce},
		{name: "UTF-8 that is none", send: base64 + frame(opText, "\xff\xfe\xfd\xfc"), gets: "101 base64 close 1007", ends: atOnce},
		{name: "base64 of 2 MiB", send: base64 + header(final|opText, masked, 2<<20) + "\x00\x00\x00\x00", gets: "101 base64 close 1009", ends: atOnce},

		{name: "goodbye", send: upgrade + frame(opClose, "\x03\xe8bye"), gets: "101 close 1000", ends: atOnce},
		{name: "goodbye without a code", send: upgrade + frame(opClose, ""), gets: "101 close", ends: atOnce},
		{name: "goodbye, and more", send: upgrade + frame(opClose, "\x03\xe8"), again: frame(opBinary, kib), gets: "101 close 1000", ends: atOnce},
		{name: "half a close code", send: upgrade + frame(opClose, "\x03"), gets: "101 close 1002", ends: atOnce},
		{name: "forbidden close code", send: upgrade + frame(opClose, "\x03\xed"), gets: "101 close 1002", ends: atOnce},
		{name: "close code 0", send: upgrade + frame(opClose, "\x00\x00"), gets: "101 close 1002", ends: atOnce},
		{name: "reason that is no UTF-8", send: upgrade + frame(opClose, "\x03\xe8\xff"), gets: "101 close 1002", ends: atOnce},

		{name: "goes after the upgrade", send: upgrade, ends: leaves},
		{name: "goes in a frame", send: upgrade + header(final|opBinary, masked, 100), ends: leaves},
		{name: "resets after the upgrade", send: upgrade, ends: resets},
		{name: "resets after data", send: upgrade + strings.Repeat(frame(opBinary, kib), 100), ends: resets},
	}...)
}
