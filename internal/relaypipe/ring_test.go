package relaypipe

import (
	"bytes"
	"testing"
)

// FuzzRing takes each byte of ops for the size of a fill, or of an emptying,
// and compares the ring with a plain queue.
func FuzzRing(f *testing.F) {
	f.Add([]byte{0xff, 0xff, 0x80, 0x20, 0xff, 0x00, 0x80, 0xff, 0x7f})
	f.Add(bytes.Repeat([]byte{0xf1, 0x71}, 50))
	f.Fuzz(func(t *testing.T, ops []byte) {
		var r ring
		var queue []byte
		next := byte(0)
		for _, op := range ops {
			size := int(op&0x7f) * (ringSize / 100)
			if op&0x80 != 0 {
				free := r.free()
				if (len(free) == 0) != (len(queue) == ringSize) {
					t.Fatalf("%d bytes to fill; %d are filled", len(free), len(queue))
				}
				free = free[:min(size, len(free))]
				for i := range free {
					free[i] = next
					next = next*5 + 1
				}
				r.fill(len(free))
				queue = append(queue, free...)
			} else {
				filled := r.filled()
				if len(filled) > len(queue) || !bytes.Equal(filled, queue[:len(filled)]) {
					t.Fatalf("%d bytes to empty; want a beginning of the %d filled", len(filled), len(queue))
				}
				if len(filled) == 0 && len(queue) > 0 {
					t.Fatalf("nothing to empty of %d", len(queue))
				}
				n := min(size, len(filled))
				r.empty(n)
				queue = queue[n:]
			}
			if r.n != len(queue) {
				t.Fatalf("%d filled; want %d", r.n, len(queue))
			}
		}
	})
}
