package client

import (
	"context"
	"time"

	"flashproxy/internal/relaypipe"
)

// pipeIdle ends a pipe that nobody uses. Tor sends something at least every five
// minutes (KeepalivePeriod), so that this catches only what is dead.
const pipeIdle = time.Hour

// atOnce is what nobody would call waiting.
const atOnce = 100 * time.Millisecond

// serveLocal holds a SOCKS request until a proxy is there for it, however long
// that takes: a refusal makes Tor wait longer and longer before it asks again, a
// request that is held makes it go on the moment a proxy comes.
func (c *Client) serveLocal(ctx context.Context, a *alternative, req Request) {
	defer req.Close()
	target, err := a.target(c.cfg.Facilitator, req.Args())
	if err == nil {
		err = c.want(ctx, target)
	}
	if err != nil {
		c.event("the arguments of the Bridge line in torrc are wrong: " + err.Error())
		req.Reject()
		return
	}
	w := &local{
		conn:   heldLocal{hold(&c.wg, req)},
		target: target,
		since:  time.Now(),
		remote: make(chan *remote, 1),
	}
	if err := a.link.addLocal(w); err != nil {
		c.cfg.Logger.Warn("SOCKS connection refused", "error", err)
		req.Reject()
		return
	}
	var r *remote
	select {
	case r = <-w.remote:
	case <-w.conn.gone:
	case <-ctx.Done():
	}
	if r != nil {
		if r = c.carry(ctx, a, req, w, r); r == nil {
			return
		}
	} else if r = a.link.dropLocal(w); r == nil {
		return
	}
	// The proxy is as good as new: nothing went through it.
	c.wg.Go(func() { c.standBy(ctx, a, &remote{conn: r.conn, source: r.source}) })
}

// carry answers the request and copies until the pair is done. It gives the
// proxy back if Tor had gone meanwhile, so that nothing could be carried.
func (c *Client) carry(ctx context.Context, a *alternative, req Request, w *local, r *remote) *remote {
	if err := req.Grant(); err != nil {
		a.link.dropLocal(w)
		return r
	}
	waited := time.Since(w.since)
	if waited < atOnce {
		c.event("connected through a flash proxy that stood by")
	} else {
		c.event("a flash proxy connected after " + round(waited).String())
	}
	c.cfg.Logger.Debug("linked", "proxy", r.conn.RemoteAddr(), "waited", waited)
	start := time.Now()
	stats, err := relaypipe.Run(ctx, w.conn, r.conn, relaypipe.Options{IdleTimeout: pipeIdle})
	a.link.dropLocal(w)
	if r.conn.lost.Load() && ctx.Err() == nil {
		c.event("lost a flash proxy after " + round(time.Since(start)).String() + outlook(a, w.target))
	}
	c.cfg.Logger.Debug("pipe ended", "proxy", r.conn.RemoteAddr(), "error", err,
		"lasted", time.Since(start), "up", stats.AToB, "down", stats.BToA)
	return nil
}

// outlook says what comes after a lost proxy.
func outlook(a *alternative, t Target) string {
	switch {
	case a.link.counts().spare > 0:
		return "; another one stands by"
	case t.URL != "":
		return "; asking for another one"
	}
	return ""
}

// round makes a duration fit for a sentence.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return max(d.Round(10*time.Millisecond), 0)
	}
	return d.Round(time.Second)
}
