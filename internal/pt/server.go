package pt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	goptlib "git.torproject.org/pluggable-transports/goptlib.git"
)

// orTimeout is how long a connection to Tor may take to open; goptlib gives the
// handshake of the Extended ORPort, which follows, as long.
const orTimeout = 5 * time.Second

// Bind is a listener that Tor wants.
type Bind struct {
	Method  string
	Addr    netip.AddrPort      // port 0: any
	Options map[string][]string // ServerTransportOptions of the torrc; nil: none
}

// ServerInfo is how to reach the Tor behind a server transport.
type ServerInfo struct{ info goptlib.ServerInfo }

// Server sets up the server side, in managed mode. For each method that Tor wants
// and that is among methods it calls open, once; open listens, and returns the
// real address. Tor is told of each method how it went.
//
// The error says that Tor's wishes could not be read, or that no method works;
// Tor has been told, and the process should end.
func (t *Tor) Server(methods []string, open func(Bind) (net.Addr, error)) (*ServerInfo, error) {
	if err := t.checkEnvironment(); err != nil {
		return nil, err
	}
	info, err := goptlib.ServerSetup(nil)
	if err != nil {
		return nil, fmt.Errorf("read what Tor wants: %w", err)
	}
	binds := make(map[string]Bind)
	for _, b := range info.Bindaddrs {
		ap := b.Addr.AddrPort()
		binds[b.MethodName] = Bind{b.MethodName, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), b.Options}
	}
	var results []error
	// goptlib leaves out the methods that have no address; Tor should hear of them.
	for _, method := range unique(strings.Split(os.Getenv("TOR_PT_SERVER_TRANSPORTS"), ",")) {
		addr, err := openKnown(methods, method, func(string) (net.Addr, error) {
			b, ok := binds[method]
			if !ok {
				return nil, errors.New("no address in TOR_PT_SERVER_BINDADDR")
			}
			return open(b)
		})
		if err != nil {
			goptlib.SmethodError(method, t.clean(err.Error()))
		} else {
			goptlib.Smethod(method, addr)
		}
		results = append(results, err)
	}
	goptlib.SmethodsDone()
	if err := oneWorks(results); err != nil {
		return nil, err
	}
	return &ServerInfo{info}, nil
}

// DialOR connects to Tor, on its Extended ORPort if it has one, which is told who
// the user is and by which method they came; else on its ORPort, which is not. An
// invalid userAddr is not told. The connection is Tor's from its first byte.
//
// It takes 10 s at most. goptlib knows no context: the deadline of ctx bounds the
// connecting, and its end is noticed before and after, not in the middle.
func (s *ServerInfo) DialOR(ctx context.Context, userAddr netip.AddrPort, method string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("dial Tor: %w", err)
	}
	user := ""
	if userAddr.IsValid() {
		user = netip.AddrPortFrom(userAddr.Addr().Unmap().WithZone(""), userAddr.Port()).String()
	}
	dialer := &net.Dialer{Timeout: orTimeout}
	dialer.Deadline, _ = ctx.Deadline()
	conn, err := goptlib.DialOrWithDialer(dialer, &s.info, user, method)
	if err != nil {
		return nil, fmt.Errorf("dial Tor: %w", err)
	}
	if err := ctx.Err(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("dial Tor: %w", err)
	}
	return conn, nil
}
