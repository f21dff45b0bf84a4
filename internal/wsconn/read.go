package wsconn

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/gorilla/websocket"
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

// Read takes data of the current message, or waits for the next that has any. It
// takes what has come of that one message, as far as p reaches.
func (c *Conn) Read(p []byte) (int, error) {
	c.reading.lock()
	defer c.reading.unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.await(); err != nil {
		return 0, err
	}
	n := c.take(p)
	// Bytes that the source holds need no waiting: they belong to this message, or
	// it is over. (Only where a message has several frames, and the header of the
	// next was torn on its way, the rest of that header is waited for.)
	for n < len(p) && c.msg != nil && c.src.buffered() > 0 {
		if c.isText {
			c.fetch()
			n += c.take(p[n:])
			continue
		}
		m, err := c.msg.Read(p[n:])
		n += m
		c.ended(err)
	}
	return n, nil
}

// WaitRead waits until Read would return at once, with data, the end of the
// stream or an error of the peer's making. Its own error says that the connection
// was closed at this end, or that its read deadline passed.
func (c *Conn) WaitRead() error {
	c.reading.lock()
	defer c.reading.unlock()
	err := c.await()
	if errors.Is(err, net.ErrClosed) || isTimeout(err) {
		return err
	}
	return nil
}

// await returns when there is something in c.plain, or with the final error.
func (c *Conn) await() error {
	for {
		switch {
		case c.isClosed():
			return net.ErrClosed
		case len(c.plain) > 0:
			return nil
		case c.readErr != nil:
			return c.readErr
		case c.msg == nil:
			c.next()
		default:
			c.fetch()
		}
	}
}

// take moves data from c.plain to p.
func (c *Conn) take(p []byte) int {
	n := copy(p, c.plain)
	c.plain = c.plain[n:]
	return n
}

// next waits for the header of the next message.
func (c *Conn) next() {
	kind, msg, err := c.ws.NextReader()
	switch {
	case err != nil:
		c.fail(err)
	case kind == websocket.BinaryMessage:
		c.msg, c.isText = msg, false
	case c.base64:
		c.msg, c.isText = msg, true
		c.text.reset()
	default:
		c.fail(&violation{websocket.CloseUnsupportedData, errText})
	}
}

// fetch waits for data of the current message and puts it into c.plain, which
// is empty. There may be none: a message may be empty, and so may be a frame.
func (c *Conn) fetch() {
	if !c.isText {
		n, err := c.msg.Read(c.head[:])
		c.plain = c.head[:n]
		c.ended(err)
		return
	}
	n, err := c.msg.Read(c.text.space())
	data, bad := c.text.decode(n, err == io.EOF)
	c.plain = data
	if bad != nil {
		err = &violation{websocket.CloseInvalidFramePayloadData, bad}
	}
	c.ended(err)
}

// ended takes the error of a read from the current message.
func (c *Conn) ended(err error) {
	if err == nil {
		return
	}
	c.msg = nil
	if err != io.EOF {
		c.fail(err)
	}
}

// fail ends reading. It finds out whether the connection failed, the peer
// closed, or the peer did something wrong, and has the close frame sent that is
// due. gorilla must not be asked again: it panics at the thousandth time.
func (c *Conn) fail(err error) {
	var (
		wrong *violation
		bye   *websocket.CloseError
	)
	switch {
	case c.src.failed:
		c.readErr = c.cause(c.src.end)
		return
	case errors.As(err, &wrong):
	case errors.As(err, &bye):
		c.peerEnded = true
		c.sendClose(bye.Code)
		c.readErr = fmt.Errorf("websocket closed by the peer with code %d", bye.Code)
		switch bye.Code {
		case websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived:
			c.readErr = io.EOF
		}
		return
	case errors.Is(err, websocket.ErrReadLimit):
		wrong = &violation{websocket.CloseMessageTooBig, err}
	default:
		wrong = &violation{websocket.CloseProtocolError, err}
	}
	c.readErr = wrong
	c.sendClose(wrong.code)
}
