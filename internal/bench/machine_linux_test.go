package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// What is measured of a process is its own.
func TestProcess(t *testing.T) {
	proc := os.Getpid()
	before, err := cpuTime(proc)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
	}
	after, err := cpuTime(proc)
	if spent := after - before; err != nil || spent <= 0 {
		t.Errorf("%v of CPU time, %v", spent, err)
	}
	const size = 16 << 20
	b := make([]byte, size)
	for i := 0; i < size; i += 4096 { // a page each
		b[i] = 1
	}
	if is, err := memory(proc); err != nil || is < size || is > 1<<34 {
		t.Errorf("%v bytes of memory, %v; want more than %d", is, err, size)
	}
	runtime.KeepAlive(b)
}
