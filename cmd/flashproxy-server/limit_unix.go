//go:build unix

package main

import "syscall"

// maxOpenFiles is how many files and sockets this process may have open. Go
// raises the soft limit to the hard one by itself (package os).
func maxOpenFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return usualOpenFiles
	}
	return uint64(limit.Cur)
}
