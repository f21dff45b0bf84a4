package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/net/netutil"

	"flashproxy/internal/registration"
)

const (
	// firstPause and longPause lie between attempts to get a first certificate: four
	// in the first hour, since Let's Encrypt stops listening after five that failed.
	firstPause = 5 * time.Minute
	longPause  = time.Hour

	// checkEvery is how often a certificate's dates are looked at.
	checkEvery = time.Hour

	// challengeTimeout is for one request on the port for challenges, and
	// maxChallenges is how many may be open: a certificate authority asks from a
	// handful of places at once.
	challengeTimeout = 10 * time.Second
	maxChallenges    = 64
)

// ACMEOptions say which certificates to get (RFC 8555), and from whom.
type ACMEOptions struct {
	Hostnames []string // each gets a certificate of its own; see CheckHostname
	Email     string   // for the authority to write to; its terms are accepted
	Directory string   // URL of the authority; "" is Let's Encrypt's
	Cache     string   // directory for keys and certificates; made if missing
	HTTP      bool     // whether ServeChallenges will be called
	Logger    *slog.Logger
}

// ACME gets certificates, and renews them with a third of their life left.
type ACME struct {
	hosts   []string
	manager *autocert.Manager
	log     *slog.Logger
	ready   map[string]*atomic.Bool // by host: has a certificate
	http    http.Handler            // nil: only TLS-ALPN-01
}

// NewACME makes the cache directory, mode 0700, and asks nobody anything yet.
func NewACME(o ACMEOptions) (*ACME, error) {
	if err := os.MkdirAll(o.Cache, 0o700); err != nil {
		return nil, fmt.Errorf("make a place for certificates: %w", err)
	}
	// Better now than after the authority was asked.
	probe, err := os.CreateTemp(o.Cache, ".probe")
	if err != nil {
		return nil, fmt.Errorf("write to the place for certificates: %w", err)
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return nil, fmt.Errorf("write to the place for certificates: %w", err)
	}
	a := &ACME{log: o.Logger, ready: make(map[string]*atomic.Bool)}
	for _, h := range o.Hostnames {
		h = strings.ToLower(h)
		if a.ready[h] == nil {
			a.ready[h] = new(atomic.Bool)
			a.hosts = append(a.hosts, h)
		}
	}
	a.manager = &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(o.Cache),
		HostPolicy: autocert.HostWhitelist(a.hosts...),
		Email:      o.Email,
		Client:     &acme.Client{DirectoryURL: o.Directory, UserAgent: "flashproxy"},
	}
	if o.HTTP {
		a.http = a.manager.HTTPHandler(http.NotFoundHandler())
	}
	return a, nil
}

// CheckHostname refuses what no authority gives a certificate for.
func CheckHostname(name string) error {
	a, err := registration.ParseRelayAddr(net.JoinHostPort(name, "443"))
	if err != nil || !strings.Contains(a.Name, ".") {
		return errors.New("want a full host name such as relay.example.org: no address, no port, no wildcard, and letters beyond ASCII in their xn-- form")
	}
	return nil
}

// Config is for a server. It answers TLS-ALPN-01 challenges (RFC 8737), and refuses
// at once whoever asks for another name, or before there is a certificate:
// a connection never waits for the authority.
func (a *ACME) Config() *tls.Config {
	return config(func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
			return a.manager.GetCertificate(hello)
		}
		name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
		if ready := a.ready[name]; ready == nil || !ready.Load() {
			return nil, errors.New("no certificate for this name")
		}
		return a.get(name)
	}, acme.ALPNProto)
}

// get always asks for the certificate with an ECDSA key: for one with an RSA key a
// stranger's hello could start a conversation with the authority.
func (a *ACME) get(name string) (*tls.Certificate, error) {
	return a.manager.GetCertificate(&tls.ClientHelloInfo{
		ServerName:   name,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
}

// Run gets the certificates that are missing, and says so when one is not renewed,
// until ctx ends.
func (a *ACME) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, h := range a.hosts {
		wg.Go(func() {
			if a.obtain(ctx, h) {
				a.watch(ctx, h)
			}
		})
	}
	wg.Wait()
}

// obtain returns false when ctx ended before.
func (a *ACME) obtain(ctx context.Context, host string) bool {
	a.log.Info("getting a certificate, or taking the one that was kept", "name", host)
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		// autocert takes no context, and gives up after 5 minutes; an end of the
		// program does not wait for it.
		result := make(chan error, 1)
		go func() {
			_, err := a.get(host)
			result <- err
		}()
		var err error
		select {
		case err = <-result:
		case <-ctx.Done():
			return false
		}
		if err == nil {
			a.ready[host].Store(true)
			a.log.Info("there is a certificate", "name", host)
			return true
		}
		a.log.Warn("no certificate yet, trying again: this relay must reach the authority, and the authority this relay, under its name, on TCP port 443 or 80",
			"name", host, "again_in", pause, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
}

// watch says once of each certificate when autocert could not renew it, which it
// does not say itself.
func (a *ACME) watch(ctx context.Context, host string) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	told := ""
	for {
		if cert, err := a.get(host); err == nil && cert.Leaf != nil {
			if t := trouble(cert.Leaf, time.Now()); t != told {
				if told = t; t != "" {
					a.log.Warn("the certificate "+t+": can the authority reach this relay on TCP port 443 or 80?", "name", host)
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ServeChallenges answers HTTP-01 challenges (RFC 8555, section 8.3), and everything
// else with 404, until ctx ends or ln fails. It closes ln. The authority comes to
// port 80.
func (a *ACME) ServeChallenges(ctx context.Context, ln net.Listener) error {
	s := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if host, _, err := net.SplitHostPort(r.Host); err == nil {
				r.Host = host // where a port is forwarded, the name comes with the port
			}
			if a.ready[strings.ToLower(r.Host)] == nil {
				http.NotFound(w, r)
				return
			}
			a.http.ServeHTTP(w, r)
		}),
		ReadTimeout:    challengeTimeout,
		WriteTimeout:   challengeTimeout,
		MaxHeaderBytes: 4 << 10,
		ErrorLog:       slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	s.SetKeepAlivesEnabled(false)
	defer context.AfterFunc(ctx, func() { s.Close() })()
	err := s.Serve(netutil.LimitListener(ln, maxChallenges))
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("serve challenges: %w", err)
}
