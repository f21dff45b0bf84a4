package netwait

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls here are not told to Go's scheduler. Package syscall tells it of
// each, since a call may block; then the runtime's monitor takes the processor away
// from a goroutine whose call lasts longer than 20 µs, as copying 62 KiB does, hands it
// to another thread and wakes up for this 50,000 times a second. The calls here cannot block:
// MSG_DONTWAIT. They last no longer than some tens of microseconds (maxCall), which is what
// a collection may have to wait for.

// recv reads what there is, as recv(2). Its p is not empty.
func recv(fd uintptr, p []byte) (int, syscall.Errno) {
	return transfer(unix.SYS_RECVFROM, fd, p, unix.MSG_DONTWAIT)
}

// send writes what fits, as send(2). Its p is not empty.
func send(fd uintptr, p []byte) (int, syscall.Errno) {
	return transfer(unix.SYS_SENDTO, fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// transfer is one such call. No signal interrupts it, since it does not sleep.
func transfer(call, fd uintptr, p []byte, flags uintptr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), flags, 0, 0)
	return int(n), errno
}
