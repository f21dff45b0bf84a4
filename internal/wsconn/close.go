package wsconn

import (
	"net"
	"time"
)

// closeWait bounds Close: half of it for what is being written and the close
// frame, all of it for the peer's end.
const closeWait = 2 * time.Second

// Close ends the connection. A blocked Read returns net.ErrClosed at once; a
// blocked Write has a second to finish its message. A close frame follows
// everything written, with code 1000, or the one that answers what the peer did.
// Then input is discarded until the peer ends its stream, for at most two
// seconds from the call: closing with unread input would make TCP reset the
// connection and destroy what the peer has not read. Further calls wait for the first
// and return nil.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		c.done.Wait()
		return nil
	}
	c.wantClose(closeNormal)
	c.startSender()
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
	}
	until := time.Now().Add(closeWait)
	if c.dead == nil {
		c.conn.SetReadDeadline(aLongTimeAgo)
		c.conn.SetWriteDeadline(until.Add(-closeWait / 2))
	}
	c.mu.Unlock()
	defer c.done.Done()

	c.senders.Wait()
	c.writing.lock()
	sent := c.closeSent && c.lent == nil
	c.writing.unlock()
	c.reading.lock()
	defer c.reading.unlock()
	c.plain = nil
	if !sent {
		return c.cut()
	}
	// The server is the one to end a connection whose close frames have crossed
	// (RFC 6455, section 7.1.1).
	if c.client || !c.peerEnded {
		c.discard(until)
	}
	return c.conn.Close()
}

// discard ends our stream and reads until the peer has ended its own.
func (c *Conn) discard(until time.Time) {
	if w, ok := c.conn.(interface{ CloseWrite() error }); ok && w.CloseWrite() != nil {
		return
	}
	c.conn.SetReadDeadline(until)
	f := lending.Get().(*frames)
	defer lending.Put(f)
	for {
		if _, err := c.conn.Read(f.buf[:]); err != nil {
			return
		}
	}
}

// cut closes a connection that nothing can be written to. TLS would try.
func (c *Conn) cut() error {
	if t, ok := c.conn.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn().Close()
	}
	return c.conn.Close()
}

// drop closes a connection that nobody has used yet, without a word.
func (c *Conn) drop() {
	c.mu.Lock()
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	c.cut()
	c.senders.Wait()
	c.done.Done()
}
