//go:build unix && !linux

package netwait

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// recv reads what there is from a socket that does not block.
func recv(fd uintptr, p []byte) (int, syscall.Errno) { return retry(unix.Read, fd, p) }

// send writes what fits to a socket that does not block.
func send(fd uintptr, p []byte) (int, syscall.Errno) { return retry(unix.Write, fd, p) }

func retry(call func(fd int, p []byte) (int, error), fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, err := call(int(fd), p)
		errno, _ := errors.AsType[syscall.Errno](err) // there are no others
		if errno != unix.EINTR {
			return n, errno
		}
	}
}
