//go:build unix

package netwait

import (
	"net"

	"golang.org/x/sys/unix"
)

// waitSocket asks the system each time the runtime's poller says that the socket
// may be readable. It must ask before it waits: the poller is edge-triggered, so
// that waiting for its next word would sleep over data that came before. poll(2) is
// half the price of a peek at one byte, and allocates nothing.
func waitSocket(c net.Conn) func() error {
	raw := rawConn(c)
	if raw == nil {
		return nil
	}
	ready := func(fd uintptr) bool {
		// POLLHUP and POLLERR come unasked; a Read then returns at once too.
		p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			n, err := unix.Poll(p[:], 0)
			if err != unix.EINTR {
				return n != 0 || err != nil
			}
		}
	}
	return func() error { return raw.Read(ready) }
}
