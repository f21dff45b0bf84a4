package main

import "flashproxy/internal/daemon"

// page is what --help says around the flags.
func page() daemon.Page {
	return daemon.Page{
		Name:       "facilitator",
		ManSection: 8,
		Summary:    "bring clients and flash proxies together",
		Synopsis:   []string{"-r FILE [flags]"},
		Description: `
Clients tell the facilitator where they wait for a proxy. Proxies ask it for
a client, and are told of one client and one relay to connect. It sees
addresses of both, and none of their traffic.

It speaks plain HTTP; put a reverse proxy with a certificate in front.
`,
		Sections: sections(),
	}
}

func sections() []daemon.Section {
	return []daemon.Section{
		{Title: "Relay file", Text: `
One relay a line: its transport, its address. Lines that begin with # do not
count. The port is 9902 where none is given.

    websocket        1.2.3.4:9902
    websocket        1.2.3.5:9902       weight=5
    obfs4|websocket  1.2.3.4:9903
    tcp              1.2.3.4:443
    wss              relay.example:443

The weight, 1 to 1000, is a relay's share against those of others that would
do; 1 where there is none. A relay that many proxies report they cannot reach
gets a 16th of its share until they can, and the log tells its line.
`},
		{Title: "Key file", Text: `
A client that cannot reach the facilitator seals its registration to the
facilitator's key, and somebody else carries it (GET /reg/BLOB). The key is
made at the first start; each start prints "public-key KEY", which clients
need. The file is facilitator.key in $STATE_DIRECTORY, or else in
~/.config/flashproxy.
`},
		{Title: "Outer transports", Text: `
What a proxy speaks to a client. The default is what a home computer can
offer: not wss, which needs a certificate. Relays may have others. The log
warns of a relay by a transport that no proxy is known to open.
`},
		{Title: "Reverse proxies", Text: `
PREFIXES are addresses or prefixes, with commas between. A reverse proxy must
set one of the headers X-Forwarded-For and Forwarded, and remove the other.
It must wait for an answer longer than --max-wait, and should keep no log.
`},
		{Title: "Browsers as proxies", Text: `
Whoever opens /proxy/ in a browser, and turns it on, is a proxy while the
page is open. /embed.html is the same as a badge for other sites, in a frame
of 80 by 15 pixels or more; /options.html is where its visitors can choose.

Serve them by http: a page that came by https can connect only to clients and
relays that have a certificate (wss), and clients have none.

Parameters of a page's address can choose the facilitator, or one client and
one relay. Whoever makes such a link aims the browser of whoever opens it, so
that they work only on pages named by --trusted-pages.
`},
		{Title: "Requests", Text: `
POST /         register: client=[HOST]:PORT[&client-transport=TRANSPORT]
GET /?r=1      poll: [&transport=OUTER]... [&client=ADDRESS]...
               [&unreachable=RELAY]... [&wait=SECS]
GET /          to /proxy/, for a browser that wants a page
GET /reg/BLOB  register, sealed
GET /healthz   200 "ok" while it can do its work, else 503
`},
		{Title: "Signals", Text: `
SIGHUP           read the relay file again (if it is bad, the old relays
                 stay), and open the log file again
SIGTERM, SIGINT  answer the polls that wait, and end
`},
		{Title: "Systemd", Text: `
Sockets from systemd take the place of the default of --listen. It is told
when the facilitator is ready, reloads and stops.
`},
		{Title: "Exit status", Text: `
0 when asked to end, 1 after an error, 2 for a command line that is wrong.
`},
		{Title: "Examples", Text: `
facilitator -r relays.txt
facilitator -r relays.txt --listen 127.0.0.1:9002 --trusted-proxies 127.0.0.1
`},
	}
}
