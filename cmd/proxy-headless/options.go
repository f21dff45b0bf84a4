package main

import (
	"io"
	"net/netip"
	"time"

	"flashproxy/internal/daemon"
	"flashproxy/internal/proxy"
	"flashproxy/internal/registration"
)

// options is the command line, checked.
type options struct {
	facilitators  []string
	client, relay string
	rateLimit     string
	transports    []string // nil: all
	proxy         proxy.Config
	log           daemon.LogOptions
}

func parseOptions(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	f := daemon.NewFlags(page)
	g := f.Group("Whom to serve")
	g.StringArrayVarP(&o.facilitators, "facilitator", "f", nil, "ask the facilitator at `URL` for clients; may be given several times: the next is asked when one fails")
	g.StringVar(&o.client, "client", "", "serve the client at `ADDRESS:PORT`, and ask no facilitator")
	g.StringVar(&o.relay, "relay", "", "connect that client to the relay at `ADDRESS:PORT`")
	g.StringSliceVar(&o.transports, "transports", nil, "open only these outer transports to clients and relays, `NAMES` with commas between (default: all, which are "+names(dialers(nil))+")")
	g.BoolVar(&o.proxy.AllowPrivate, "allow-private-addresses", false, "go wherever the facilitator says, also to addresses that are not on the public Internet: for tests on one machine")

	g = f.Group("How much")
	g.IntVar(&o.proxy.MaxClients, "max-clients", proxy.DefaultMaxClients, "serve `N` clients at once at most")
	g.IntVar(&o.proxy.ConnsPerClient, "connections-per-client", proxy.DefaultConnsPerClient, "open `N` connections to each client")
	g.StringVar(&o.rateLimit, "ratelimit", "off", "carry `RATE` bytes a second at most, all connections and both ways together: a number with or without K, M or G (powers of 1024), or \"off\"")
	g.DurationVar(&o.proxy.PollInterval, "poll-interval", 0, "ask for clients every `TIME` (default: as the facilitator says)")
	g.DurationVar(&o.proxy.Drain, "drain", proxy.DefaultDrain, "let connections go on for this `TIME` when asked to end")

	o.log.AddFlags(f.Group("Log"))
	if err := f.Parse(args, stdout); err != nil {
		return nil, err
	}
	if len(f.Args()) > 0 {
		return nil, daemon.Usagef("unexpected argument %q", f.Args()[0])
	}
	return o, o.check(f)
}

// check completes o. Errors are usage errors.
func (o *options) check(f *daemon.Flags) error {
	given := f.Changed("client") || f.Changed("relay")
	switch {
	case given && len(o.facilitators) > 0:
		return daemon.Usagef("want either --facilitator, or --client and --relay")
	case given && (o.client == "" || o.relay == ""):
		return daemon.Usagef("--client and --relay go together")
	case given && o.transports != nil:
		return daemon.Usagef("--transports is for --facilitator: --client and --relay are reached by %s", registration.DefaultOuter)
	case given:
		if err := o.checkGiven(); err != nil {
			return err
		}
	case len(o.facilitators) == 0:
		return daemon.Usagef("whom to serve? Want --facilitator URL, or --client and --relay")
	}
	for _, s := range o.facilitators {
		u, err := registration.ParseFacilitator(s)
		if err != nil {
			return daemon.Usagef("--facilitator %q: %w", s, err)
		}
		o.proxy.Facilitators = append(o.proxy.Facilitators, u)
	}
	return o.checkNumbers()
}

func (o *options) checkGiven() error {
	client, err := registration.ParseAddrPort(o.client)
	if err != nil {
		return daemon.Usagef("--client %q: %w", o.client, err)
	}
	relay, err := registration.ParseRelayAddr(o.relay)
	if err != nil {
		return daemon.Usagef("--relay %q: %w", o.relay, err)
	}
	o.proxy.Given = &registration.Match{
		Client: client, ClientOuter: registration.DefaultOuter,
		Relay: relay, RelayOuter: registration.DefaultOuter,
	}
	return nil
}

func (o *options) checkNumbers() error {
	for _, n := range []struct {
		flag  string
		value int
	}{
		{"max-clients", o.proxy.MaxClients},
		{"connections-per-client", o.proxy.ConnsPerClient},
	} {
		if n.value < 1 {
			return daemon.Usagef("--%s: want 1 or more, not %d", n.flag, n.value)
		}
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"poll-interval", o.proxy.PollInterval},
		{"drain", o.proxy.Drain},
	} {
		if d.value < 0 {
			return daemon.Usagef("--%s: want a time such as 30s, not %v", d.flag, d.value)
		}
	}
	var err error
	if o.proxy.Limiter, err = proxy.ParseRate(o.rateLimit); err != nil {
		return daemon.Usagef("--ratelimit %q: %w", o.rateLimit, err)
	}
	return nil
}

// allow says where connections may go; nil is anywhere. Of a pair that the user
// gave on the command line the user knows best.
func (o *options) allow() func(netip.Addr) bool {
	if o.proxy.AllowPrivate || o.proxy.Given != nil {
		return nil
	}
	return registration.IsGlobal
}
