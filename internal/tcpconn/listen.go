package tcpconn

import (
	"errors"
	"net"
	"sync"
	"time"
)

// maxPause is the longest pause after an error of the listening socket.
const maxPause = time.Second

// Listener is a net.Listener whose Accept goes on when the process or the system
// is short of something for a while, and whose connections are kept alive.
//
// It holds nobody back: how many connections may be open, and for how long one
// may say nothing, is for its user to bound.
type Listener struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
}

// Listen takes over ln.
func Listen(ln net.Listener) net.Listener {
	return &Listener{Listener: ln, closed: make(chan struct{})}
}

// Accept returns the next connection, as ln gave it. Its error is final.
func (l *Listener) Accept() (net.Conn, error) {
	for pause := time.Duration(0); ; {
		c, err := l.Listener.Accept()
		if err == nil {
			if tcp, ok := c.(*net.TCPConn); ok {
				tcp.SetKeepAliveConfig(keepAlive) // if that fails the peer has gone, which the first Read tells
			}
			return c, nil
		}
		// Out of open files or of memory, or a peer that left early.
		var t interface{ Temporary() bool }
		if !errors.As(err, &t) || !t.Temporary() {
			return nil, err
		}
		pause = min(max(2*pause, 5*time.Millisecond), maxPause)
		l.sleep(pause)
	}
}

// sleep ends early when the listener is closed.
func (l *Listener) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.closed:
	}
}

// Close closes ln. Connections that were accepted go on.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
