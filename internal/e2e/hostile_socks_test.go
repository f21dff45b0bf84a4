package e2e

import (
	"strings"
	"time"
)

// socksAttacks are for a port that speaks SOCKS4, 4a and 5. What it grants it grants when
// there is a proxy, so never here.
func socksAttacks() []attack {
	const (
		v4  = "\x04\x01\x00\x50\x01\x01\x01\x01"
		v4a = "\x04\x01\x00\x50\x00\x00\x00\x01"
		no4 = "005b000000000000"
		to  = "\x01\x01\x01\x01\x01\x00\x50"
	)
	no5 := func(why string) string { return "05" + why + "0001" + "00000000" + "0000" }
	// after5 is what follows the choice of a method, which is to need no password.
	after5 := func(name, then, gets string, ends ending) attack {
		return attack{name: name + " by SOCKS5", send: "\x05\x01\x00", after: 2, then: then, gets: "0500" + gets, ends: ends}
	}
	// password is what follows the choice of a password.
	password := func(name, then, gets string, ends ending) attack {
		return attack{name: name, send: "\x05\x01\x02", after: 2, then: then, gets: "0502" + gets, ends: ends}
	}
	return []attack{
		{name: "nothing", ends: inTime},
		{name: "version 4 alone", send: "\x04", gets: no4, ends: inTime},
		{name: "version 5 alone", send: "\x05", ends: inTime},
		{name: "half a user id", send: v4 + "me", gets: no4, ends: inTime},
		{name: "half a host", send: v4a + "\x00relay", gets: no4, ends: inTime},
		{name: "a byte a second", send: v4 + "me, an honest user\x00", every: time.Second, gets: no4, ends: inTime},
		after5("methods alone", "", no5("01"), inTime),
		after5("half a request", "\x05\x01", no5("01"), inTime),
		password("half a user name", "\x01\x05a", "", inTime),

		{name: "random bytes", send: random(1000)},
		{name: "random bytes without end", again: random(1000)},
		{name: "NULs", again: "\x00"},
		{name: "HTTP", send: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{name: "TLS", send: clientHello()},
		{name: "SSH", send: "SSH-2.0-OpenSSH_9.2p1\r\n"},
		{name: "version 3", send: "\x03" + v4[1:] + "\x00"},
		{name: "version 6", send: "\x06\x01\x00"},

		{name: "BIND", send: "\x04\x02" + v4[2:] + "\x00", gets: no4},
		{name: "command 0", send: "\x04\x00" + v4[2:] + "\x00", gets: no4},
		{name: "user id without end", send: v4, again: "x", gets: no4},
		{name: "host without end", send: v4a + "\x00", again: "x", gets: no4},
		{name: "no host", send: v4a + "\x00\x00", gets: no4},
		{name: "more than a request", send: v4 + "\x00more", gets: no4},
		{name: "two requests", send: v4 + "\x00" + v4 + "\x00", gets: no4},
		{name: "arguments that are none", send: v4 + "me\x00", gets: no4},
		{name: "arguments that end in an escape", send: v4 + "a=b\\\x00", gets: no4},
		{name: "unknown argument", send: v4 + "a=b\x00", gets: no4},
		{name: "bad URL", send: v4 + "url=ftp://x\x00", gets: no4},
		{name: "bad transport", send: v4 + "transport=|\x00", gets: no4},
		{name: "unknown transport", send: v4 + "transport=smoke\x00", gets: no4},
		{name: "a transport that other proxies speak", send: v4 + "transport=obfs4|tcp\x00", gets: no4},
		{name: "empty transport", send: v4 + "transport=\x00", gets: no4},
		{name: "a transport of 300 bytes", send: v4 + "transport=" + strings.Repeat("x", 300) + "|websocket\x00", gets: no4},
		{name: "a blank in a transport", send: v4 + "transport=obfs 4|websocket\x00", gets: no4},
		{name: "bad address", send: v4 + "remote=127.0.0.1:x\x00", gets: no4},

		{name: "no methods", send: "\x05\x00", gets: "05ff"},
		{name: "unknown methods", send: "\x05\xfe" + random(254), gets: "05ff"},
		{name: "more than methods", send: "\x05\x01\x00\x00", gets: "0500"},
		after5("BIND", "\x05\x02\x00"+to, no5("07"), atOnce),
		after5("UDP", "\x05\x03\x00"+to, no5("07"), atOnce),
		after5("unknown type of address", "\x05\x01\x00\x09"+to[1:], no5("08"), atOnce),
		after5("no host", "\x05\x01\x00\x03\x00\x00\x50", "", atOnce),
		after5("reserved byte", "\x05\x01\x01"+to, no5("01"), atOnce),
		after5("other version in the middle", "\x04\x01\x00"+to, no5("01"), atOnce),
		after5("more than a request", "\x05\x01\x00"+to+"more", "", atOnce),
		password("no user name", "\x01\x00\x00", "0101", atOnce),
		password("bad version of authentication", "\x05\x01a\x01b", "0101", atOnce),
		password("arguments that are none by SOCKS5", "\x01\x02me\x01\x00", "0101", atOnce),

		{name: "waits", send: v4 + "\x00", ends: stays},
		{name: "waits, with two transports within", send: v4 + "transport=a|b|websocket\x00", ends: stays},
		{name: "waits, with a host", send: v4a + "\x00relay.example\x00", ends: stays},
		{name: "waits, byte by byte", send: v4 + "\x00", every: time.Millisecond, ends: stays},
		after5("waits", "\x05\x01\x00"+to, "", stays),
		{name: "goes at once", ends: leaves},
		{name: "goes in the middle", send: v4, ends: leaves},
		{name: "goes while it waits", send: v4 + "\x00", ends: leaves},
		{name: "resets at once", ends: resets},
		{name: "resets in the middle", send: "\x05\x01\x00", ends: resets},
		{name: "resets while it waits", send: v4 + "\x00", ends: resets},
	}
}
