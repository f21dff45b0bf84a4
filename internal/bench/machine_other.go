//go:build !linux

package main

import (
	"errors"
	"runtime"
	"time"
)

// errLinux is what everything here ends with elsewhere.
var errLinux = errors.New("the figures come from Linux's /proc and clocks: run this on Linux")

func cpuTime(int) (time.Duration, error) { return 0, errLinux }

func memory(int) (float64, error) { return 0, errLinux }

func raiseFileLimit() error { return errLinux }

func fileLimit() int { return 0 }

func machine() string { return runtime.GOOS }
