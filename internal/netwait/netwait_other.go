//go:build !unix

package netwait

import "net"

// waitSocket knows no way here: readers hold their buffer while they wait.
func waitSocket(net.Conn) func() error { return nil }

func lateSocket(net.Conn) func(Lender) ([]byte, error) { return nil }
