// Package memnet is a network in memory for tests: connections that behave as
// TCP does where programs notice it (bounded buffers that block the writer,
// half-close, reset, deadlines, *net.OpError, *net.TCPAddr), and listeners that
// can be dialled from any address.
//
// Every call that blocks does so on a sync.Cond or a channel, and holds no
// mutex meanwhile, so testing/synctest sees it as durably blocked.
//
// It is not a simulation of TCP: there is no latency, no segment and no loss.
package memnet

import (
	"net"
	"net/netip"
)

// DefaultBuffer is how many bytes each way are held between a Write and the
// Read that takes them, unless SetReadBuffer says otherwise.
const DefaultBuffer = 64 << 10

// The addresses of connections that nobody gave any: RFC 6335 counts ports from
// 49152 as dynamic.
const (
	pipePortA     = 49152
	pipePortB     = 49153
	firstDialPort = 49154
)

// Pipe returns the two ends of one connection on 127.0.0.1.
func Pipe() (a, b *Conn) {
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return PipeAddrs(netip.AddrPortFrom(host, pipePortA), netip.AddrPortFrom(host, pipePortB))
}

// PipeAddrs is Pipe with addresses of the caller's choice: a is local to the
// first end and remote to the second, b the other way round.
func PipeAddrs(a, b netip.AddrPort) (atA, atB *Conn) {
	toA, toB := newStream(), newStream()
	addrA, addrB := net.TCPAddrFromAddrPort(a), net.TCPAddrFromAddrPort(b)
	return &Conn{in: toA, out: toB, local: addrA, remote: addrB},
		&Conn{in: toB, out: toA, local: addrB, remote: addrA}
}
