package main

import "flashproxy/internal/daemon"

// page is what --help says around the flags.
var page = daemon.Page{
	Name:       "flashproxy-server",
	ManSection: 8,
	Summary:    "the relay's half of the flash proxy transport",
	Synopsis: []string{
		"[flags]                        started by tor",
		"--forward HOST:PORT [flags]    without tor",
	},
	Description: `
Accepts WebSocket connections from flash proxies and gives the stream in each
to Tor, or to any TCP service. An ordinary web request gets the plain 404 of a
web server that has nothing there.

Tor starts it by itself, as the transport "flashproxy" (or "websocket", which is
the same). It gives the connections to the Extended ORPort, so that the bridge's
statistics count users, or to the ORPort where there is no other. The ORPort is
called only when a client has something to say: connections that proxies hold in
reserve cost Tor nothing.

Connections that carry nothing for two hours are closed.
`,
	Sections: []daemon.Section{
		{Title: "With Tor", Text: `
In the torrc of a bridge or relay:

    ServerTransportPlugin flashproxy exec /usr/local/bin/flashproxy-server
    ServerTransportListenAddr flashproxy 0.0.0.0:9902
    ExtORPort auto

Open port 9902 in the firewall, and give the address to whoever runs the
facilitator.
`},
		{Title: "Signals", Text: `
SIGTERM, SIGINT  close all connections and end
`},
		{Title: "Exit status", Text: `
0 when asked to end, also by Tor, which closes the standard input; 1 after an
error; 2 for a command line that is wrong.
`},
		{Title: "Examples", Text: `
flashproxy-server --forward 127.0.0.1:22
flashproxy-server --listen 192.0.2.1:443 --forward localhost:1080
`},
	},
}
