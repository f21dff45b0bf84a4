package main

import (
	"cmp"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"

	"flashproxy/internal/daemon"
	"flashproxy/internal/pt"
	"flashproxy/internal/registration"
)

const (
	// usualOpenFiles is where the system does not say: that of many a Linux.
	usualOpenFiles = 1024
	// spareFiles are kept for listeners, the log, connections whose handshake is
	// not done (200 a listener) and those being turned away.
	spareFiles = 400
	// filesPerConn: its own socket and the upstream's.
	filesPerConn = 2
	// mostConns is for systems that have no limit.
	mostConns = 1 << 17
)

// options is the command line, checked.
type options struct {
	listen   []string
	forward  string // empty: Tor's
	first    bool   // the client speaks first
	maxConns int
	tls      tlsOptions
	trusted  []string       // as given
	proxies  []netip.Prefix // the same, read
	log      daemon.LogOptions
}

func parseOptions(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	f := daemon.NewFlags(page)
	g := f.Group("Without Tor")
	g.StringVar(&o.forward, "forward", "", "give each connection to the TCP service at `HOST:PORT`")
	g.BoolVar(&o.first, "client-first", false, "call that service only when a client has something to say, since there it is the client that speaks first, as in TLS and obfs4")
	g.StringArrayVar(&o.listen, "listen", nil, "listen on `[HOST][:PORT]`; may be given several times (default :9902)")
	g = f.Group("TLS")
	o.tls.addFlags(g)
	g.StringSliceVar(&o.trusted, "trusted-proxies", nil, "take the word of reverse proxies in these `PREFIXES`, which do TLS for us, for where a connection comes from")
	g = f.Group("Limits")
	g.IntVar(&o.maxConns, "max-connections", 0, "serve `N` connections at once at most (default: as many as the limit of open files lets it)")
	o.log.AddFlags(f.Group("Log"))
	if err := f.Parse(args, stdout); err != nil {
		return nil, err
	}
	switch {
	case len(f.Args()) > 0:
		return nil, daemon.Usagef("unexpected argument %q", f.Args()[0])
	case f.Changed("max-connections") && o.maxConns < 1:
		return nil, daemon.Usagef("--max-connections: want 1 or more, not %d", o.maxConns)
	case f.Changed("listen") && o.forward == "":
		return nil, daemon.Usagef("--listen wants --forward too; under Tor set ServerTransportListenAddr in torrc")
	case f.Changed("client-first") && o.forward == "":
		return nil, daemon.Usagef("--client-first is for --forward; under Tor it is always so")
	case o.forward == "" && !pt.Managed():
		return nil, daemon.Usagef("Tor did not start this: put \"ServerTransportPlugin flashproxy exec PATH\" into torrc; " +
			"to serve something else, give --forward HOST:PORT")
	case o.forward != "" && pt.Managed():
		return nil, daemon.Usagef("under Tor connections go to Tor: take --forward out of ServerTransportPlugin in torrc")
	}
	if err := o.tls.check(f); err != nil {
		return nil, err
	}
	var err error
	if o.proxies, err = daemon.Prefixes("trusted-proxies", o.trusted); err != nil {
		return nil, err
	}
	o.maxConns = cmp.Or(o.maxConns, connsFor(maxOpenFiles()))
	if o.forward == "" {
		return o, nil
	}
	return o, o.checkForward()
}

// checkForward completes o for use without Tor.
func (o *options) checkForward() error {
	if _, port, err := net.SplitHostPort(o.forward); err != nil || checkPort(port, 1) != nil {
		return daemon.Usagef("--forward: want HOST:PORT, not %q", o.forward)
	}
	if len(o.listen) == 0 {
		o.listen = []string{""}
	}
	for i, s := range o.listen {
		address, err := listenAddress(s)
		if err != nil {
			return daemon.Usagef("--listen: want [HOST][:PORT], not %q", s)
		}
		o.listen[i] = address
	}
	return nil
}

// listenAddress fills in the port of "", "1.2.3.4", "[::1]" and "name".
func listenAddress(s string) (string, error) {
	withPort := s + ":" + strconv.Itoa(registration.DefaultRelayPort)
	if _, _, err := net.SplitHostPort(withPort); err == nil {
		return withPort, nil
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", err
	}
	return s, checkPort(port, 0)
}

func checkPort(s string, least uint64) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && n < least {
		err = errors.New("out of range")
	}
	return err
}

// connsFor is how many connections so many open files are enough for.
func connsFor(files uint64) int {
	if files < 2*spareFiles {
		return int(max(files/2/filesPerConn, 1))
	}
	return int(min((files-spareFiles)/filesPerConn, mostConns))
}
