package relaypipe

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"flashproxy/internal/netwait"
)

// smallSize is what a direction holds while it waits for a source that cannot
// tell when it is readable: nearly four of Tor's 514-byte cells.
const smallSize = 2 << 10

// direction copies src to dst. One goroutine reads; another writes, for as long
// as there is something to write. While nothing flows there is only the reader,
// in wait, and no ring.
//
// A writer that stays and is woken was no cheaper than one that is started each
// time, and cost its stack while idle: 15 KB an idle pair, not 9.
type direction struct {
	p                *pipe
	reverse          *direction
	src, dst         net.Conn
	srcName, dstName string
	wait             func() error // until src is readable; nil: src cannot tell
	small            []byte       // to wait with, when src cannot tell; the reader's
	write            func()       // writeAll, bound once: to start it allocates nothing

	mu        sync.Mutex
	room      sync.Cond // on mu: the ring is no longer full, or the pipe ended
	ring      *ring     // nil while there is nothing to hold
	reading   bool      // src is being read into the ring
	writing   bool      // there is a writer
	eof       bool      // nothing more will be read
	stopped   bool      // the pipe ended
	delivered int64
	meter     *atomic.Int64 // nil, or somebody else's count
}

func (d *direction) init(p *pipe, reverse *direction, src, dst net.Conn, srcName, dstName string) {
	d.p, d.reverse, d.src, d.dst, d.srcName, d.dstName = p, reverse, src, dst, srcName, dstName
	d.wait = netwait.Readable(src)
	d.room.L = &d.mu
	d.write = d.writeAll
}

// read is the life of the reader.
func (d *direction) read() {
	full := false
	for {
		var err error
		// A full buffer says that there is likely more: worth a ring.
		if d.wait != nil || full {
			full, err = d.readRing()
		} else {
			full, err = d.readSmall()
		}
		if err != nil {
			d.endReading(err)
			return
		}
	}
}

// readRing reads once, into the ring. It always waits before: a reader that
// blocks in Read keeps the ring, and the system call is 3 % of the CPU.
func (d *direction) readRing() (full bool, err error) {
	if d.wait != nil {
		if err := d.wait(); err != nil {
			return false, err
		}
	}
	buf := d.claim()
	if buf == nil {
		return false, io.EOF
	}
	n, err := d.src.Read(buf)
	d.commit(n)
	return n == len(buf), err
}

// readSmall reads once, into the small buffer, and copies from there. If that
// was full, the next read waits with a ring: the price of not knowing.
func (d *direction) readSmall() (full bool, err error) {
	if d.small == nil {
		d.small = make([]byte, smallSize)
	}
	n, err := d.src.Read(d.small)
	for rest := d.small[:n]; len(rest) > 0; {
		buf := d.claim()
		if buf == nil {
			return false, io.EOF
		}
		copied := copy(buf, rest)
		d.commit(copied)
		rest = rest[copied:]
	}
	return n == len(d.small), err
}

// claim waits for room and returns it, for the reader to fill and then commit;
// nil when there is to be no more reading.
func (d *direction) claim() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.ring != nil && d.ring.n == ringSize && !d.stopped {
		d.room.Wait()
	}
	if d.stopped || d.eof {
		return nil
	}
	if d.ring == nil {
		d.ring = d.p.rings.get()
	}
	d.reading = true
	return d.ring.free()
}

// commit takes in the first n bytes of what was claimed, and sees to it that
// somebody writes them.
func (d *direction) commit(n int) {
	if n > 0 {
		d.p.activity.touch()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reading = false
	d.ring.fill(n)
	switch {
	case d.writing:
	case d.ring.n == 0:
		d.releaseLocked()
	default:
		d.writing = true
		d.p.wg.Add(1) // the reader, who is here, keeps it above zero
		go d.write()
	}
}

// endReading handles the error that ended the reader.
func (d *direction) endReading(err error) {
	if err != io.EOF {
		d.p.end(fmt.Errorf("read %s: %w", d.srcName, err))
		return
	}
	d.finishReading()
}

// finishReading makes what was read all that there will be.
func (d *direction) finishReading() {
	d.mu.Lock()
	d.eof = true
	drained := !d.writing
	d.mu.Unlock()
	if drained {
		d.p.finished(d)
	}
}

// writeAll is the life of a writer: until the ring is drained.
func (d *direction) writeAll() {
	defer d.p.wg.Done()
	for chunk := d.next(); chunk != nil; chunk = d.next() {
		chunk, err := d.limit(chunk)
		if err != nil {
			d.p.end(fmt.Errorf("rate limit: %w", err))
			return
		}
		n, err := d.dst.Write(chunk)
		d.advance(n)
		if err != nil {
			d.p.end(fmt.Errorf("write %s: %w", d.dstName, err))
			return
		}
	}
}

// next returns what to write next, nil when all is written: the writer is then
// no more, and the ring is given back.
func (d *direction) next() []byte {
	d.mu.Lock()
	if d.ring.n > 0 {
		defer d.mu.Unlock()
		chunk := d.ring.filled()
		return chunk[:min(len(chunk), chunkSize)]
	}
	d.writing = false
	if !d.reading {
		d.releaseLocked()
	}
	eof := d.eof
	d.mu.Unlock()
	if eof {
		d.p.finished(d)
	}
	return nil
}

// advance takes the first n bytes out of the ring: they are delivered.
func (d *direction) advance(n int) {
	if n > 0 {
		d.p.activity.touch()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delivered += int64(n)
	if d.meter != nil {
		d.meter.Add(int64(n))
	}
	d.ring.empty(n)
	d.room.Signal()
}

// stop wakes the reader that waits for room.
func (d *direction) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	d.room.Signal()
}

// release gives the ring back, with what is in it.
func (d *direction) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.releaseLocked()
}

func (d *direction) releaseLocked() {
	if d.ring != nil {
		d.p.rings.put(d.ring)
		d.ring = nil
	}
}
