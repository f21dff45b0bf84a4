package wsconn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// maxControl is the longest payload of a control frame (RFC 6455, section 5.5).
const maxControl = 125

// Faults of the peer's frames.
var (
	errReserved = errors.New("reserved bits or opcode")
	errMask     = errors.New("masked by a server, or not masked by a client")
	errControl  = errors.New("fragmented or overlong control frame")
	errOrder    = errors.New("a message within a message, or a continuation of none")
	errTooBig   = errors.New("message too big")
	errClose    = errors.New("malformed close frame")
)

// unframer takes the headers of the peer's frames apart (RFC 6455, section 5.2),
// however they are cut, and checks that each may be where it is.
type unframer struct {
	masked bool  // the peer is a client
	text   bool  // text messages are accepted
	limit  int64 // on binary messages; of text messages more fits
	most   int64 // on text messages

	head  [14]byte
	have  int   // bytes of head
	open  bool  // a frame's header is complete, and its payload is not
	op    byte  // of the open frame
	left  int64 // what is to come of its payload
	final bool  // it is the last of its message
	key   [4]byte

	message byte  // the opcode of the message that is under way; 0: none
	size    int64 // what its frames so far have announced
}

// need is how long the header is, as far as that is known.
func (u *unframer) need() int {
	if u.have < 2 {
		return 2
	}
	n := 2
	switch u.head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if u.head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// header takes bytes of p, until it has a header, which opens a frame, or all of p. It
// returns how many it took. The error is a *violation.
func (u *unframer) header(p []byte) (n int, err error) {
	for n < len(p) && !u.open {
		m := copy(u.head[u.have:u.need()], p[n:])
		n += m
		u.have += m
		if u.have == 2 {
			if err := u.check(); err != nil {
				return n, err
			}
		}
		if u.have == u.need() {
			if err := u.begin(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// check looks at the first two bytes, so that what is no WebSocket is found out
// by them.
func (u *unframer) check() error {
	op, final := u.head[0]&0x0f, u.head[0]&0x80 != 0
	wrong := func(what error) error { return &violation{closeProtocolError, what} }
	switch {
	case u.head[0]&0x70 != 0:
		return wrong(errReserved)
	case u.head[1]&0x80 != 0 != u.masked:
		return wrong(errMask)
	}
	switch op {
	case opContinuation:
		if u.message == 0 {
			return wrong(errOrder)
		}
	case opText, opBinary:
		switch {
		case u.message != 0:
			return wrong(errOrder)
		case op == opText && !u.text:
			return &violation{closeUnsupportedData, errText}
		}
	case opClose, opPing, opPong:
		if !final || u.head[1]&0x7f > maxControl {
			return wrong(errControl)
		}
	default:
		return wrong(errReserved)
	}
	return nil
}

// begin opens the frame whose header is complete.
func (u *unframer) begin() error {
	u.op, u.final = u.head[0]&0x0f, u.head[0]&0x80 != 0
	n, at := uint64(u.head[1]&0x7f), 2
	switch n {
	case 126:
		n, at = uint64(binary.BigEndian.Uint16(u.head[2:])), 4
	case 127:
		n, at = binary.BigEndian.Uint64(u.head[2:]), 10
	}
	if u.masked {
		u.key = [4]byte(u.head[at:])
	}
	u.have = 0
	if !u.control() {
		if u.op != opContinuation {
			u.message, u.size = u.op, 0
		}
		limit := u.limit
		if u.message == opText {
			limit = u.most
		}
		if n > math.MaxInt64 || int64(n) > limit-u.size {
			return &violation{closeMessageTooBig, errTooBig}
		}
		u.size += int64(n)
	}
	u.left, u.open = int64(n), true
	return nil
}

// control tells whether the open frame is a control frame.
func (u *unframer) control() bool { return u.op&0x08 != 0 }

// payload takes the next bytes of the open frame's payload, p, and unmasks them
// in place. It closes the frame with the last of them.
func (u *unframer) payload(p []byte) {
	if u.masked {
		u.key = mask(p, p, u.key)
	}
	u.left -= int64(len(p))
}

// end closes the frame, whose payload is complete, and tells whether a message
// ended with it.
func (u *unframer) end() (message bool) {
	u.open = false
	if u.control() || !u.final {
		return false
	}
	u.message = 0
	return true
}

// closed is the end of the stream by a close frame.
type closed struct{ code int }

func (c *closed) Error() string {
	return fmt.Sprintf("websocket closed by the peer with code %d", c.code)
}

// parseClose gives the error that a close frame means: a *closed, or a *violation
// (RFC 6455, sections 5.5.1 and 7.4).
func parseClose(p []byte) error {
	wrong := &violation{closeProtocolError, errClose}
	switch {
	case len(p) == 0:
		return &closed{closeNoStatus}
	case len(p) == 1 || !utf8.Valid(p[2:]):
		return wrong
	}
	switch code := int(binary.BigEndian.Uint16(p)); {
	case code >= 1000 && code <= 1014 && code != 1004 && code != closeNoStatus && code != 1006,
		code >= 3000 && code <= 4999:
		return &closed{code}
	}
	return wrong
}
