//go:build !linux

package tornet

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// errLinux: elsewhere 127.0.0.0/8 is one address, and there is no /proc.
var errLinux = errors.New("a private Tor network needs Linux")

var ownGroup *syscall.SysProcAttr

func socketpair() (ours, theirs *os.File, err error) { return nil, nil, errLinux }

func children(int) ([]int, error) { return nil, errLinux }

type process struct{ pid int }

func openProcess(int) (process, error) { return process{}, errLinux }

func (process) close() {}

func (process) kill() error { return errLinux }

func (process) wait(time.Duration) bool { return false }
