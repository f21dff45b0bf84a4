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

// direction copies src to dst, in one goroutine: what comes while it writes waits
// in the socket, and leaves together. While nothing flows it holds no buffer.
//
// A second one that writes what this one has read ahead had to be woken for each
// message, and a byte was no cheaper.
type direction struct {
	p                *pipe
	reverse          *direction
	src, dst         net.Conn
	srcName, dstName byte                // a or b
	late             netwait.LateReader  // reads src; nil: it cannot tell
	out              io.Writer           // writes dst
	parts            netwait.PartsWriter // likewise; nil: it is to be written by out
	small            *small              // to wait with, when src cannot tell
	buf              *buffer             // nil while there is nothing to hold
	delivered        int64
	meter            *atomic.Int64 // nil, or somebody else's count

	mu      sync.Mutex
	writing bool // there is something to write
	eof     bool // nothing more will be read
}

func (d *direction) init(p *pipe, reverse *direction, src, dst net.Conn, srcName, dstName byte) {
	d.p, d.reverse, d.src, d.dst, d.srcName, d.dstName = p, reverse, src, dst, srcName, dstName
	d.late, d.out = netwait.Late(src), netwait.Writer(dst)
	if p.o.Limiter == nil { // which has a say in each write
		d.parts, _ = dst.(netwait.PartsWriter)
	}
}

// small is a buffer of smallSize.
type small struct {
	part [1][]byte
	data [smallSize]byte
}

// Borrow implements netwait.Lender.
func (d *direction) Borrow() []byte {
	d.buf = d.p.buffers.get()
	return d.buf.data[:]
}

// Parts implements netwait.Lender.
func (d *direction) Parts() netwait.Parts { return d.buf.parts[:0] }

// Return implements netwait.Lender.
func (d *direction) Return() {
	if d.buf != nil {
		d.p.buffers.put(d.buf)
		d.buf = nil
	}
}

// copy is the life of a direction.
func (d *direction) copy() {
	defer d.Return()
	full := false
	for {
		data, err := d.read(full)
		if err != nil {
			d.endReading(err)
			return
		}
		n := data.Len()
		full = n == smallSize && d.buf == nil || n == bufferSize
		if !d.startWriting() {
			return // the reverse has ended the pipe
		}
		if err := d.write(data); err != nil {
			d.p.end(err)
			return
		}
		d.Return()
		if d.endWriting() {
			d.p.finished(d)
			return
		}
	}
}

// read reads once. A source that cannot tell is waited for with a small buffer,
// unless the last read says that there is likely more: the price of not knowing.
func (d *direction) read(full bool) (netwait.Parts, error) {
	switch {
	case d.late != nil:
		return d.late.ReadLate(d)
	case full:
		return netwait.Now(d.src, d)
	case d.small == nil:
		d.small = new(small)
	}
	for {
		n, err := d.src.Read(d.small.data[:])
		if n > 0 {
			d.small.part[0] = d.small.data[:n]
			return d.small.part[:], nil // an error comes again
		} else if err != nil {
			return nil, err
		}
	}
}

// startWriting tells whether what was read is still to be written.
func (d *direction) startWriting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writing = !d.eof
	return d.writing
}

// endWriting tells whether that was all that there will be.
func (d *direction) endWriting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writing = false
	return d.eof
}

// write writes all of data.
func (d *direction) write(data netwait.Parts) error {
	d.p.activity.touch()
	if d.parts == nil {
		return d.writeTogether(data.Join())
	}
	n, err := d.parts.WriteParts(data)
	d.wrote(n)
	if err != nil {
		return d.writeError(err)
	}
	return nil
}

// writeTogether writes what the limiter lets it, until all is written.
func (d *direction) writeTogether(data []byte) error {
	for len(data) > 0 {
		most, err := d.limit(len(data))
		if err != nil {
			return limitError(err)
		}
		n, err := d.out.Write(data[:most])
		d.wrote(n)
		if err != nil {
			return d.writeError(err)
		}
		data = data[n:]
	}
	return nil
}

// wrote counts n bytes that were delivered.
func (d *direction) wrote(n int) {
	if n == 0 {
		return
	}
	d.delivered += int64(n)
	if d.meter != nil {
		d.meter.Add(int64(n))
	}
	d.p.activity.touch()
}

// Errors are made apart, so that write needs little of the stack.

func limitError(err error) error { return fmt.Errorf("rate limit: %w", err) }

func (d *direction) writeError(err error) error { return fmt.Errorf("write %c: %w", d.dstName, err) }

// endReading handles the error that ended the reader.
func (d *direction) endReading(err error) {
	if err != io.EOF {
		d.p.end(fmt.Errorf("read %c: %w", d.srcName, err))
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
