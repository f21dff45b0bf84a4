package wsconn

import (
	"net"
	"net/netip"
	"sync"
)

// gate is the listener below a Listener. It bounds how many connections are
// pending: those whose handshake is not done, and those that were not accepted
// yet. It closes the excess at once.
type gate struct {
	net.Listener
	most, mostPerAddr int
	exempt            []netip.Prefix // from mostPerAddr

	mu      sync.Mutex
	closed  bool
	places  map[*place]struct{}
	perAddr map[netip.Prefix]int
	empty   sync.WaitGroup // of places
}

func newGate(ln net.Listener, most, mostPerAddr int) *gate {
	return &gate{
		Listener:    ln,
		most:        most,
		mostPerAddr: mostPerAddr,
		places:      make(map[*place]struct{}),
		perAddr:     make(map[netip.Prefix]int),
	}
}

// Accept returns the next connection there is room for, a *place.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if p := g.enter(conn); p != nil {
			return p, nil
		}
		conn.Close()
	}
}

// enter returns nil if there is no room.
func (g *gate) enter(conn net.Conn) *place {
	from := origin(conn.RemoteAddr())
	bounded := g.mostPerAddr >= 0 && !contains(g.exempt, addrOf(conn.RemoteAddr().String()))
	g.mu.Lock()
	defer g.mu.Unlock()
	full := len(g.places) >= g.most || bounded && g.perAddr[from] >= g.mostPerAddr
	if g.closed || full {
		return nil
	}
	p := &place{Conn: conn, gate: g, from: from}
	g.places[p] = struct{}{}
	g.perAddr[from]++
	g.empty.Add(1)
	return p
}

// shut lets nobody in any more; it returns false the second time.
func (g *gate) shut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := !g.closed
	g.closed = true
	return first
}

// closeAll closes the connections that are still in their places. (net/http
// closes those it knows of; it does not know one that it has just accepted.)
func (g *gate) closeAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.places {
		p.Conn.Close()
	}
}

// unlessShut runs f while shut cannot happen, or not at all after it.
func (g *gate) unlessShut(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	f()
	return true
}

// place is a pending connection.
type place struct {
	net.Conn
	gate *gate
	from netip.Prefix
}

// leave makes room; the connection goes on.
func (p *place) leave() {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.places[p]; !ok {
		return
	}
	delete(g.places, p)
	if g.perAddr[p.from]--; g.perAddr[p.from] == 0 {
		delete(g.perAddr, p.from)
	}
	g.empty.Done()
}

// Close is for net/http, when no WebSocket came of it.
func (p *place) Close() error {
	defer p.leave()
	return p.Conn.Close()
}

// origin is what connections are counted by: one IPv4 address, or the /64 that
// an IPv6 host usually has to itself. Those that are not TCP are counted together.
func origin(a net.Addr) netip.Prefix {
	addr := addrOf(a.String())
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}

// addrOf gives the address in ADDRESS:PORT, the zero Addr if there is none.
func addrOf(s string) netip.Addr {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
