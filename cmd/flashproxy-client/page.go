package main

import "flashproxy/internal/daemon"

// page is what --help says around the flags.
func page() daemon.Page {
	return daemon.Page{
		Name:     "flashproxy-client",
		Summary:  "reach Tor through flash proxies",
		Synopsis: []string{"[flags] [LOCAL][:PORT] [REMOTE][:PORT]"},
		Description: `
Tor connects to LOCAL by SOCKS. Flash proxies, in the browsers of volunteers,
connect to REMOTE, from anywhere on the Internet: its port has to be
reachable, so a router or firewall in between has to forward it. The client
links one with the other. To be found by proxies it registers with a
facilitator. What Tor asks to be connected to is ignored: a proxy connects to
a relay of the facilitator's choice.

LOCAL is 127.0.0.1 and any free port by default, or port 9001 with
--external. REMOTE is every address of this computer, IPv4 and IPv6, and port
9000. A port of 0 is any free one.
`,
		Sections: []daemon.Section{
			{Title: "Bridge lines", Text: `
Arguments in a Bridge line of torrc go before the flags:

url=URL              register with this facilitator
pubkey=KEY           seal registrations to this key
transport=TRANSPORT  register this transport
remote=[HOST]:PORT   tell proxies to connect here

The address in a Bridge line has no meaning; write 0.0.1.0:1. All Bridge
lines that use one LOCAL should name the same transport, since a proxy that
connects to REMOTE does not say which registration brought it.
`},
			{Title: "Transports", Text: `
INNER is what this client and a relay speak with each other, from end to end:
nothing for plain Tor, or another transport such as obfs4, which then is
between Tor and LOCAL. OUTER is what proxies speak with REMOTE:

websocket  what every proxy speaks, browsers too
tcp        plain TCP, which only proxies outside of browsers speak. Whoever
           connects is taken for a proxy

With obfs4, Tor speaks to obfs4proxy, and that to LOCAL. In torrc:

  UseBridges 1
  ClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy
  Socks5Proxy 127.0.0.1:9001
  Bridge obfs4 192.0.2.1:1 FINGERPRINT cert=CERT iat-mode=0

with FINGERPRINT and CERT of a relay that the facilitator knows; where it is,
the proxy is told. And, beside Tor,

  flashproxy-client --external -r -f URL --transport 'obfs4|websocket'
`},
			{Title: "Alternatives", Text: `
--alternative adds a second LOCAL and REMOTE, with a transport of their own.
Whoever comes by its LOCAL, by SOCKS4, 4a or 5, meets the proxies that come by
its REMOTE, and no others. One registration offers all alternatives that
somebody wants a proxy for: a proxy that takes one has used up all, and the
client registers again while any is still wanted. The [HOST]:PORT is as in
--register-addr; without it proxies are told REMOTE's port, and the host of
--register-addr. A port that is not given is any free one.

  flashproxy-client --external -r -f URL
    --alternative 'obfs4|websocket,127.0.0.1:9003,:9004' :9001 :9000

(one line) is plain Tor by 9001 and 9000, and obfs4 by 9003 and 9004. Run by
Tor, it allows a Socks5Proxy in torrc if that is the LOCAL of an alternative.
`},
			{Title: "What Tor's log says", Text: `
registered           the facilitator knows; a proxy should come
waiting              no proxy came yet, said once a minute. Volunteers may be
                     few; or nobody can reach REMOTE from the Internet
connected, lost      a proxy came, or went; Tor goes on with the next one
refused              the facilitator's own words: something is to be mended
can't be reached     the facilitator is blocked here, down, or misspelt
`},
			{Title: "Signals and exit status", Text: `
SIGTERM and SIGINT end it, and so does Tor by closing its input. The status
is 0 when asked to end, 1 after an error, 2 for a wrong command line.
`},
			{Title: "Examples", Text: `
In torrc, with flashproxy-client run by Tor:

  UseBridges 1
  Bridge flashproxy 0.0.1.0:1
  ClientTransportPlugin flashproxy exec /usr/local/bin/flashproxy-client
    --register --facilitator https://facilitator.example/ :0 :9000

(the last two lines are one), or with the same in the Bridge line:

  Bridge flashproxy 0.0.1.0:1 url=https://facilitator.example/
  ClientTransportPlugin flashproxy exec /usr/local/bin/flashproxy-client

With flashproxy-client run by hand:

  flashproxy-client --external -r -f https://facilitator.example/ :9001 :9000

  ClientTransportPlugin flashproxy socks5 127.0.0.1:9001
`},
		},
	}
}
