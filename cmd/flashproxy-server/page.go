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
		{Title: "With another transport within", Text: `
What clients speak inside may be another transport, such as obfs4, whose server
then stands behind this one. In the torrc of a bridge:

    ServerTransportPlugin obfs4 exec /usr/bin/obfs4proxy
    ServerTransportListenAddr obfs4 127.0.0.1:9903
    ExtORPort auto

and, beside Tor,

    flashproxy-server --listen :9902 --forward 127.0.0.1:9903 --client-first

In the facilitator's relay file the transport is then obfs4|websocket.
`},
		{Title: "Certificates", Text: `
With a certificate it speaks TLS: who watches a proxy or the relay no longer sees
a WebSocket in the clear, and proxies know whom they talk to. In the facilitator's
relay file the transport is then wss, and the address a name (or an IP address)
that the certificate is for:

    wss relay.example.org:443

The certificate comes from files that something else renews (--tls-cert,
--tls-key: they are looked at every ten seconds), or from Let's Encrypt
(--acme-hostnames, --acme-email), which must reach the relay under each name on
port 443, where proxies connect, or on port 80 (--acme-http). In a torrc:

    ServerTransportPlugin flashproxy exec /usr/local/bin/flashproxy-server \
      --tls-cert /etc/relay/fullchain.pem --tls-key /etc/relay/privkey.pem
    ServerTransportListenAddr flashproxy 0.0.0.0:443

To listen on a port below 1024 Tor's user needs the right to (CAP_NET_BIND_SERVICE);
or forward the port to a higher one.

What ACME needs is kept in the directory that Tor gives its transports, or in
$STATE_DIRECTORY, or in $XDG_STATE_HOME (~/.local/state), below "acme": the key of
the account, certificates and their keys. Nothing of any user is in it.

A web server that has a certificate already can do TLS instead (doc/nginx.conf):
listen where only it can connect, without a certificate, and name its address in
--trusted-proxies. It then says in X-Forwarded-For where a connection comes from,
as Tor is told, and has no bound of its own on connections that are not open yet.
`},
		{Title: "Signals", Text: `
SIGTERM, SIGINT  close all connections and end
SIGHUP           with --tls-cert: read the certificate and its key now
`},
		{Title: "Exit status", Text: `
0 when asked to end, also by Tor, which closes the standard input; 1 after an
error; 2 for a command line that is wrong.
`},
		{Title: "Examples", Text: `
flashproxy-server --forward 127.0.0.1:22
flashproxy-server --listen 192.0.2.1:443 --forward localhost:1080
flashproxy-server --listen :443 --forward 127.0.0.1:22 \
  --acme-hostnames relay.example.org --acme-email you@example.org
`},
	},
}
