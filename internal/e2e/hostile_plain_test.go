package e2e

import "strings"

// plainAttacks are for a port that takes plain TCP, before anybody wants it: it says
// nothing, whatever it is sent, and not much is taken.
func plainAttacks() []attack {
	return []attack{
		{name: "silence", ends: stays},
		{name: "a web browser", send: "GET / HTTP/1.1\r\n" + host + "\r\n", ends: stays},
		{name: "a WebSocket", send: upgrade, ends: stays},
		{name: "TLS", send: clientHello(), ends: stays},
		{name: "SSH", send: "SSH-2.0-OpenSSH_9.2p1\r\n", ends: stays},
		{name: "SOCKS", send: "\x05\x01\x00", ends: stays},
		{name: "random bytes", send: random(1000), ends: stays},
		{name: "data without end", again: random(1000), ends: stays},
		{name: "data without end, never read", again: random(1000), deaf: true, ends: stays},
		{name: "goes at once, as a port scan", ends: leaves},
		{name: "goes after some bytes", send: "GET / HT", ends: leaves},
		{name: "resets at once, as a port scan", ends: resets},
		{name: "resets after data", send: strings.Repeat("x", 100<<10), ends: resets},
	}
}
