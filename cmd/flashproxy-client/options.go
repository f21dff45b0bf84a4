package main

import (
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"flashproxy/internal/client"
	"flashproxy/internal/daemon"
	"flashproxy/internal/registration"
)

// options is the command line, checked.
type options struct {
	external      bool
	local, remote address

	register     bool
	registerAddr string
	facilitator  string
	pubkey       string
	transport    string
	ipv4, ipv6   bool

	client client.Config
	log    daemon.LogOptions
}

// Default ports. A managed SOCKS port is for Tor alone, which is told what it is.
const (
	defaultLocalPort  = 9001
	defaultRemotePort = 9000
)

func parseOptions(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	f := daemon.NewFlags(page())
	g := f.Group("How Tor runs it")
	g.BoolVar(&o.external, "external", false, "be run by hand, not by Tor: listen for SOCKS4, SOCKS4a and SOCKS5 on LOCAL")

	g = f.Group("Registration")
	g.BoolVarP(&o.register, "register", "r", false, "register with the facilitator that proxies are wanted")
	g.StringVarP(&o.facilitator, "facilitator", "f", "", "the facilitator's `URL`")
	g.StringVar(&o.registerAddr, "register-addr", "", "tell proxies to connect to `[HOST]:PORT` (default: REMOTE's port, at the address that the facilitator sees)")
	g.StringVar(&o.pubkey, "facilitator-pubkey", "", "the facilitator's public `KEY`, 43 characters, to seal registrations")
	g.StringSliceVar(&o.client.Methods, "register-methods", nil, "ways to register, `NAMES` with commas between, tried in order: http, url (default: url,http with a key and an address of one's own, else http)")
	g.StringVar(&o.transport, "transport", registration.DefaultOuter, "register this `TRANSPORT`: INNER|OUTER, or OUTER for plain Tor within")
	g.BoolVarP(&o.ipv4, "ipv4", "4", false, "register over IPv4 only, so that proxies are told an IPv4 address")
	g.BoolVarP(&o.ipv6, "ipv6", "6", false, "register over IPv6 only")
	g.DurationVar(&o.client.Refresh, "refresh", client.DefaultRefresh, "register again after this `TIME`, while no proxy came")

	g = f.Group("Proxies")
	g.IntVar(&o.client.Proxies, "proxies", client.DefaultProxies, "keep `N` connections from proxies, in use or standing by, while Tor wants any")

	o.log.AddFlags(f.Group("Log"))
	if err := f.Parse(args, stdout); err != nil {
		return nil, err
	}
	return o, o.check(f.Args())
}

// check completes o. Errors are usage errors.
func (o *options) check(args []string) error {
	if len(args) > 2 {
		return daemon.Usagef("want at most two arguments, LOCAL and REMOTE, not %d", len(args))
	}
	o.local, o.remote = address{}, address{port: defaultRemotePort}
	if o.external {
		o.local.port = defaultLocalPort
	}
	for i, a := range []*address{&o.local, &o.remote} {
		if i >= len(args) {
			break
		}
		if err := a.parse(args[i]); err != nil {
			return daemon.Usagef("%q: %w", args[i], err)
		}
	}
	switch {
	case o.ipv4 && o.ipv6:
		return daemon.Usagef("--ipv4 and --ipv6 exclude each other; without either both are used")
	case o.ipv4:
		o.client.Network = "tcp4"
	case o.ipv6:
		o.client.Network = "tcp6"
	}
	switch {
	case o.client.Proxies < 1:
		return daemon.Usagef("--proxies: want 1 or more, not %d", o.client.Proxies)
	case o.client.Refresh <= 0:
		return daemon.Usagef("--refresh: want a time such as 150s, not %v", o.client.Refresh)
	case o.external && o.register && o.facilitator == "":
		return daemon.Usagef("--register needs --facilitator URL")
	case o.facilitator != "" && !o.register:
		return daemon.Usagef("--facilitator without --register has no effect: add --register")
	}
	return o.checkTarget()
}

// checkTarget fills in what is registered; the port of Remote is known for sure
// only when it listens.
func (o *options) checkTarget() error {
	args := map[string][]string{}
	for key, value := range map[string]string{
		"url": o.facilitator, "pubkey": o.pubkey, "transport": o.transport, "remote": o.registerAddr,
	} {
		if value != "" {
			args[key] = []string{value}
		}
	}
	// Of equal meaning as in a Bridge line, so checked by the same code.
	target, err := client.Target{}.Override(args)
	if err != nil {
		return daemon.Usagef("%s", flagNames(err))
	}
	if known := listeners(nil); known[target.Transport.Outer] == nil {
		return daemon.Usagef("--transport: REMOTE can't speak %q; the known outer transports are %s",
			target.Transport.Outer, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	o.client.Target = target
	if _, err := client.New(o.client); err != nil {
		return daemon.Usagef("%w", err)
	}
	return nil
}

// listensOn completes the target with the port that REMOTE got.
func (o *options) listensOn(port uint16) {
	if o.client.Target.Remote.Port() == 0 {
		o.client.Target.Remote = netip.AddrPortFrom(o.client.Target.Remote.Addr(), port)
	}
}

// flagNames puts the names of flags where an error has those of Bridge arguments.
func flagNames(err error) string {
	text := err.Error()
	for arg, flag := range map[string]string{
		"url=": "--facilitator", "pubkey=": "--facilitator-pubkey", "transport=": "--transport", "remote=": "--register-addr",
	} {
		if rest, ok := strings.CutPrefix(text, arg+":"); ok {
			return fmt.Sprintf("%s:%s", flag, rest)
		}
	}
	return text
}
