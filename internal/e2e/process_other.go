//go:build !linux

package e2e

import "syscall"

// dieWithParent can't be had here.
func dieWithParent() *syscall.SysProcAttr { return nil }
