// Package tcpconn is the outer transport "tcp": plain TCP connections, opened and
// accepted with care. It adds nothing to the bytes and has no handshake: whoever
// connects is connected, and a peer says nothing of itself.
//
// Its Dialer is also what others nest over which begin with a TCP connection: it
// is the one place that asks whether an address may be dialled.
//
// A peer that is gone is noticed by TCP keep-alive when nothing was sent to it, and
// otherwise when TCP gives up sending again, which takes Linux a quarter of an hour.
package tcpconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// keepAlive asks a silent peer every 30 s, which keeps the mappings of routers
// alive, and gives it up after 2½ minutes. RFC 1122 (section 4.2.3.5) asks for at least
// 100 s before a connection is given up.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 30 * time.Second, Count: 4}

// ErrNotAllowed says that Dialer.Allow refused an address.
var ErrNotAllowed = errors.New("address not allowed")

// Dialer opens connections. The zero value opens any.
type Dialer struct {
	// Allow says whether an address may be dialled; nil allows any. It is asked
	// for the very address of each attempt, after the name look-up, so that no name
	// can hide one; IPv4 within IPv6 is shown as IPv4.
	Allow func(netip.Addr) bool
}

// Dial connects to "HOST:PORT", of which the host may be a name. Only ctx bounds
// how long it takes. The connection is a *net.TCPConn. The error is ErrNotAllowed if
// no address of the host was allowed.
func (d Dialer) Dial(ctx context.Context, address string) (net.Conn, error) {
	return d.DialContext(ctx, "tcp", address)
}

// DialContext is Dial for "tcp", "tcp4" or "tcp6", as libraries want it.
func (d Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{ControlContext: d.control, KeepAliveConfig: keepAlive}
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("dial tcp: %w", err)
	}
	return c, nil
}

// control runs for each socket before it connects.
func (d Dialer) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	if d.Allow == nil {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !d.Allow(ap.Addr().Unmap()) {
		return ErrNotAllowed
	}
	return nil
}
