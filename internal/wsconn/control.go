package wsconn

import (
	"encoding/binary"

	"flashproxy/internal/netwait"
)

// pending is what control frames are to be sent: at most one of each kind, so
// that no peer can make it grow.
type pending struct {
	pong, ping, close bool
	echo              string // what the pong carries: the newest ping's payload
	code              int    // of the close frame; the first reason counts
}

// next takes the next frame to send. A close frame comes last.
func (p *pending) next() (op byte, payload []byte, ok bool) {
	switch {
	case p.pong:
		payload = []byte(p.echo)
		p.pong, p.echo = false, ""
		return opPong, payload, true
	case p.ping:
		p.ping = false
		return opPing, nil, true
	case p.close:
		p.close = false
		if p.code == closeNoStatus {
			return opClose, nil, true
		}
		return opClose, binary.BigEndian.AppendUint16(nil, uint16(p.code)), true
	}
	return 0, nil, false
}

// gotPing runs in the reader's way, so it only leaves word.
func (c *Conn) gotPing(payload string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending.pong, c.pending.echo = true, payload
	c.startSender()
}

func (c *Conn) gotPong() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = true
}

// sendClose has a close frame sent, once.
func (c *Conn) sendClose(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wantClose(code)
	c.startSender()
}

// wantClose needs c.mu.
func (c *Conn) wantClose(code int) {
	if c.pending.code == 0 {
		c.pending.code = code
	}
	c.pending.close = true
}

// startSender sees to it that a goroutine sends what is pending; it needs c.mu.
// After Close has waited for the last there is no new one.
func (c *Conn) startSender() {
	if !c.busy && !c.closed {
		c.busy = true
		c.senders.Go(c.sendPending)
	}
}

// sendPending sends control frames until none is left. Its errors are no one's:
// those that matter are kept in c.writeErr, and the reader will meet them too.
func (c *Conn) sendPending() {
	for {
		c.mu.Lock()
		op, payload, ok := c.pending.next()
		if !ok {
			c.busy = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		data := netwait.Parts{payload}
		c.writing.lock()
		c.send(op, &data, len(payload), maxControl)
		c.writing.unlock()
	}
}
