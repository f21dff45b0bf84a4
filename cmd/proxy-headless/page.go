package main

import "flashproxy/internal/daemon"

// page is what --help says around the flags.
var page = daemon.Page{
	Name:    "proxy-headless",
	Summary: "be a flash proxy, outside of any browser",
	Synopsis: []string{
		"-f URL [-f URL]... [flags]",
		"--client ADDRESS:PORT --relay ADDRESS:PORT [flags]",
	},
	Description: `
Asks a facilitator for people who are kept from Tor, and for each one connects
to them first and then to a relay, and carries bytes between the two. What it
carries is Tor's, and encrypted. It is no exit: the clients, the relays and the
facilitator see your address, the web sites that people visit do not.

It needs no rights, no open port and no disk: run it as any user, for as long
as you like. A facilitator that fails is asked again, ever more seldom, up to
ten minutes apart, for ever.

It connects to no address that is not on the public Internet, whoever asks for
it: nobody can use it to reach into your own network.
`,
	Sections: []daemon.Section{
		{Title: "Reports", Text: `
One line an hour in the log, and one at the end: how many clients were served,
how many clients and relays could not be reached, how many polls failed, and the
bytes carried each way. It says nothing about who they were.

The facilitator is told which clients are served now, so that it sends others,
and which relays it gave that could not be reached, so that it gives others.
`},
		{Title: "Environment", Text: `
HTTP_PROXY, HTTPS_PROXY, NO_PROXY  how to reach the facilitator. Clients and
                                   relays are always connected to directly
`},
		{Title: "Signals", Text: `
SIGTERM, SIGINT  ask for no more clients, and end when the connections have
                 ended, after --drain at the latest. A second one ends at once
`},
		{Title: "Exit status", Text: `
0 when asked to end, 1 after an error, 2 for a command line that is wrong.
`},
		{Title: "Examples", Text: `
proxy-headless -f https://facilitator.example/
proxy-headless -f https://facilitator.example/ --ratelimit 500K --max-clients 4
proxy-headless --client 127.0.0.1:9000 --relay 127.0.0.1:9902
`},
	},
}
