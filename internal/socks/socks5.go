package socks

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"time"

	pt "git.torproject.org/pluggable-transports/goptlib.git"
)

// errRefused is all that goptlib tells of a request it does not accept.
var errRefused = errors.New("request is malformed or not supported")

// handshake5 has goptlib read the request from c, after its first byte. goptlib
// serves one handshake after the other inside Accept, so it gets a listener of
// its own, with this connection alone.
func handshake5(c net.Conn, first byte) (*Conn, error) {
	one := &oneConn{conn: &replayed{Conn: c, first: []byte{first}}}
	sc, err := pt.NewSocksListener(one).AcceptSocks()
	if err != nil {
		return nil, fmt.Errorf("read request: %w", cmp.Or(one.conn.err, errRefused))
	}
	reply := func(ok bool) error {
		answer := &pt.SocksConn{Conn: c}
		if ok {
			return answer.Grant(nil)
		}
		return answer.Reject()
	}
	return newConn(c, sc.Req.Target, Args(sc.Req.Args), reply), nil
}

// oneConn is a listener that has one connection and is then closed.
type oneConn struct {
	conn  *replayed
	taken bool
}

func (o *oneConn) Accept() (net.Conn, error) {
	if o.taken {
		return nil, net.ErrClosed
	}
	o.taken = true
	return o.conn, nil
}

func (o *oneConn) Addr() net.Addr { return o.conn.LocalAddr() }

func (o *oneConn) Close() error { return nil }

// replayed is a connection whose first byte was read already. It remembers the
// error of a Read, which goptlib drops.
type replayed struct {
	net.Conn
	first []byte
	err   error
}

func (r *replayed) Read(p []byte) (int, error) {
	if len(r.first) > 0 && len(p) > 0 {
		n := copy(p, r.first)
		r.first = r.first[n:]
		return n, nil
	}
	n, err := r.Conn.Read(p)
	if err != nil {
		r.err = err
	}
	return n, err
}

// SetDeadline does nothing: the time for the whole handshake runs already.
func (r *replayed) SetDeadline(time.Time) error { return nil }
