package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// address is [HOST][:PORT] of the command line; without a host it stands for
// both families.
type address struct {
	host netip.Addr // not valid: none was given
	port uint16     // 0: any
}

// parse puts over a what s gives: "", "HOST", ":PORT" or "HOST:PORT", with a
// numeric host, in brackets when it is IPv6 and a port follows.
func (a *address) parse(s string) error {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && (strings.IndexByte(s, ':') == i || strings.HasPrefix(s, "[") && i > strings.IndexByte(s, ']')) {
		host, port = s[:i], s[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return errors.New("the port is not a number from 0 to 65535")
		}
		a.port = uint16(n)
	}
	if host == "" {
		return nil
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if err != nil {
		return errors.New("want [HOST][:PORT] with a numeric host, such as :9000 or 192.0.2.1:9000 or [2001:db8::1]:9000")
	}
	a.host = ip.Unmap()
	return nil
}

// listen opens a on its host, or on def4 and def6 where it has none: one that
// can't be opened is skipped with a warning as long as the other can. Both get the same port.
func (a address) listen(log *slog.Logger, what string, def4, def6 netip.Addr) ([]net.Listener, error) {
	hosts := []netip.Addr{a.host}
	if !a.host.IsValid() {
		hosts = []netip.Addr{def4, def6}
	}
	var open []net.Listener
	var errs []error
	port := a.port
	for _, host := range hosts {
		network := "tcp6" // Go then leaves IPv4 to the other listener
		if host.Is4() {
			network = "tcp4"
		}
		ln, err := net.Listen(network, netip.AddrPortFrom(host, port).String())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		open = append(open, ln)
		port = portOf(ln)
		log.Info("listening", "for", what, "family", network, "port", port)
	}
	if len(open) == 0 {
		return nil, fmt.Errorf("listen for %s on port %d: %w; is it running already, or is the port named twice? Give another port", what, a.port, errors.Join(errs...))
	}
	for _, err := range errs {
		log.Warn("skipped one address", "for", what, "error", err)
	}
	return open, nil
}

func portOf(ln net.Listener) uint16 { return ln.Addr().(*net.TCPAddr).AddrPort().Port() }

func closeAll(listeners []net.Listener) {
	for _, ln := range listeners {
		ln.Close()
	}
}
