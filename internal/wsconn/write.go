package wsconn

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"sync"
)

// The opcodes that are sent (RFC 6455, section 5.2).
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

const (
	// maxSent is the longest payload that is sent: some servers of 2015 take no
	// frame above 87,382 bytes, and TLS and TCP gain nothing from longer ones.
	maxSent = 32 << 10

	// maxHeader is 2 bytes, 2 of length (maxSent needs no more), 4 of mask.
	maxHeader = 8
)

// frame is the buffer of one frame: its payload from maxHeader on, its header
// right before that.
type frame [maxHeader + maxSent]byte

// frames lends buffers to the connections that have something to write.
var frames = sync.Pool{New: func() any { return new(frame) }}

// Write returns when all of p was given to the underlying connection, each
// message by one Write. Concurrent Writes do not mix.
func (c *Conn) Write(p []byte) (int, error) {
	op, most := byte(opBinary), maxSent
	if c.base64 {
		op, most = opText, maxSent/4*3
	}
	c.writing.lock()
	defer c.writing.unlock()
	for n := 0; n < len(p); {
		if c.isClosed() {
			return n, net.ErrClosed
		}
		m := min(most, len(p)-n)
		c.wrote.Store(true)
		begun, err := c.send(op, p[n:n+m])
		if begun {
			n += m
		}
		if err != nil {
			return n, c.cause(err)
		}
	}
	return len(p), nil
}

// send writes one frame; the caller holds c.writing. A deadline may pass when the
// frame is begun: its rest stays in c.rest, for the next send.
func (c *Conn) send(op byte, payload []byte) (begun bool, err error) {
	if c.closeSent {
		return false, io.ErrClosedPipe
	}
	if err := c.flush(); err != nil {
		return false, err
	}
	f := frames.Get().(*frame)
	c.rest, c.lent = f.build(op, payload, c.client), f
	whole := len(c.rest)
	err = c.flush()
	begun = len(c.rest) < whole
	if begun {
		c.closeSent = op == opClose
	} else {
		c.release()
	}
	return begun, err
}

// flush writes c.rest. What fails otherwise than by a deadline has failed for good.
func (c *Conn) flush() error {
	if c.writeErr != nil {
		return c.writeErr
	}
	if c.lent == nil {
		return nil
	}
	n, err := c.conn.Write(c.rest)
	c.rest = c.rest[n:]
	if err == nil {
		c.release()
	} else if !isTimeout(err) {
		c.writeErr = err
	}
	return err
}

// release gives the frame's buffer back.
func (c *Conn) release() {
	frames.Put(c.lent)
	c.rest, c.lent = nil, nil
}

// build makes a frame of payload, which must fit, in base64 if op is opText.
func (f *frame) build(op byte, payload []byte, masked bool) []byte {
	body := f[maxHeader:]
	if op == opText {
		n := base64.StdEncoding.EncodedLen(len(payload))
		base64.StdEncoding.Encode(body, payload)
		body = body[:n]
		payload = body
	} else {
		body = body[:len(payload)]
	}
	start := maxHeader
	var maskBit byte
	if masked {
		maskBit = 0x80
		start -= 4
		key := f[start:maxHeader]
		rand.Read(key) // never fails
		mask(body, payload, [4]byte(key))
	} else if op != opText {
		copy(body, payload)
	}
	if len(body) > 125 {
		start -= 2
		binary.BigEndian.PutUint16(f[start:], uint16(len(body)))
		f[start-1] = maskBit | 126
	} else {
		f[start-1] = maskBit | byte(len(body))
	}
	f[start-2] = 0x80 | op // final
	return f[start-2 : maxHeader+len(body)]
}

// mask writes src, exclusive-or key repeated, to dst, which may be src.
func mask(dst, src []byte, key [4]byte) {
	var keys [256]byte
	for i := range keys {
		keys[i] = key[i%4]
	}
	for len(src) > 0 {
		n := subtle.XORBytes(dst, src, keys[:])
		dst, src = dst[n:], src[n:]
	}
}
