package memnet

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// backlog is how many connections wait for Accept before Dial waits too; SOMAXCONN
// was 128 for most of TCP's life.
const backlog = 128

// Listener is a net.Listener in memory. Only those who have it can dial it:
// there are no names, and two listeners may have the same address.
type Listener struct {
	addr    netip.AddrPort
	slots   chan struct{} // one for each connection in waiting
	waiting chan *Conn
	closed  chan struct{}

	mu       sync.Mutex // of what follows, and of the order of Dial and Close
	isClosed bool
	nextPort uint16
}

// Listen returns a listener that gives addr, as it is, as its address.
func Listen(addr netip.AddrPort) *Listener {
	return &Listener{
		addr:     addr,
		slots:    make(chan struct{}, backlog),
		waiting:  make(chan *Conn, backlog),
		closed:   make(chan struct{}),
		nextPort: firstDialPort,
	}
}

// Accept returns the next connection, a *Conn, or net.ErrClosed in a *net.OpError.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, l.wrap("accept", net.ErrClosed)
	default:
	}
	select {
	case c := <-l.waiting:
		<-l.slots
		return c, nil
	case <-l.closed:
		return nil, l.wrap("accept", net.ErrClosed)
	}
}

// Dial connects from the listener's own host and a new port: from loopback to
// loopback, as tests on one machine do.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	l.mu.Lock()
	from := netip.AddrPortFrom(l.addr.Addr(), l.nextPort)
	l.nextPort = max(l.nextPort+1, firstDialPort)
	l.mu.Unlock()
	return l.DialFrom(ctx, from)
}

// DialFrom connects as a peer at the address from, which the listener's side
// sees as RemoteAddr. It does not wait for Accept, except for a place among
// those who do. A *net.OpError holds ECONNREFUSED when the listener is closed,
// or the error of ctx.
func (l *Listener) DialFrom(ctx context.Context, from netip.AddrPort) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, l.wrap("dial", err)
	}
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, l.wrap("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, l.wrap("dial", ctx.Err())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isClosed {
		return nil, l.wrap("dial", syscall.ECONNREFUSED)
	}
	client, server := PipeAddrs(from, l.addr)
	l.waiting <- server // never blocks: we hold a slot
	return client, nil
}

// Close ends Accept and Dial; connections that nobody accepted are reset.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isClosed {
		return l.wrap("close", net.ErrClosed)
	}
	l.isClosed = true
	close(l.closed)
	for {
		select {
		case c := <-l.waiting:
			c.Abort()
		default:
			return nil
		}
	}
}

// Addr returns a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

func (l *Listener) wrap(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: l.Addr(), Err: err}
}
