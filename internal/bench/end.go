package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// readSize is what an end reads at once: as much as a copy does not deliver at once,
// so that ours and the yardstick's are read with the same effort.
const readSize = 64 << 10

// end is one of the two ends of a pair, which are both played here: a TCP
// connection or a WebSocket.
type end struct {
	net.Conn
	// wrap makes a WebSocket message; nil: this is plain TCP, whose messages are what
	// one write writes.
	wrap func(payload []byte) []byte

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
	return e.wrapped(payload)
}

func (e *end) wrapped(payload []byte) []byte {
	if e.wrap == nil {
		return payload
	}
	return e.wrap(payload)
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
		if e.wrap != nil {
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

// inFlight bounds what a flow has under way, as a stream of Tor's is bounded by its
// window. Without a bound the kernel's buffers would hold megabytes of each, and with
// a large one 400 flows would come in bursts longer than what is measured.
const inFlight = 64 << 10

// flow sends messages of size bytes to the other end as fast as they arrive there, until
// stop, and waits until all have.
func (e *end) flow(ctx context.Context, to *end, size int, stop *atomic.Bool) error {
	want, m := to.total(), e.message(size)
	for !stop.Load() {
		if want-to.total() >= inFlight {
			if err := to.await(ctx, want-inFlight/2); err != nil {
				return err
			}
		}
		if _, err := e.Write(m); err != nil {
			return err
		}
		want += int64(size)
	}
	return to.await(ctx, want)
}

// await waits until want bytes or more were received since ever. Only one may wait.
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
	case e.received >= want:
		return nil
	case e.err != nil:
		return fmt.Errorf("after %d of %d bytes: %w", e.received, want, e.err)
	}
	return fmt.Errorf("only %d of %d bytes came in time", e.received, want)
}
