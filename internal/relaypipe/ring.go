package relaypipe

import (
	"sync"
	"sync/atomic"
)

const (
	// ringSize is the read-ahead of one direction, and the most that it holds.
	// On loopback TCP 32 KiB cost 10 to 40 % more CPU a byte than 64 KiB;
	// 128 KiB saved at most 10 %.
	ringSize = 64 << 10
	// chunkSize is the most that one Write takes: half the ring, so that the
	// reader can fill the other half meanwhile.
	chunkSize = ringSize / 2
)

// ring is a circular buffer. It is not locked: one goroutine may fill the slice
// that free gave while another empties the one that filled gave.
type ring struct {
	start, n int // the n bytes from start on are filled
	buf      [ringSize]byte
}

// free returns the next free bytes, up to the end of the buffer or of the room.
func (r *ring) free() []byte {
	if r.n == ringSize {
		return nil
	}
	end := r.start + r.n
	if end < ringSize {
		return r.buf[end:]
	}
	return r.buf[end-ringSize : r.start]
}

// filled returns the next filled bytes, up to the end of the buffer.
func (r *ring) filled() []byte {
	return r.buf[r.start:min(r.start+r.n, ringSize)]
}

// fill tells that the first n bytes of free are filled now.
func (r *ring) fill(n int) { r.n += n }

// empty tells that the first n bytes of filled are free now.
func (r *ring) empty(n int) {
	r.n -= n
	r.start = (r.start + n) % ringSize
}

// ringPool lends rings to the directions that have something to hold. A ring is
// a pointer, so that giving it back allocates nothing.
type ringPool struct {
	pool sync.Pool    // of *ring
	out  atomic.Int64 // how many are lent
}

var rings ringPool

func (p *ringPool) get() *ring {
	p.out.Add(1)
	r, ok := p.pool.Get().(*ring)
	if !ok {
		r = new(ring)
	}
	r.start, r.n = 0, 0
	return r
}

func (p *ringPool) put(r *ring) {
	p.out.Add(-1)
	p.pool.Put(r)
}
