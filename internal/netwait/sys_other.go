//go:build unix && !linux

package netwait

import "golang.org/x/sys/unix"

// recv reads what there is from a socket that does not block.
func recv(fd int, p []byte) (int, error) { return retry(unix.Read, fd, p) }

// send writes what fits to a socket that does not block.
func send(fd int, p []byte) (int, error) { return retry(unix.Write, fd, p) }

func retry(call func(fd int, p []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		if n, err := call(fd, p); err != unix.EINTR {
			return n, err
		}
	}
}
