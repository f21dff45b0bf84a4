package wsconn

import (
	"errors"
	"fmt"
	"io"
	"net"

	"flashproxy/internal/netwait"
)

// The close codes that are used here (RFC 6455, section 7.4.1).
const (
	closeNormal          = 1000
	closeGoingAway       = 1001
	closeProtocolError   = 1002
	closeUnsupportedData = 1003
	closeNoStatus        = 1005 // never sent: there was none
	closeInvalidPayload  = 1007
	closeMessageTooBig   = 1009
)

// violation is a fault of the peer: the close code it gets, and what it did.
type violation struct {
	code int
	what error
}

func (v *violation) Error() string {
	return fmt.Sprintf("websocket peer at fault (%d): %v", v.code, v.what)
}

func (v *violation) Unwrap() error { return v.what }

var (
	errText   = errors.New("text message without the base64 subprotocol")
	errBase64 = errors.New("message is not base64")
)

// Read takes what has come, as far as p reaches, or waits for it.
func (c *Conn) Read(p []byte) (int, error) {
	c.reading.lock()
	defer c.reading.unlock()
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if err := c.await(); err != nil {
			return 0, err
		}
		if len(c.plain) > 0 {
			n := copy(p, c.plain)
			c.plain = c.plain[n:]
			return n, nil
		}
		n, err := c.src.take(p[:min(int64(len(p)), c.in.left)])
		if err != nil {
			return 0, c.failed(err)
		}
		if data := c.extractTogether(p[:n], 0); len(data) > 0 {
			return len(data), nil // from the beginning of p: payload comes first here
		}
	}
}

// ReadLate implements netwait.LateReader: it takes all data that one read from the
// connection brings, of as many messages as there are in it. Over TLS, where
// nothing tells when there is something to read, it borrows when a message has begun.
func (c *Conn) ReadLate(l netwait.Lender) (parts netwait.Parts, err error) {
	c.reading.lock()
	for len(parts) == 0 && err == nil {
		parts, err = c.readLate(l)
	}
	c.reading.unlock() // a defer would cost as much stack again
	return parts, err
}

// readLate reads once. What it gives may be empty; then nothing is borrowed. Ten thousand
// wait in it: it needs little of the stack, and leaves the rest to others.
func (c *Conn) readLate(l netwait.Lender) (netwait.Parts, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	if len(c.plain) > 0 {
		return c.lendPlain(l), nil
	}
	c.slack.Lender = l
	return c.took(c.src.takeLate(&c.slack))
}

// begin waits as long as it can without a buffer, where the source cannot.
func (c *Conn) begin() error {
	if c.src.late == nil {
		return c.await()
	}
	return c.ready()
}

func (c *Conn) lendPlain(l netwait.Lender) netwait.Parts {
	buf := l.Borrow()
	n := copy(buf, c.plain)
	c.plain = c.plain[n:]
	return l.Parts().Add(buf[:n])
}

// took takes apart what the source has read into what c.slack has borrowed.
func (c *Conn) took(raw netwait.Parts, err error) (netwait.Parts, error) {
	borrowed := c.slack
	c.slack = slack{} // an idle connection must not keep what it has given back
	if err != nil {
		return nil, c.failed(err)
	}
	n := len(raw.Join())
	parts := c.extract(borrowed.whole[:slackSize+n], slackSize, borrowed.Parts())
	if len(parts) == 0 {
		borrowed.Return()
	}
	return parts, nil
}

// slackSize is the room that text needs before it to be decoded where it is:
// up to 3 characters of a quantum came with an earlier read.
const slackSize = 4

// slack is a lender that keeps room free at the front.
type slack struct {
	netwait.Lender
	whole []byte
}

func (s *slack) Borrow() []byte {
	s.whole = s.Lender.Borrow()
	return s.whole[slackSize:]
}

// WaitRead waits until Read would return at once, with data, the end of the
// stream or an error of the peer's making. Its own error says that the connection
// was closed at this end, or that its read deadline passed. (Over TLS it returns when a
// message has begun.)
func (c *Conn) WaitRead() error {
	c.reading.lock()
	defer c.reading.unlock()
	err := c.await()
	if err == nil && len(c.plain) == 0 {
		if err = c.src.await(); err != nil {
			err = c.failed(err)
		}
	}
	if errors.Is(err, net.ErrClosed) || isTimeout(err) {
		return err
	}
	return nil
}

// ready tells what ended reading, if anything did and nothing is left to take.
func (c *Conn) ready() error {
	switch {
	case c.isClosed():
		return net.ErrClosed
	case len(c.plain) > 0:
		return nil
	}
	return c.readErr
}

