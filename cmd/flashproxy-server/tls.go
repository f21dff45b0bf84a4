package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/pflag"

	"flashproxy/internal/certs"
	"flashproxy/internal/daemon"
	"flashproxy/internal/pt"
)

// tlsOptions say where the relay's certificate comes from. With none of them there
// is no TLS.
type tlsOptions struct {
	cert, key string
	hostnames []string
	email     string
	http      string // where to listen for HTTP-01; "" or "off": nowhere
	directory string
	cache     string
}

func (o *tlsOptions) addFlags(g *pflag.FlagSet) {
	g.StringVar(&o.cert, "tls-cert", "", "speak TLS, with the certificate and its chain in `FILE` (PEM); read again when it changes")
	g.StringVar(&o.key, "tls-key", "", "the private key is in `FILE` (PEM)")
	g.StringSliceVar(&o.hostnames, "acme-hostnames", nil, "speak TLS, and get certificates for these `NAMES` of the relay, commas between, from Let's Encrypt")
	g.StringVar(&o.email, "acme-email", "", "your `ADDRESS`, for the authority to write to. By giving it you accept the authority's terms of service")
	g.StringVar(&o.http, "acme-http", ":80", "answer HTTP-01 challenges on `[HOST]:PORT`, which has to be port 80 from outside; \"off\" leaves TLS-ALPN-01, on port 443")
	g.StringVar(&o.directory, "acme-directory", "", "get certificates from the ACME authority at `URL` instead")
	g.StringVar(&o.cache, "acme-cache", "", "keep keys and certificates in `DIR` (see below)")
}

// check completes o. Errors are usage errors.
func (o *tlsOptions) check(f *daemon.Flags) error {
	acme := len(o.hostnames) > 0
	switch {
	case (o.cert == "") != (o.key == ""):
		return daemon.Usagef("--tls-cert and --tls-key go together")
	case o.cert != "" && acme:
		return daemon.Usagef("want either --tls-cert and --tls-key, or --acme-hostnames")
	case acme:
		return o.checkACME()
	}
	for _, name := range []string{"acme-hostnames", "acme-email", "acme-http", "acme-directory", "acme-cache"} {
		if f.Changed(name) {
			return daemon.Usagef("--%s is of no use without --acme-hostnames NAMES", name)
		}
	}
	return nil
}

func (o *tlsOptions) checkACME() error {
	for _, h := range o.hostnames {
		if err := certs.CheckHostname(h); err != nil {
			return daemon.Usagef("--acme-hostnames: %q: %w", h, err)
		}
	}
	if o.email == "" {
		return daemon.Usagef("--acme-hostnames wants --acme-email ADDRESS too, for the authority to write to; by giving it you accept the authority's terms")
	}
	if a, err := mail.ParseAddress(o.email); err != nil || a.Address != o.email {
		return daemon.Usagef("--acme-email: want an address such as you@example.org, not %q", o.email)
	}
	if o.http == "off" {
		o.http = ""
	}
	if _, port, err := net.SplitHostPort(o.http); o.http != "" && (err != nil || checkPort(port, 0) != nil) {
		return daemon.Usagef("--acme-http: want [HOST]:PORT or \"off\", not %q", o.http)
	}
	if u, err := url.Parse(o.directory); o.directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return daemon.Usagef("--acme-directory: want an https URL, not %q", o.directory)
	}
	if o.cache == "" {
		var err error
		if o.cache, err = defaultCache(); err != nil {
			return daemon.Usagef("--acme-cache: no place for it by default (%w): give one", err)
		}
	}
	return nil
}

// defaultCache is where Tor, or systemd's StateDirectory=, has room for us, or where a
// user's programs keep such things (XDG Base Directory Specification).
func defaultCache() (string, error) {
	const name = "acme"
	if dir := os.Getenv("TOR_PT_STATE_LOCATION"); pt.Managed() && dir != "" {
		return filepath.Join(dir, name), nil
	}
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return filepath.Join(dir, name), nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "flashproxy", name), nil
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, ".local", "state", "flashproxy", name), nil
}

// security is TLS, set up; its zero value is none.
type security struct {
	config *tls.Config
	pair   *certs.Pair // or nil
	acme   *certs.ACME // or nil
	http   string
}

// load reads what has to be there. Errors are usage errors.
func (o *tlsOptions) load(log *slog.Logger) (security, error) {
	switch {
	case o.cert != "":
		pair, err := certs.LoadPair(o.cert, o.key, log)
		if err != nil {
			return security{}, daemon.Usagef("--tls-cert, --tls-key: %w: give PEM files that belong together and that this user may read", err)
		}
		return security{config: pair.Config(), pair: pair}, nil
	case len(o.hostnames) > 0:
		acme, err := certs.NewACME(certs.ACMEOptions{
			Hostnames: o.hostnames, Email: o.email, Directory: o.directory,
			Cache: o.cache, HTTP: o.http != "", Logger: log,
		})
		if err != nil {
			return security{}, daemon.Usagef("--acme-cache: %w: give a directory that this user may write to", err)
		}
		return security{config: acme.Config(), acme: acme, http: o.http}, nil
	}
	return security{}, nil
}

// start keeps the certificates fresh until stop is called.
func (s security) start(ctx context.Context, log *slog.Logger) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	stop = func() { cancel(); wg.Wait() }
	if s.pair != nil {
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		wg.Go(func() {
			defer signal.Stop(hup)
			for {
				select {
				case <-hup:
					s.pair.Reload()
				case <-ctx.Done():
					return
				}
			}
		})
	}
	if s.http != "" {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", s.http)
		if err != nil {
			stop()
			return nil, fmt.Errorf("--acme-http: open a listener: %w: allow it (CAP_NET_BIND_SERVICE), or forward port 80 to another port and name that, or turn it off", err)
		}
		log.Info("listening", "for", "challenges", "port", ln.Addr().(*net.TCPAddr).Port)
		wg.Go(func() {
			if err := s.acme.ServeChallenges(ctx, ln); err != nil {
				log.Error("certificates can't be had by HTTP-01 any more", "err", err)
			}
		})
	}
	if s.acme != nil {
		wg.Go(func() { s.acme.Run(ctx) })
	}
	return stop, nil
}
