package relaypipe

import (
	"sync"
	"sync/atomic"
)

// bufferSize is the most that one read of a direction takes, and one write. With the
// headers of two WebSocket frames it is one segment of loopback TCP, whose packets
// have 64 KiB: at 64 KiB itself each write leaves a tiny segment behind, which cost an
// eighth of all CPU time. 32 and 48 KiB cost up to a fifth more, 128 KiB saved
// nothing.
const bufferSize = 62 << 10

// maxParts is how many parts what was read may lie in: a cell of Tor's (514 bytes) in each, of
// as much as a read brings then. With it a buffer is just below 64 KiB, which it takes anyway.
const maxParts = 80

type buffer struct {
	parts [maxParts][]byte
	data  [bufferSize]byte
}

// bufferPool lends buffers to the directions that have something to hold.
type bufferPool struct {
	pool sync.Pool    // of *buffer
	out  atomic.Int64 // how many are lent
}

var buffers bufferPool

func (p *bufferPool) get() *buffer {
	p.out.Add(1)
	b, ok := p.pool.Get().(*buffer)
	if !ok {
		b = new(buffer)
	}
	return b
}

func (p *bufferPool) put(b *buffer) {
	p.out.Add(-1)
	p.pool.Put(b)
}
