//go:build unix && !linux

package netwait

import "syscall"

// moderation does nothing here.
type moderation struct{}

func (*moderation) wait(int) bool { return false }

func (*moderation) read(syscall.RawConn, int, int, int) {}

func (*moderation) end(syscall.RawConn) {}
