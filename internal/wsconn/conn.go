// Package wsconn gives WebSocket connections (RFC 6455) as net.Conn: Dial opens
// one, a Listener accepts them. It is the only importer of gorilla/websocket,
// which does the handshakes. Frames are taken apart and put together here: many
// short messages cost one system call, read where the reader wants them, and an
// idle connection holds no buffer. A write deadline means what it means for every
// net.Conn, and an answer to a ping can neither block the reader nor end the
// connection.
//
// It is not a message API: boundaries mean nothing. It is not an HTTP server:
// whatever does not ask for a WebSocket gets a plain 404.
package wsconn

import (
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"flashproxy/internal/netwait"
)

const (
	// subprotocol is the one there is: text messages carry base64, for peers
	// that have no binary messages.
	subprotocol = "base64"

	// maxReceived is how much data one message may carry. Implementations of
	// 2015 sent at most 64 KiB; this is sixteen times that.
	maxReceived = 1 << 20

	// headSize is of the buffer that gorilla reads a response's head with, and has
	// no use for afterwards.
	headSize = 256

	// defaultPing is below the minute after which home routers forget an idle
	// connection.
	defaultPing = 30 * time.Second
)

// aLongTimeAgo is a deadline that has passed: it wakes whoever waits.
var aLongTimeAgo = time.Unix(1, 0)

// Conn is a WebSocket as a net.Conn, a netwait.Waiter and a netwait.LateReader. Its
// methods may be called from several goroutines. What departs from net.Conn:
//
//   - Message boundaries mean nothing. A Write is sent as binary messages of at
//     most 32 KiB, or as base64 in text messages of at most 24 KiB when that
//     subprotocol was negotiated. Empty messages are skipped, and an empty Write
//     sends nothing.
//   - Read returns io.EOF when the peer sent a close frame with code 1000, 1001
//     or none, io.ErrUnexpectedEOF when its stream ended without a close frame,
//     and another error for another code.
//   - There is no half-close. After the peer's close frame ours answers it at
//     once, and Writes fail with io.ErrClosedPipe.
//   - A write deadline that passes inside a message does not tear it: the message
//     counts as written, and its rest goes out before whatever is sent next. (Over
//     TLS it ends writing for good, as crypto/tls has it.)
//   - Pings are answered and close frames noticed only while somebody reads.
//     Reading ahead of the caller would need a buffer.
//   - A peer that breaks the protocol gets a close frame that says so (1002,
//     1003, 1007, 1009); Read returns an error from then on.
//   - When nothing has been received for PingInterval, a ping is sent. That alone
//     closes nothing: implementations of 2015 do not answer. But a ping makes a
//     dead peer leave something unacknowledged: where the system tells (Linux), a
//     connection with data in flight and not one TCP acknowledgement for two
//     minutes is ended. Elsewhere TCP's own patience decides. And a peer that
//     has answered pings before, and then sends no byte for three intervals while
//     we wait for it and write nothing ourselves, is dead too. A peer that lives
//     but does not read is not given up while a Write waits for it.
//   - Close says goodbye and may take two seconds; see there.
type Conn struct {
	conn   net.Conn // TCP, TLS, or a test's
	client bool     // masks what it sends
	base64 bool     // the subprotocol was negotiated

	reading   lock // of the fields below; held while a Read waits
	src       *source
	in        unframer
	control   []byte                        // what has come of a control frame's payload
	text      *decoder                      // nil without the subprotocol
	space     *[slackSize + maxControl]byte // what is read without the caller's buffer; once needed
	slack     slack                         // of the ReadLate that is under way
	plain     []byte                        // data that came and was not returned yet
	readErr   error                         // final
	peerEnded bool                          // its close frame came

	out       io.Writer // writes conn
	writing   lock      // of the fields below; held while a Write waits
	rest      []byte    // of a frame that a deadline interrupted, in lent
	lent      *frames
	writeErr  error // final
	closeSent bool  // its rest may be in rest

	mu       sync.Mutex // of the fields below; never held while anything waits
	closed   bool       // Close was called
	dead     error      // why the connection was given up
	pending  pending    // control frames to send
	busy     bool       // a goroutine sends them
	senders  sync.WaitGroup
	timer    *time.Timer // the next tick; nil without pings
	every    time.Duration
	patience time.Duration // how long unacknowledged data may stay so
	silent   int           // ticks in which nothing was heard
	answers  bool          // the peer has answered a ping

	wrote atomic.Bool    // data, since the last tick
	done  sync.WaitGroup // Close, which ends it when it has finished
}

// newConn takes over src, on which the handshake has been done. ping is as in
// DialOptions.
func newConn(src *source, client, text bool, ping time.Duration) *Conn {
	c := &Conn{
		conn:   src.Conn,
		client: client,
		base64: text,
		src:    src,
		out:    netwait.Writer(src.Conn),
		in: unframer{
			masked: !client,
			text:   text,
			limit:  maxReceived,
			most:   int64(base64.StdEncoding.EncodedLen(maxReceived)),
		},
		every: ping,
	}
	if text {
		c.text = new(decoder)
	}
	c.reading.init()
	c.writing.init()
	c.done.Add(1)
	c.startPings()
	return c
}

// LocalAddr returns the local address of the underlying connection.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the remote address of the underlying connection.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline sets both deadlines. What their passing does is said at Conn.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadline(t, net.Conn.SetDeadline) }

// SetReadDeadline sets the deadline of Read, ReadLate and WaitRead; the zero time is
// none.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(t, net.Conn.SetReadDeadline)
}

// SetWriteDeadline sets the deadline of Write; the zero time is none.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(t, net.Conn.SetWriteDeadline)
}

// setDeadline leaves the deadlines alone that Close or the death of the peer has set.
func (c *Conn) setDeadline(t time.Time, set func(net.Conn, time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	if c.dead != nil {
		return c.dead
	}
	return set(c.conn, t)
}

// cause turns an error of the underlying connection into the one to return:
// after Close, or when the peer was given up, that is the reason.
func (c *Conn) cause(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return net.ErrClosed
	case c.dead != nil:
		return c.dead
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
