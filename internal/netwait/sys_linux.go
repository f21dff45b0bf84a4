package netwait

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls here are not told to Go's scheduler. Package syscall tells it of
// each, since a call may block; then the runtime's monitor takes the processor away
// from a goroutine whose call lasts longer than 20 µs, as copying 62 KiB does, hands it
// to another thread and wakes up for this 50,000 times a second. Those calls cannot block:
// MSG_DONTWAIT. They last no longer than some tens of microseconds, which is what a
// collection may have to wait for.

// recv reads what there is, as recv(2).
func recv(fd int, p []byte) (int, error) {
	return transfer(unix.SYS_RECVFROM, fd, p, unix.MSG_DONTWAIT)
}

// send writes what fits, as send(2).
func send(fd int, p []byte) (int, error) {
	return transfer(unix.SYS_SENDTO, fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// transfer is one such call. Its p is not empty.
func transfer(call uintptr, fd int, p []byte, flags uintptr) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
