package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"flashproxy/internal/browserproxy"
	"flashproxy/internal/daemon"
	"flashproxy/internal/facilitator"
	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// options is the command line, checked.
type options struct {
	listen         []string
	listenSet      bool // by --listen
	relayFile      string
	keyFile        string
	outers         []string
	trusted        []string
	trustedProxies []netip.Prefix
	allowPrivate   bool
	maxWait        time.Duration
	pollInterval   time.Duration
	noPages        bool
	trustedPages   []string
	pages          http.Handler // nil with --no-pages
	pool           pool.Config
	log            daemon.LogOptions
}

func parseOptions(args []string, stdout io.Writer) (*options, error) {
	o := &options{pool: pool.Config{
		TTL: pool.DefaultTTL, Uses: pool.DefaultUses,
		MaxRegistrations: pool.DefaultMaxRegistrations, MaxWaiting: pool.DefaultMaxWaiting,
	}}
	f := daemon.NewFlags(page())
	g := f.Group("Files and sockets")
	g.StringVarP(&o.relayFile, "relay-file", "r", "", "read the relays from `FILE` (required; see below)")
	g.StringVar(&o.keyFile, "key-file", "", "the private key for sealed registrations is in `FILE` (see below)")
	g.StringArrayVar(&o.listen, "listen", []string{":9002"}, "listen on `[HOST]:PORT`; may be given several times")
	g.StringSliceVar(&o.trusted, "trusted-proxies", nil, "take the word of reverse proxies in these `PREFIXES` for where a request comes from (see below)")

	g = f.Group("Matching")
	g.IntVar(&o.pool.Uses, "proxies-per-client", o.pool.Uses, "give each registration to `N` proxies")
	g.DurationVar(&o.pool.TTL, "registration-ttl", o.pool.TTL, "forget a registration after this `TIME`")
	g.DurationVar(&o.pollInterval, "poll-interval", facilitator.DefaultPollInterval, "tell proxies that do not wait to poll every `TIME`")
	g.StringSliceVar(&o.outers, "outer-transports", defaultOuters(), "the outer transports that clients may register, `NAMES` with commas between (see below)")

	g = f.Group("Limits")
	g.DurationVar(&o.maxWait, "max-wait", facilitator.DefaultMaxWait, "hold a poll no longer than this `TIME`; 0 holds none")
	g.IntVar(&o.pool.MaxWaiting, "max-waiting", o.pool.MaxWaiting, "hold `N` polls at most, answer the others at once")
	g.IntVar(&o.pool.MaxRegistrations, "max-registrations", o.pool.MaxRegistrations, "keep `N` registrations at most")
	g.BoolVar(&o.allowPrivate, "allow-private-addresses", false, "accept clients and relays that are not on the public Internet: for tests on one machine")

	g = f.Group("Pages")
	g.BoolVar(&o.noPages, "no-pages", false, "do not serve the pages by which a browser becomes a proxy (see below)")
	g.StringSliceVar(&o.trustedPages, "trusted-pages", nil, "let links to these pages, `NAMES` of proxy, embed and options with commas between, say where a visitor's browser connects (see below)")

	o.log.AddFlags(f.Group("Log"))
	if err := f.Parse(args, stdout); err != nil {
		return nil, err
	}
	if len(f.Args()) > 0 {
		return nil, daemon.Usagef("unexpected argument %q", f.Args()[0])
	}
	o.listenSet = f.Changed("listen")
	return o, o.check()
}

// check completes o. Errors are usage errors.
func (o *options) check() error {
	if o.relayFile == "" {
		return daemon.Usagef("--relay-file is required")
	}
	for _, l := range o.listen {
		if _, _, err := net.SplitHostPort(l); err != nil {
			return daemon.Usagef("--listen: want [HOST]:PORT, not %q", l)
		}
	}
	for _, t := range o.outers {
		if parsed, err := registration.ParseTransport(t); err != nil || parsed.Inner != "" {
			return daemon.Usagef("--outer-transports: %q is not the name of one", t)
		}
	}
	if len(o.outers) == 0 {
		return daemon.Usagef("--outer-transports: want one at least")
	}
	var err error
	if o.trustedProxies, err = daemon.Prefixes("trusted-proxies", o.trusted); err != nil {
		return err
	}
	if o.keyFile == "" {
		path, err := defaultKeyFile()
		if err != nil {
			return daemon.Usagef("--key-file: no place for it by default (%w): give one", err)
		}
		o.keyFile = path
	}
	if err := o.checkPages(); err != nil {
		return err
	}
	return o.checkNumbers()
}

func (o *options) checkPages() error {
	if o.noPages {
		if len(o.trustedPages) > 0 {
			return daemon.Usagef("--trusted-pages: there are none with --no-pages")
		}
		return nil
	}
	var err error
	o.pages, err = browserproxy.Handler(browserproxy.Config{AllowPrivate: o.allowPrivate, TrustedPages: o.trustedPages})
	if err != nil {
		return daemon.Usagef("--trusted-pages: %w", err)
	}
	return nil
}

// minPollInterval is from doc/protocol.md.
const minPollInterval = 10 * time.Second

func (o *options) checkNumbers() error {
	const day = registration.MaxSeconds * time.Second
	for _, d := range []struct {
		flag      string
		value     time.Duration
		low, high time.Duration
	}{
		{"registration-ttl", o.pool.TTL, time.Second, day},
		{"poll-interval", o.pollInterval, minPollInterval, day},
		{"max-wait", o.maxWait, 0, day},
	} {
		if d.value < d.low || d.value > d.high {
			return daemon.Usagef("--%s: want %v to %v, not %v", d.flag, d.low, d.high, d.value)
		}
	}
	for _, n := range []struct {
		flag  string
		value int
	}{
		{"proxies-per-client", o.pool.Uses},
		{"max-waiting", o.pool.MaxWaiting},
		{"max-registrations", o.pool.MaxRegistrations},
	} {
		if n.value < 1 {
			return daemon.Usagef("--%s: want 1 or more, not %d", n.flag, n.value)
		}
	}
	return nil
}

// defaultKeyFile is in systemd's StateDirectory=, the first if there are
// several, or where the user's programs keep such things.
func defaultKeyFile() (string, error) {
	const name = "facilitator.key"
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return filepath.Join(dir, name), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "flashproxy", name), nil
}

// config is what the role needs.
func (o *options) config(p pool.Pool, key registration.PrivateKey, log *slog.Logger) facilitator.Config {
	return facilitator.Config{
		Pool:           p,
		Outers:         o.outers,
		Key:            key,
		AllowPrivate:   o.allowPrivate,
		TrustedProxies: o.trustedProxies,
		MaxWait:        o.maxWait,
		PollInterval:   o.pollInterval,
		Pages:          o.pages,
		Logger:         log,
	}
}

// listeners are systemd's sockets, and those of --listen unless that is the
// default and there are some already.
func (o *options) listeners(ctx context.Context) ([]net.Listener, error) {
	listeners, err := daemon.Listeners()
	if err != nil {
		return nil, err
	}
	if len(listeners) > 0 && !o.listenSet {
		return listeners, nil
	}
	for _, address := range o.listen {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			closeAll(listeners)
			return nil, fmt.Errorf("listen: %w", err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}
