package pt

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	goptlib "git.torproject.org/pluggable-transports/goptlib.git"
)

// Client sets up the client side, in managed mode. For each method that Tor wants
// and that is among methods it calls open, once; open starts to accept SOCKS5 and
// returns the address for Tor. Tor is told of each method how it went.
//
// Tor names its upstream proxy to all transports alike. None is supported, but one
// of our own ports, as ours says (nil: none is), is taken for what it is: meant for another
// transport, which comes through here.
//
// The error says that Tor's wishes could not be read, or that no method works;
// Tor has been told, and the process should end.
func (t *Tor) Client(methods []string, ours func(netip.AddrPort) bool, open func(method string) (net.Addr, error)) error {
	if err := t.checkEnvironment(); err != nil {
		return err
	}
	info, err := goptlib.ClientSetup(nil)
	switch {
	case err != nil && isReported(err):
		return fmt.Errorf("read what Tor wants: %w", err)
	case err == nil && info.ProxyURL != nil && isOurs(info.ProxyURL, ours):
		goptlib.ProxyDone()
	case err != nil || info.ProxyURL != nil:
		// goptlib's only other error is a TOR_PT_PROXY that it cannot parse.
		return goptlib.ProxyError("an upstream proxy is not supported, because flash proxies connect to this computer: " +
			"take Socks4Proxy, Socks5Proxy or HTTPSProxy out of torrc")
	}
	results := make([]error, 0, len(info.MethodNames))
	for _, method := range unique(info.MethodNames) {
		addr, err := openKnown(methods, method, open)
		if err != nil {
			goptlib.CmethodError(method, t.clean(err.Error()))
		} else {
			goptlib.Cmethod(method, "socks5", addr)
		}
		results = append(results, err)
	}
	goptlib.CmethodsDone()
	return oneWorks(results)
}

func isOurs(proxy *url.URL, ours func(netip.AddrPort) bool) bool {
	a, err := netip.ParseAddrPort(proxy.Host)
	return err == nil && ours != nil && ours(a)
}

var errNoSuchMethod = errors.New("no such method")

func openKnown(methods []string, method string, open func(string) (net.Addr, error)) (net.Addr, error) {
	if !slices.Contains(methods, method) {
		return nil, errNoSuchMethod
	}
	return open(method)
}

// oneWorks returns nil when one of the results is.
func oneWorks(results []error) error {
	if slices.Contains(results, nil) {
		return nil
	}
	return fmt.Errorf("none of the transports that Tor wants works: %w", errors.Join(results...))
}

func unique(names []string) []string {
	var all []string
	for _, n := range names {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// isReported tells goptlib's errors that it has already written as a line.
func isReported(err error) bool {
	return strings.HasPrefix(err.Error(), "ENV-ERROR ") || strings.HasPrefix(err.Error(), "VERSION-ERROR ")
}

// checkEnvironment refuses what no line for Tor can hold: goptlib would panic when
// it quotes such a variable in an error.
func (t *Tor) checkEnvironment() error {
	for _, kv := range os.Environ() {
		key, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(key, "TOR_PT_") && strings.ContainsFunc(value, isUnsafe) && !isPath(key) {
			line := "ENV-ERROR " + t.clean(key) + " has bytes that are not printable ASCII"
			fmt.Fprintln(t.out, line)
			return errors.New(line)
		}
	}
	return nil
}

func isUnsafe(r rune) bool { return r < ' ' || r > '~' }

// isPath tells the variables that goptlib never quotes and that may have any
// bytes.
func isPath(key string) bool {
	return key == "TOR_PT_STATE_LOCATION" || key == "TOR_PT_AUTH_COOKIE_FILE"
}
