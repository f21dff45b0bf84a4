package client

import (
	"context"
	"fmt"
	"time"
)

// event tells the Tor user of something that a stranger can cause, so not more often
// than a log can bear.
func (c *Client) event(text string) {
	if c.events.Allow() {
		c.cfg.Notice(text)
	}
}

// Waiting is said once a minute; what may be wrong is said when it is likely.
const (
	remindEvery = time.Minute
	hintAfter   = 3 * time.Minute
)

// remind says once a minute what Tor is waiting for, while it waits.
func (c *Client) remind(ctx context.Context) {
	var next <-chan time.Time
	for {
		changed := c.changes.wait()
		since, a := c.oldest()
		switch {
		case since.IsZero():
			next = nil
		case next == nil:
			next = time.After(remindEvery)
		}
		select {
		case <-next:
			next = nil
			c.cfg.Notice(c.waitingText(a, time.Since(since)))
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// oldest gives since when the longest waiting SOCKS connection waits, and where;
// the zero time when none does.
func (c *Client) oldest() (since time.Time, where *alternative) {
	for _, a := range c.alternatives {
		if t := a.link.oldest(); !t.IsZero() && (where == nil || t.Before(since)) {
			since, where = t, a
		}
	}
	return since, where
}

func (c *Client) waitingText(a *alternative, d time.Duration) string {
	text := fmt.Sprintf("waiting for a flash proxy to connect, for %s so far", d.Round(time.Minute))
	if d < hintAfter {
		return text
	}
	if c.cfg.Facilitator.URL == "" {
		return text + "; nothing asks for one unless --register and --facilitator, or url= in the Bridge line, say where"
	}
	return text + fmt.Sprintf("; proxies must be able to reach TCP port %d of this computer from the Internet:"+
		" a router or firewall in between has to forward it", a.Addr.Port())
}