// await returns when the payload of a binary frame is to come, or when there is
// something in c.plain. It reads no byte beyond.
func (c *Conn) await() error {
	for {
		if err := c.ready(); err != nil || len(c.plain) > 0 {
			return err
		}
		if c.in.open && c.in.left > 0 && c.in.message == opBinary && !c.in.control() {
			return nil
		}
		if c.space == nil {
			c.space = new([slackSize + maxControl]byte)
		}
		p := c.space[slackSize:]
		if c.in.open {
			p = p[:min(int64(len(p)), c.in.left)]
		} else {
			p = p[:c.in.need()-c.in.have]
		}
		if err := c.src.await(); err != nil {
			return c.failed(err)
		}
		n, err := c.src.take(p)
		if err != nil {
			return c.failed(err)
		}
		// Only what was decoded comes of it; it moves to a place of its own.
		if data := c.extractTogether(c.space[:slackSize+n], slackSize); len(data) > 0 {
			c.plain = append(c.plain[:0], data...)
		}
	}
}

// extractTogether is extract where the data are to be together.
func (c *Conn) extractTogether(b []byte, r int) []byte {
	var one [1][]byte
	return c.extract(b, r, one[:0]).Join()
}

// extract takes the bytes of b from r on, which are the next of the stream, apart. It
// adds the data that were in them to parts. What the peer did wrong behind them is in
// c.readErr then, as is the end of the stream.
//
// With the subprotocol there is one part, at the front of b, and text must have slackSize
// bytes before it: what is decoded at any time is no longer than what was taken in, and what
// an earlier read has left of a quantum.
func (c *Conn) extract(b []byte, r int, parts netwait.Parts) netwait.Parts {
	w := 0
	for r < len(b) && c.readErr == nil {
		if !c.in.open {
			n, err := c.in.header(b[r:])
			r += n
			if err != nil {
				c.fail(err)
			} else if c.in.open && c.in.left == 0 {
				c.endFrame()
			}
			continue
		}
		piece := b[r : r+int(min(int64(len(b)-r), c.in.left))]
		c.in.payload(piece)
		switch {
		case c.in.control():
			c.control = append(c.control, piece...)
		case c.in.message == opText:
			w += c.decode(b[w:], piece)
		case c.base64:
			w += copy(b[w:], piece)
		default:
			parts = parts.Add(piece)
		}
		r += len(piece)
		if c.in.left == 0 && c.readErr == nil {
			c.endFrame()
		}
	}
	if w > 0 {
		parts = parts.Add(b[:w])
	}
	return parts
}

// decode decodes a piece of a text message to the front of to, and returns how
// many bytes that gave.
func (c *Conn) decode(to, piece []byte) (n int) {
	for len(piece) > 0 {
		m := copy(c.text.space(), piece)
		piece = piece[m:]
		data, err := c.text.decode(m, false)
		if err != nil {
			c.fail(&violation{closeInvalidPayload, err})
			return n
		}
		n += copy(to[n:], data)
	}
	return n
}

// endFrame is called when the open frame is complete.
func (c *Conn) endFrame() {
	control, text := c.in.control(), c.in.message == opText
	switch ended := c.in.end(); {
	case control:
		c.gotControl(c.in.op, c.control)
		c.control = c.control[:0]
	case ended && text:
		if _, err := c.text.decode(0, true); err != nil {
			c.fail(&violation{closeInvalidPayload, err})
		}
		c.text.reset()
	}
}

// gotControl takes a control frame.
func (c *Conn) gotControl(op byte, payload []byte) {
	switch op {
	case opPing:
		c.gotPing(string(payload))
	case opPong:
		c.gotPong()
	case opClose:
		c.fail(parseClose(payload))
	}
}

// failed takes an error of the connection, and gives it as it is to be returned.
// A deadline ends no more than one read.
func (c *Conn) failed(err error) error {
	err = c.cause(err)
	if !isTimeout(err) {
		c.readErr = err
	}
	return err
}

// fail ends reading for what the peer sent, a *closed or a *violation, and has the
// close frame sent that is due.
func (c *Conn) fail(err error) {
	c.readErr = err
	if v, ok := errors.AsType[*violation](err); ok {
		c.sendClose(v.code)
	} else if bye, ok := errors.AsType[*closed](err); ok {
		c.peerEnded = true
		c.sendClose(bye.code)
		switch bye.code {
		case closeNormal, closeGoingAway, closeNoStatus:
			c.readErr = io.EOF
		}
	}
}
