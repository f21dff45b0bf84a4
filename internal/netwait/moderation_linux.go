package netwait

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// enough is how much a busy socket is waited for: half of what a pipe takes at
	// once, so that there is room for what comes while the reader wakes up.
	enough = 32 << 10
	// small is a read that costs more for itself than for its bytes. For larger ones
	// waiting saves little, and other connections wait longer for their turn.
	small = 4 << 10
	// enoughWait is for how long. Go's poller does not sleep for less.
	enoughWait = time.Millisecond
	// fewReads are how many reads tell that a socket is busy, if waiting has paid
	// lately: more than a connection's first flights bring.
	fewReads = 64
	// manyReads must tell it when waiting never pays: as where the peer waits for an
	// answer after less than enough. What is lost in one in so many is not felt.
	manyReads = 16 << 10
	// vainWaits in a row make a socket one that is not busy any more. A single one says
	// that a sender was without a processor for a moment.
	vainWaits = 4
)

// moderation makes the reads of a busy socket fewer and larger, as the moderation of
// interrupts does for a network card. A reader that is woken for each short message
// pays several microseconds for each, its own and the kernel's. Where messages follow
// each other so fast that enough comes within enoughWait, it waits for that. It does not
// where less comes: nothing is delayed without load. The end of the stream and errors
// are not waited for either.
//
// The kernel does it by SO_RCVLOWAT (socket(7)), which is set only while the reader waits;
// a timer takes it back.
type moderation struct {
	timer   *time.Timer // nil: the socket is not busy
	waiting bool        // for enough
	full    bool        // the last read filled the buffer: there is more
	vain    int8        // waits that the timer ended, since there was enough
	need    int32       // how many reads must tell; 0 is fewReads
	reads   int32       // since start
	bytes   int64       // likewise
	start   time.Time
}

// wait tells, before an attempt to read, whether the reader shall wait first.
func (m *moderation) wait(fd int) bool {
	switch {
	case m.timer == nil:
		return false
	case m.waiting:
		setLowWater(fd, 1)
		if m.waiting = false; !m.timer.Stop() {
			m.vain++
		}
		return false
	case m.full:
		return false
	}
	m.waiting = true
	setLowWater(fd, enough) // which wakes the reader at once if there is enough
	m.timer.Reset(enoughWait)
	return true
}

// read takes account of n bytes, for which there was room for size.
func (m *moderation) read(raw syscall.RawConn, fd, n, size int) {
	m.full = n == size
	switch {
	case m.timer == nil:
		m.count(raw, fd, n)
	case n >= enough:
		m.need, m.vain = fewReads, 0
	case m.vain == vainWaits:
		m.need = min(2*max(m.need, fewReads), manyReads)
		m.timer, m.vain = nil, 0
	}
}

// count looks whether a socket has become busy.
func (m *moderation) count(raw syscall.RawConn, fd, n int) {
	if m.reads == 0 {
		m.start = time.Now()
	}
	m.reads++
	m.bytes += int64(n)
	if m.reads < max(m.need, fewReads) {
		return
	}
	slow := m.bytes*int64(enoughWait) < enough*int64(time.Since(m.start))
	if m.bytes < int64(m.reads)*small && !slow && isTCP(fd) {
		m.busy(raw)
	}
	m.reads, m.bytes = 0, 0
}

// busy makes the reader wait from now on.
func (m *moderation) busy(raw syscall.RawConn) {
	m.timer = time.AfterFunc(time.Hour, func() { takeBack(raw) })
	m.timer.Stop() // until it does
}

// end is for a read that ended without an attempt, such as by a deadline.
func (m *moderation) end(raw syscall.RawConn) {
	if m.waiting {
		m.waiting = false
		m.timer.Stop()
		takeBack(raw)
	}
}

// takeBack lets the reader be woken by a single byte again, and at once if there is one.
func takeBack(raw syscall.RawConn) {
	raw.Control(func(fd uintptr) { setLowWater(int(fd), 1) }) // an error: it is closed
}

// setLowWater fails on no TCP socket.
func setLowWater(fd, n int) { unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, n) }

// isTCP tells whether a change of the option wakes who waits. It does not for other sockets that
// know it.
func isTCP(fd int) bool {
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return err == nil && protocol == unix.IPPROTO_TCP
}
