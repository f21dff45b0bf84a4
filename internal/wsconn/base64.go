package wsconn

import (
	"bytes"
	"encoding/base64"
)

// pieceSize is how many characters are decoded at a time, a multiple of 4.
const pieceSize = 256

// decoder decodes text messages, a piece at a time, whatever the pieces.
type decoder struct {
	in    [pieceSize]byte
	kept  int // characters at the front of in, fewer than 4, that wait for more
	out   [pieceSize / 4 * 3]byte
	ended bool // by padding
}

// reset makes it ready for the next message.
func (d *decoder) reset() { d.kept, d.ended = 0, false }

// space is where the next piece of the message goes.
func (d *decoder) space() []byte { return d.in[d.kept:] }

// decode takes n new characters in space and returns the bytes that are
// complete, valid until the next call. last says that the message ends with them.
func (d *decoder) decode(n int, last bool) ([]byte, error) {
	have := d.in[:d.kept+n]
	whole := have[:len(have)/4*4]
	rest := have[len(whole):]
	switch {
	case d.ended && len(have) > 0, last && len(rest) > 0:
		return nil, errBase64
	case bytes.IndexByte(whole, '\n') >= 0, bytes.IndexByte(whole, '\r') >= 0:
		// The standard library would skip them.
		return nil, errBase64
	}
	m, err := base64.StdEncoding.Decode(d.out[:], whole)
	if err != nil {
		return nil, errBase64
	}
	d.ended = d.ended || bytes.HasSuffix(whole, []byte("="))
	d.kept = copy(d.in[:], rest)
	return d.out[:m], nil
}
