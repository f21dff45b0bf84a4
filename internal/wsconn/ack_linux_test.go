package wsconn

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deafen makes a socket drop whatever comes, so that its kernel does not even
// acknowledge: to the other end its machine is dead.
func deafen(t *testing.T, c net.Conn) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	must(t, err)
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: 1, Filter: &drop})
	})
	must(t, err)
}

// impatient lets the next ticks come soon, with little patience.
func impatient(c *Conn, every, patience time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.every, c.patience = every, patience
	c.timer.Reset(every)
}

// A peer whose machine is gone is noticed although it never answered a ping.
func TestDeadMachine(t *testing.T) {
	noLeaks(t)
	peer, server := rawPair(t, loopback(t), ListenOptions{})
	deafen(t, peer)
	start := time.Now()
	impatient(server, 20*time.Millisecond, 300*time.Millisecond)
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, errDead) {
		t.Errorf("read: %v", err)
	}
	if d := time.Since(start); d < 300*time.Millisecond {
		t.Errorf("given up after %v", d)
	}
	must(t, server.Close())
}

// A peer that does not read has a machine that answers for it.
func TestStalledPeerLives(t *testing.T) {
	peer, server := rawPair(t, loopback(t), ListenOptions{})
	must(t, server.SetWriteDeadline(time.Now().Add(time.Second)))
	if _, err := server.Write(make([]byte, 1<<26)); !isTimeout(err) {
		t.Fatalf("write: %v", err) // 64 MiB do not fit into the sockets
	}
	if d := unanswered(server.conn); d != 0 {
		t.Errorf("unanswered for %v", d)
	}
	// Without anything sent there is nothing to answer.
	_, other := rawPair(t, loopback(t), ListenOptions{})
	if d := unanswered(other.conn); d != 0 {
		t.Errorf("idle, unanswered for %v", d)
	}
	peer.Close()
}
