package tcpconn

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// Both ends ask silent peers, and give them up after 2½ minutes.
func TestKeepAlive(t *testing.T) {
	dialled, accepted := pair(t)
	for who, c := range map[string]net.Conn{"dialled": dialled, "accepted": accepted} {
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		get := func(level, option int) (value int) {
			raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, option) })
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
		on := get(unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		idle, interval, count := get(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE), get(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL), get(unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
		if on == 0 || idle+count*interval != 150 {
			t.Errorf("%s: keep-alive %d, after %d s, %d times every %d s", who, on, idle, count, interval)
		}
	}
}
