package wsconn

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unanswered returns for how long TCP has heard nothing, not even an
// acknowledgement, while something that it sent is unacknowledged; 0 if nothing
// is, or for a connection that is not TCP.
//
// TCP_USER_TIMEOUT, which looks like the thing to use, also ends connections to
// peers that live but do not read for that long (tcp_probe_timer in Linux).
func unanswered(c net.Conn) time.Duration {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = t.NetConn()
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0
	}
	var info *unix.TCPInfo
	raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || info == nil || info.Unacked == 0 {
		return 0
	}
	return time.Duration(info.Last_ack_recv) * time.Millisecond
}
