package wsconn

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"sync"

	"flashproxy/internal/netwait"
)

// The opcodes (RFC 6455, section 5.2).
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

const (
	// maxSent is the longest payload that is sent: some servers of 2015 take no
	// frame above 87,382 bytes.
	maxSent = 32 << 10

	// together is how many frames leave with one Write of the connection: 64 KiB
	// cost an eighth less a byte than 32 KiB.
	together = 2

	// maxHeader is 2 bytes, 2 of length (maxSent needs no more), 4 of mask.
	maxHeader = 8

	// keysAtOnce is how many masks are drawn at a time: a call to the system for
	// each would cost as much as to mask some KiB.
	keysAtOnce = 64
)

// frames is a buffer for frames, one behind the other, and a store of masks.
type frames struct {
	buf  [together * (maxHeader + maxSent)]byte
	n    int           // of buf
	ends [together]int // of the frames
	used int           // of ends
	keys [4 * keysAtOnce]byte
	left int // of keys, in bytes
}

// lending lends frames to the connections that have something to write.
var lending = sync.Pool{New: func() any { return new(frames) }}

// Write returns when all of p was given to the underlying connection. Concurrent
// Writes do not mix.
func (c *Conn) Write(p []byte) (int, error) {
	one := [1][]byte{p}
	return c.WriteParts(one[:])
}

// WriteParts implements netwait.PartsWriter, as Write does for one part: they are masked on
// their way into frames.
func (c *Conn) WriteParts(parts netwait.Parts) (n int, err error) {
	op, most := byte(opBinary), maxSent
	if c.base64 && len(parts) > 0 {
		op, most = opText, maxSent/4*3
		parts[0] = parts.Join() // so that no quantum is cut
		parts = parts[:1]
	}
	c.writing.lock()
	defer c.writing.unlock()
	for left := parts.Len(); left > 0; {
		if c.isClosed() {
			return n, net.ErrClosed
		}
		c.wrote.Store(true)
		m := min(together*most, left)
		begun, err := c.send(op, &parts, m, most)
		n += min(begun*most, m)
		if err != nil {
			return n, c.cause(err)
		}
		left -= m
	}
	return n, nil
}

// send writes the next n bytes of data in frames of most bytes, together of them at most; the
// caller holds c.writing. It returns how many were begun. A deadline may pass when a frame is
// begun: its rest stays in c.rest, for the next send, and those behind it are
// dropped.
func (c *Conn) send(op byte, data *netwait.Parts, n, most int) (begun int, err error) {
	begun, err = c.compose(op, data, n, most)
	if err != nil {
		return 0, err
	}
	if err = c.flush(); err != nil {
		begun = c.cutShort()
	}
	c.closeSent = op == opClose && begun > 0
	return begun, err
}

// compose makes frames of data, how many it says, as what is to be written, when what was
// there is.
func (c *Conn) compose(op byte, data *netwait.Parts, n, most int) (all int, err error) {
	err = c.flush()
	if c.closeSent {
		return 0, io.ErrClosedPipe
	} else if err != nil {
		return 0, err
	}
	f := lending.Get().(*frames)
	f.n, f.used = 0, 0
	for {
		m := min(n, most)
		f.add(op, data, m, c.client)
		if n -= m; n == 0 {
			break
		}
	}
	c.rest, c.lent = f.buf[:f.n], f
	return f.used, nil
}

// cutShort drops the frames that are not begun, and says how many are.
func (c *Conn) cutShort() (begun int) {
	f := c.lent
	written := f.n - len(c.rest)
	begun, end := f.begun(written)
	if c.rest = f.buf[written:end]; len(c.rest) == 0 {
		c.release()
	}
	return begun
}

// flush writes c.rest. What fails otherwise than by a deadline has failed for good.
func (c *Conn) flush() error {
	if c.writeErr != nil {
		return c.writeErr
	}
	if c.lent == nil {
		return nil
	}
	n, err := c.out.Write(c.rest)
	c.rest = c.rest[n:]
	if err == nil {
		c.release()
	} else if !isTimeout(err) {
		c.writeErr = err
	}
	return err
}

// release gives the buffer back.
func (c *Conn) release() {
	lending.Put(c.lent)
	c.rest, c.lent = nil, nil
}

// add puts a frame of the next n bytes of data, which must fit, behind the others, in base64
// if op is opText: then they must be in one part.
func (f *frames) add(op byte, data *netwait.Parts, n int, masked bool) {
	size := n
	if op == opText {
		size = base64.StdEncoding.EncodedLen(n)
	}
	b := append(f.buf[:f.n], 0x80|op) // final
	var maskBit byte
	if masked {
		maskBit = 0x80
	}
	if size > 125 {
		b = binary.BigEndian.AppendUint16(append(b, maskBit|126), uint16(size))
	} else {
		b = append(b, maskBit|byte(size))
	}
	var key [4]byte
	if masked {
		key = f.key()
		b = append(b, key[:]...)
	}
	body := b[len(b) : len(b)+size]
	f.n = len(b) + size
	f.ends[f.used] = f.n
	f.used++
	if op == opText {
		base64.StdEncoding.Encode(body, data.Next(n))
		if masked {
			mask(body, body, key)
		}
		return
	}
	for len(body) > 0 {
		part := data.Next(len(body))
		if masked {
			key = mask(body[:len(part)], part, key)
		} else {
			copy(body, part)
		}
		body = body[len(part):]
	}
}

// begun returns how many frames are begun by the first n bytes, and where the last
// of those ends.
func (f *frames) begun(n int) (begun, end int) {
	for begun < f.used && n > end {
		end = f.ends[begun]
		begun++
	}
	return begun, end
}

// key gives a mask that nobody can foretell (RFC 6455, section 5.3).
func (f *frames) key() [4]byte {
	if f.left == 0 {
		rand.Read(f.keys[:]) // never fails
		f.left = len(f.keys)
	}
	f.left -= 4
	return [4]byte(f.keys[f.left:])
}
