package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"flashproxy/internal/client"
	"flashproxy/internal/daemon"
	"flashproxy/internal/registration"
	"flashproxy/internal/socks"
)

// options is the command line, checked.
type options struct {
	external     bool
	others       []string       // alternatives, as given
	alternatives []*alternative // LOCAL and REMOTE are the first

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
	g.StringArrayVar(&o.others, "alternative", nil, "offer this `ALTERNATIVE` too, TRANSPORT,LOCAL,REMOTE or TRANSPORT,LOCAL,REMOTE,[HOST]:PORT; may be given several times (see below)")
	g.BoolVarP(&o.ipv4, "ipv4", "4", false, "register over IPv4 only, so that proxies are told an IPv4 address")
	g.BoolVarP(&o.ipv6, "ipv6", "6", false, "register over IPv6 only")
	g.DurationVar(&o.client.Refresh, "refresh", client.DefaultRefresh, "register again after this `TIME`, while no proxy came")

	g = f.Group("Proxies")
	g.IntVar(&o.client.Proxies, "proxies", client.DefaultProxies, "keep `N` connections from proxies for each alternative, in use or standing by, while Tor wants any")

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
	first := &alternative{remote: address{port: defaultRemotePort}, versions: socks.V5} // what Tor is told
	if o.external {
		first.local.port, first.versions = defaultLocalPort, socks.All
	}
	o.alternatives = []*alternative{first}
	for i, a := range []*address{&first.local, &first.remote} {
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

// checkTarget fills in what is registered, and where; ports are known for sure
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
	first := o.alternatives[0]
	first.endpoint = target.Endpoint
	if err := first.check(); err != nil {
		return daemon.Usagef("--transport: %w", err)
	}
	if err := o.checkOthers(target.Addr.Addr()); err != nil {
		return err
	}
	o.client.Facilitator = target.Facilitator
	var all []client.Alternative
	for _, a := range o.alternatives {
		all = append(all, client.Alternative{Endpoint: a.endpoint})
	}
	if _, err := client.New(o.client, all...); err != nil {
		return daemon.Usagef("%w", err)
	}
	return nil
}

// checkOthers adds what --alternative says. Those that name no host to register are at the
// first one's.
func (o *options) checkOthers(host netip.Addr) error {
	for _, s := range o.others {
		a, err := parseAlternative(s)
		if err == nil {
			err = a.check()
		}
		if err != nil {
			return daemon.Usagef("--alternative %q: %w", s, err)
		}
		if !a.endpoint.Addr.Addr().IsValid() {
			a.endpoint.Addr = netip.AddrPortFrom(host, a.endpoint.Addr.Port())
		}
		o.alternatives = append(o.alternatives, a)
	}
	if len(o.alternatives) > registration.MaxEndpoints {
		return daemon.Usagef("--alternative: a registration has no room for more than %d", registration.MaxEndpoints)
	}
	return nil
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
