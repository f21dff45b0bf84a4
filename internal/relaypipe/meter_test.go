package relaypipe

import (
	"io"
	"testing"
	"testing/synctest"
)

// A meter knows of bytes while their pipe goes on, and adds up several pipes.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Meter
		for i := range int64(2) {
			r := startPlain(t, Options{Meter: &m})
			io.WriteString(r.a, "hello")
			io.WriteString(r.b, "hi")
			r.running()
			if up, down := m.AToB.Load(), m.BToA.Load(); up != 5*(i+1) || down != 2*(i+1) {
				t.Errorf("%d and %d bytes after %d pipes", up, down, i+1)
			}
		}
	})
}
