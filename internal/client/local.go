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
//
// Then it stays below here, until Tor or the proxy goes. So that it needs little of
// the stack, what needs much is done by others, which have returned by then.
func (c *Client) serveLocal(ctx context.Context, a *alternative, req Request) {
	defer req.Close()
	w := c.admit(ctx, a, req)
	if w == nil {
		return
	}
	r := w.await(ctx)
	switch {
	case r == nil:
		r = a.link.dropLocal(w)
	case c.grant(req, w, r):
		c.carry(ctx, a, w, r)
		return
	default:
		a.link.dropLocal(w)
	}
	if r != nil { // it is as good as new: nothing went through it
		c.wg.Go(func() { c.standBy(ctx, a, &remote{conn: r.conn, source: r.source}) })
	}
}

// admit lets a SOCKS connection wait, or gives nil when it has rejected it.
func (c *Client) admit(ctx context.Context, a *alternative, req Request) *local {
	target, err := a.target(c.cfg.Facilitator, req.Args())
	if err == nil {
		err = c.want(ctx, target)
	}
	if err != nil {
		c.event("the arguments of the Bridge line in torrc are wrong: " + err.Error())
		req.Reject()
		return nil
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
		return nil
	}
	return w
}

// await gives the proxy that w was linked to, or nil when Tor has gone before.
func (w *local) await(ctx context.Context) *remote {
	select {
	case r := <-w.remote:
		return r
	case <-w.conn.gone:
	case <-ctx.Done():
	}
	return nil
}

// grant answers the request. It is false if Tor has gone meanwhile.
func (c *Client) grant(req Request, w *local, r *remote) bool {
	if req.Grant() != nil {
		return false
	}
	w.linked = time.Now()
	waited := w.linked.Sub(w.since)
	if waited < atOnce {
		c.event("connected through a flash proxy that stood by")
	} else {
		c.event("a flash proxy connected after " + round(waited).String())
	}
	c.cfg.Logger.Debug("linked", "proxy", r.conn.RemoteAddr(), "waited", waited)
	return true
}

// carry copies until the pair is done.
func (c *Client) carry(ctx context.Context, a *alternative, w *local, r *remote) {
	stats, err := relaypipe.Run(ctx, w.conn, r.conn, relaypipe.Options{IdleTimeout: pipeIdle})
	a.link.dropLocal(w)
	c.parted(a, w, r, stats, err, ctx.Err() != nil)
}

// parted tells that a pair is done; stopping: because we stop.
func (c *Client) parted(a *alternative, w *local, r *remote, s relaypipe.Stats, err error, stopping bool) {
	lasted := time.Since(w.linked)
	if r.conn.lost.Load() && !stopping {
		c.event("lost a flash proxy after " + round(lasted).String() + outlook(a, w.target))
	}
	c.cfg.Logger.Debug("pipe ended", "proxy", r.conn.RemoteAddr(), "error", err,
		"lasted", lasted, "up", s.AToB, "down", s.BToA)
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
