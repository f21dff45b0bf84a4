package wsconn

import (
	"errors"
	"time"
)

const (
	// ackPatience is how long what TCP sends may stay without any answer. RFC 1122
	// (section 4.2.3.5) asks for at least 100 s.
	ackPatience = 2 * time.Minute

	// silentTicks is after how many silent ticks a peer that used to answer is
	// dead: the ping of the first, and three whole intervals without any answer.
	silentTicks = 4
)

var errDead = errors.New("the peer is dead: it does not answer any more")

// startPings starts the timer, which costs no goroutine while it runs.
func (c *Conn) startPings() {
	if c.every <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Between two answers of a living peer that has nothing to say lie up to two
	// intervals; something sent at the end of them is unanswered and in order.
	c.patience = max(ackPatience, 3*c.every)
	c.timer = time.AfterFunc(c.every, c.tick)
}

// tick runs once an interval: it sends a ping if nothing was heard since the
// last, and gives up a peer that is dead. The rules are at Conn.
func (c *Conn) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.dead != nil {
		return
	}
	heard := c.src.heard.Swap(false)
	writes := c.wrote.Swap(false) || c.writing.isHeld()
	if heard || writes || !c.src.waiting.Load() {
		c.silent = 0
	} else {
		c.silent++
	}
	if unanswered(c.conn) > c.patience || c.answers && c.silent >= silentTicks {
		c.dead = errDead
		c.conn.SetDeadline(aLongTimeAgo) // whoever waits returns
		return
	}
	if !heard {
		c.pending.ping = true
		c.startSender()
	}
	c.timer.Reset(c.every)
}
