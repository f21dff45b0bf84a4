package wsconn

import (
	"crypto/tls"
	"net"
	"time"
)

// secure is a listener of TLS connections. It stands below the gate, so that a
// handshake is one of the pending: it takes place with net/http's first Read, within
// the time that the request has.
type secure struct {
	net.Listener
	config  *tls.Config
	timeout time.Duration
}

// Accept sets a deadline because net/http does so for what it reads, but not yet
// for what TLS has to write.
func (s *secure) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		conn.Close() // the gate goes on with the next; this one fails at its first Read
	}
	return tls.Server(conn, s.config), nil
}
