// Package netwait waits until a connection can be read, without holding a
// buffer meanwhile: an idle connection that reads this way costs no read buffer.
// It is not a poller; each wait blocks its goroutine.
package netwait

import "net"

// Waiter is a connection that can wait by itself until a Read would not block.
type Waiter interface {
	// WaitRead returns nil when a Read will return at once (data, the end of
	// the stream, or an error), and an error when waiting itself ended: the
	// connection was closed, or its read deadline passed.
	WaitRead() error
}

// Readable returns the way to wait on c: its own WaitRead when it is a Waiter,
// the operating system's readiness when it is a plain socket, nil when c cannot
// tell. The function is called by one goroutine at a time, the one that reads.
func Readable(c net.Conn) func() error {
	if w, ok := c.(Waiter); ok {
		return w.WaitRead
	}
	return waitSocket(c)
}
