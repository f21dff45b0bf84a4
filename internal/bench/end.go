package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// readSize is what an end reads at once: as much as a copy does not deliver at once,
// so that ours and the yardstick's are read with the same effort.
const readSize = 64 << 10

// end is one of the two ends of a pair, which are both played here: a TCP
// connection, or the server's side of a WebSocket.
type end struct {
	net.Conn
	framed bool

	mu       sync.Mutex
	received int64 // payload, since ever
	want     int64
	reached  chan struct{} // closed when received is want; nil: nobody waits
	err      error         // why no more comes
}

// message makes what a message of size bytes is on this end's wire.
func (e *end) message(size int) []byte {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	if e.framed {
		return frame(payload)
	}
	return payload
}

// send sends n messages of size bytes, each by one write.
func (e *end) send(size int, n int64) error {
	m := e.message(size)
	for range n {
		if _, err := e.Write(m); err != nil {
			return err
		}
	}
	return nil
}

// drain reads and counts until the connection ends, with buffers of size bytes. It
// answers pings. It is the only reader.
func (e *end) drain(size int) {
	buf := make([]byte, size)
	var c frameCounter
	for {
		n, err := e.Read(buf)
		if e.framed {
			pings := c.pings
			var bad error
			if n, bad = c.count(buf[:n]); bad != nil {
				err = bad
			}
			if c.pings > pings {
				io.WriteString(e, "\x8a\x00") // a pong of nothing says as well that we live
			}
		}
		e.mu.Lock()
		e.received += int64(n)
		e.err = err
		if e.reached != nil && (e.received >= e.want || err != nil) {
			close(e.reached)
			e.reached = nil
		}
		e.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// total is how much payload was received.
func (e *end) total() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.received
}

// await waits until want bytes were received since ever.
func (e *end) await(ctx context.Context, want int64) error {
	e.mu.Lock()
	if e.received >= want || e.err != nil {
		defer e.mu.Unlock()
		return e.state(want)
	}
	reached := make(chan struct{})
	e.want, e.reached = want, reached
	e.mu.Unlock()
	select {
	case <-reached:
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state(want)
}

// state needs e.mu.
func (e *end) state(want int64) error {
	switch {
	case e.received == want:
		return nil
	case e.received > want:
		return fmt.Errorf("%d bytes came, %d were sent", e.received, want)
	case e.err != nil:
		return fmt.Errorf("after %d of %d bytes: %w", e.received, want, e.err)
	}
	return fmt.Errorf("only %d of %d bytes came in time", e.received, want)
}

// upgrade is the server's part of the handshake (RFC 6455, section 4.2.2).
func upgrade(c net.Conn) error {
	req, err := http.ReadRequest(bufio.NewReader(c)) // it sends nothing more before the answer
	if err != nil {
		return fmt.Errorf("read the WebSocket request: %w", err)
	}
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	return err
}
