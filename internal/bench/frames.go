package main

import (
	"encoding/binary"
	"errors"
)

// Kinds of WebSocket frame (RFC 6455, section 5.2).
const (
	opBinary = 2
	opClose  = 8
	opPing   = 9
)

// frame makes a binary message as a server sends it.
func frame(payload []byte) []byte {
	head := []byte{0x80 | opBinary}
	switch n := len(payload); {
	case n < 126:
		head = append(head, byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
	}
	return append(head, payload...)
}

// clientFrame makes one as a client sends it, under a mask of zeros, which
// changes nothing.
func clientFrame(payload []byte) []byte {
	f := frame(payload)
	head := len(f) - len(payload)
	masked := append(f[:head:head], 0, 0, 0, 0)
	masked[1] |= 0x80
	return append(masked, payload...)
}

// frameCounter counts the payload of a stream of frames, whose bytes it does not
// look at, as they come: in any pieces. It costs the same for any size of frame.
type frameCounter struct {
	head  []byte // of the frame that begins, until it is whole
	left  uint64 // of the frame's payload
	data  bool   // it is a message's
	pings int    // that have come
}

var errFrame = errors.New("the peer closed the WebSocket, or sent what is no frame")

// count takes what was read and gives how much of it is payload of messages.
func (c *frameCounter) count(p []byte) (payload int, err error) {
	for len(p) > 0 {
		if c.left > 0 {
			n := int(min(c.left, uint64(len(p))))
			if c.data {
				payload += n
			}
			c.left -= uint64(n)
			p = p[n:]
			continue
		}
		need := headSize(c.head)
		for len(c.head) < need && len(p) > 0 {
			c.head, p = append(c.head, p[0]), p[1:]
			need = headSize(c.head)
		}
		if len(c.head) < need {
			break
		}
		if err := c.begin(); err != nil {
			return payload, err
		}
	}
	return payload, nil
}

// headSize is how long a frame's head is, as far as its beginning tells.
func headSize(head []byte) int {
	if len(head) < 2 {
		return 2
	}
	n := 2
	switch head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// begin reads a whole head.
func (c *frameCounter) begin() error {
	switch n := c.head[1] & 0x7f; n {
	case 126:
		c.left = uint64(binary.BigEndian.Uint16(c.head[2:]))
	case 127:
		c.left = binary.BigEndian.Uint64(c.head[2:])
	default:
		c.left = uint64(n)
	}
	switch c.head[0] & 0x0f {
	case 0, opBinary:
		c.data = true
	case opPing:
		c.data = false
		c.pings++
	case opClose:
		return errFrame
	default:
		c.data = false
	}
	c.head = c.head[:0]
	return nil
}
