// Package relaypipe copies bytes between two connections, both ways, until both
// ends are done. It is the only copy loop of the project: client, server and
// proxy all use Run.
//
// It is not a protocol: it knows nothing of what the connections carry, dials
// nothing and logs nothing.
package relaypipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrIdle is the end of a pipe in which no byte moved for Options.IdleTimeout.
var ErrIdle = errors.New("no data for too long")

// errDone is the cause of a clean end, inside this package.
var errDone = errors.New("done")

// Options of a Run; the zero value has no limits.
type Options struct {
	// IdleTimeout ends the pipe when no byte moved in either direction for so
	// long, not even because of the Limiter; 0 is never. It should be long enough for
	// 62 KiB, which is the most that one Write takes.
	IdleTimeout time.Duration
	// Limiter is asked before each write. Pipes may share one. Nil is no limit.
	Limiter Limiter
	// Meter is added to as bytes are delivered; pipes may share one. Nil is none.
	Meter *Meter
}

// Meter counts delivered bytes while they move, where Stats counts them when all
// is over: some pipes last for weeks.
type Meter struct {
	AToB, BToA atomic.Int64
}

// Stats counts the bytes that were delivered: written to the other side without
// an error.
type Stats struct {
	AToB, BToA int64
}

// halfCloser is a connection that can end its stream and go on reading.
type halfCloser interface {
	CloseWrite() error
}

// Run copies a to b and b to a. It owns both: when it returns both are closed
// and all its goroutines have ended.
//
// When one side's stream ends (io.EOF), what was read from it is still written;
// then the other side is half-closed and the way back goes on, if both have
// CloseWrite. If one has not, the pipe ends: a connection that cannot half-close
// is wholly gone at its end. The error of such a clean end is nil.
//
// Everything else ends both directions at once, and what was read but not
// written is dropped. (While a side takes nothing, nothing is read for it: that
// its source has failed is seen when it takes bytes again, or at the idle timeout.)
// The error is then context.Cause(ctx), ErrIdle, or an
// error that says which side it was about: "read a: …", "write b: …".
//
// Run reads with netwait.Late, so that an idle direction holds no buffer. A
// connection that keeps a buffer of its own before a socket must therefore be a
// netwait.LateReader or a netwait.Waiter, or not show the socket's SyscallConn.
func Run(ctx context.Context, a, b net.Conn, o Options) (Stats, error) {
	p := newPipe(a, b, o, &buffers)
	p.start(ctx)
	p.aToB.copy() // here: with the other that makes two goroutines
	return p.wait()
}

type pipe struct {
	a, b       net.Conn
	o          Options
	canHalf    bool // both ends can
	buffers    *bufferPool
	activity   activity
	aToB, bToA direction
	open       atomic.Int32    // directions that are not finished, if canHalf
	unwatch    func() bool     // of the context of Run
	limiting   context.Context // for the Limiter, if there is one; end ends it
	limited    context.CancelFunc

	other   sync.WaitGroup // bToA
	ended   sync.Once
	err     error // why; errDone for a clean end
	closing sync.WaitGroup
}

func newPipe(a, b net.Conn, o Options, buffers *bufferPool) *pipe {
	p := &pipe{a: a, b: b, o: o, buffers: buffers}
	_, aCan := a.(halfCloser)
	_, bCan := b.(halfCloser)
	p.canHalf = aCan && bCan
	p.activity.start, p.activity.on = time.Now(), o.IdleTimeout > 0
	p.open.Store(2)
	p.aToB.init(p, &p.bToA, a, b, 'a', 'b')
	p.bToA.init(p, &p.aToB, b, a, 'b', 'a')
	if o.Meter != nil {
		p.aToB.meter, p.bToA.meter = &o.Meter.AToB, &o.Meter.BToA
	}
	return p
}

// start starts all but the direction from a to b.
func (p *pipe) start(ctx context.Context) {
	if p.o.Limiter != nil {
		p.limiting, p.limited = context.WithCancel(context.WithoutCancel(ctx))
	}
	p.unwatch = context.AfterFunc(ctx, func() { p.end(context.Cause(ctx)) })
	p.activity.watch(p.o.IdleTimeout, func() { p.end(ErrIdle) })
	p.other.Go(p.bToA.copy)
}

// end ends both directions. The first call says why.
func (p *pipe) end(err error) {
	p.ended.Do(func() {
		p.err = err
		p.closing.Add(2)
		if p.limited != nil {
			p.limited()
		}
		// Close may take its time, such as for a WebSocket's closing handshake.
		for _, c := range []net.Conn{p.a, p.b} {
			go func() {
				defer p.closing.Done()
				c.Close()
			}()
		}
	})
}

// wait waits for all that start has started, and for what end does, which is called
// before the last direction returns.
func (p *pipe) wait() (Stats, error) {
	p.other.Wait()
	p.closing.Wait()
	p.unwatch()
	p.activity.stop()
	if p.err == errDone {
		p.err = nil
	}
	return Stats{AToB: p.aToB.delivered, BToA: p.bToA.delivered}, p.err
}

// finished is called by a direction that will read nothing more, when all that
// it has read is written.
func (p *pipe) finished(d *direction) {
	switch _, can := d.src.(halfCloser); {
	case p.canHalf:
		if err := d.dst.(halfCloser).CloseWrite(); err != nil {
			p.end(fmt.Errorf("half-close %c: %w", d.dstName, err))
		}
		if p.open.Add(-1) == 0 {
			p.end(errDone)
		}
	case can:
		// The source may have only stopped talking: it still gets what was
		// read for it.
		d.reverse.finishReading()
	default:
		p.end(errDone)
	}
}
