package netwait

import "net"

// Listener accepts TCP connections that cost less than net's: fewer and cheaper system
// calls, and no timer for a write that need not wait, which is what most of an HTTP
// server's deadlines are for. What departs from net.Conn:
//
//   - Read is called by one goroutine at a time, and so is Write.
//   - A write deadline that has passed does not keep a Write from what fits into the
//     system's buffer.
//   - There is a CloseWrite, and no other method of *net.TCPConn.
//
// Connections that are not TCP are given as they are.
type Listener struct{ net.Listener }

// Accept implements net.Listener.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return tcpConn(tcp), err
	}
	return c, err
}
