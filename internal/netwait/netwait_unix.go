//go:build unix

package netwait

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// waitSocket peeks at one byte each time the runtime's poller says that the
// socket may be readable. The peek is needed: the poller is edge-triggered, so
// that waiting for its next word would sleep over data that came before.
func waitSocket(c net.Conn) func() error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return func() error {
		return raw.Read(func(fd uintptr) bool {
			var b [1]byte
			for {
				_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
				if err != unix.EINTR {
					return err != unix.EAGAIN
				}
			}
		})
	}
}
