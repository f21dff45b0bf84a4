package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
)

// WebSocket frames by hand (RFC 6455, section 5.2), since no library makes bad ones.

const (
	opMore   = 0
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10

	final    = 0x80 // in the first byte
	reserved = 0x70
	masked   = 0x80 // in the second
)

// upgrade asks for a WebSocket.
const upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// frame makes a whole message of payload, as a client sends it.
func frame(op byte, payload string) string { return part(final|op, payload) }

// part makes a frame with any first byte, masked, with a key that changes the payload.
func part(first byte, payload string) string {
	const key = "\x01\x02\x04\x08"
	b := []byte(header(first, masked, uint64(len(payload))) + key + payload)
	body := b[len(b)-len(payload):]
	for i := range body {
		body[i] ^= key[i%4]
	}
	return string(b)
}

// header makes the begin of a frame of n bytes, in the shortest way; mask is masked
// or 0.
func header(first, mask byte, n uint64) string {
	switch {
	case n <= 125:
		return string([]byte{first, mask | byte(n)})
	case n <= 0xffff:
		return string(binary.BigEndian.AppendUint16([]byte{first, mask | 126}, uint16(n)))
	}
	return string(binary.BigEndian.AppendUint64([]byte{first, mask | 127}, n))
}

// readFrame reads a frame as a server sends it: whole, unmasked, no reserved bits, and
// not longer than 32 KiB in base64.
func readFrame(r io.Reader) (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	if head[0]&(final|reserved) != final || n > 126 {
		return 0, nil, fmt.Errorf("a frame that begins with %x", head)
	}
	if n == 126 {
		var long [2]byte
		if _, err := io.ReadFull(r, long[:]); err != nil {
			return 0, nil, io.ErrUnexpectedEOF
		}
		n = uint64(binary.BigEndian.Uint16(long[:]))
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return head[0] &^ final, payload, nil
}
