//go:build !unix

package netwait

import (
	"io"
	"net"
)

// waitSocket knows no way here: readers hold their buffer while they wait.
func waitSocket(net.Conn) func() error { return nil }

func lateSocket(net.Conn) LateReader { return nil }

func tcpWriter(c *net.TCPConn) io.Writer { return c }

func tcpConn(c *net.TCPConn) net.Conn { return c }
