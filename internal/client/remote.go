package client

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// spareAge is how long a proxy may stand by. Long enough to be there when Tor's
// connection breaks, short enough to let go of a place that a volunteer could use
// for somebody else, or that a stranger took.
const spareAge = 15 * time.Minute

// standBy keeps r as a spare until it is linked (it is then another's), goes
// away, or has stood by for too long.
func (c *Client) standBy(ctx context.Context, a *alternative, r *remote) {
	r.linked = make(chan struct{})
	if err := a.link.addRemote(r); err != nil {
		c.cfg.Logger.Debug("proxy turned away", "proxy", r.conn.RemoteAddr(), "error", err)
		r.conn.Close()
		return
	}
	c.cfg.Logger.Debug("a proxy stands by", "proxy", r.conn.RemoteAddr())
	age := time.NewTimer(spareAge)
	defer age.Stop()
	lost := false
	select {
	case <-r.linked:
		return
	case <-r.conn.gone:
		lost = true
	case <-age.C:
	case <-ctx.Done():
	}
	if a.link.dropRemote(r, lost) {
		r.conn.Close()
	}
}

// sourceOf gives what counts as one source of connections: an IPv4 address, or
// an IPv6 /64, which is what one subscriber has.
func sourceOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap()
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.WithZone("").Prefix(bits) // no error: the bits fit
	return p
}
