package client

import (
	"container/list"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Reasons why a connection is not taken in.
var (
	errTooManyLocals  = errors.New("too many SOCKS connections wait for a proxy")
	errTooManyRemotes = errors.New("too many proxies stand by")
	errStopped        = errors.New("the client is stopping")
)

// Bounds on what waits. Tor opens a connection a Bridge line, and a few more when
// it retries.
const (
	maxLocals = 256
	// maxSpares is much more than anybody wants (--proxies), so that strangers who
	// connect for no good reason do not take the last place at once.
	maxSpares = 64
	// maxSparesPerSource is for a handful of proxies behind one address, at two
	// connections each.
	maxSparesPerSource = 8
)

// local is a SOCKS connection that waits for a proxy.
type local struct {
	conn   heldLocal
	target Target
	since  time.Time
	remote chan *remote // holds the one it was linked to
	place  *list.Element
}

// remote is a connection from a proxy: a spare one until it is linked.
type remote struct {
	conn   *held
	source netip.Prefix
	linked chan struct{} // closed when it is no spare any more
	place  *list.Element
}

// counts is what the linker holds at one moment.
type counts struct {
	waiting, spare, linked int
	arrivals               uint64 // remotes that ever came
}

// linker pairs SOCKS connections with proxies, first come first served on both
// sides. It never touches a connection.
type linker struct {
	mu        sync.Mutex
	locals    list.List // of *local
	remotes   list.List // of *remote
	perSource map[netip.Prefix]int
	demand    map[Target]int // SOCKS connections, waiting or linked
	linked    int
	arrivals  uint64
	stopped   bool
	changed   chan struct{} // closed, and made anew, at each change
}

func newLinker() *linker {
	return &linker{
		perSource: make(map[netip.Prefix]int),
		demand:    make(map[Target]int),
		changed:   make(chan struct{}),
	}
}

// look gives the counts, the demand for one target, and a channel that is closed
// when any of it changes.
func (l *linker) look(t Target) (counts, int, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return counts{l.locals.Len(), l.remotes.Len(), l.linked, l.arrivals}, l.demand[t], l.changed
}

// oldest gives since when the longest waiting SOCKS connection waits, the zero
// time when none does, and a channel that is closed when anything changes.
func (l *linker) oldest() (time.Time, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.locals.Front(); e != nil {
		return e.Value.(*local).since, l.changed
	}
	return time.Time{}, l.changed
}

// addLocal lets w wait; its channel gives the proxy.
func (l *linker) addLocal(w *local) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stopped:
		return errStopped
	case l.locals.Len() >= maxLocals:
		return errTooManyLocals
	}
	w.place = l.locals.PushBack(w)
	l.demand[w.target]++
	l.matchLocked()
	return nil
}

// dropLocal ends what addLocal began: w waits no more, and what it was linked to
// is linked no more. It gives the proxy, if one was linked and never received.
func (l *linker) dropLocal(w *local) *remote {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.touchLocked()
	if l.demand[w.target]--; l.demand[w.target] == 0 {
		delete(l.demand, w.target)
	}
	if w.place != nil {
		l.locals.Remove(w.place)
		w.place = nil
		return nil
	}
	l.linked--
	select {
	case r := <-w.remote:
		return r
	default:
		return nil
	}
}

// addRemote makes r a spare, or links it at once.
func (l *linker) addRemote(r *remote) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stopped:
		return errStopped
	case l.remotes.Len() >= maxSpares, l.perSource[r.source] >= maxSparesPerSource:
		return errTooManyRemotes
	}
	l.arrivals++
	r.place = l.remotes.PushBack(r)
	l.perSource[r.source]++
	l.matchLocked()
	return nil
}

// dropRemote takes r out if it is a spare, and tells whether it was.
func (l *linker) dropRemote(r *remote) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.place == nil {
		return false
	}
	l.removeRemoteLocked(r)
	l.touchLocked()
	return true
}

func (l *linker) removeRemoteLocked(r *remote) {
	l.remotes.Remove(r.place)
	r.place = nil
	if l.perSource[r.source]--; l.perSource[r.source] == 0 {
		delete(l.perSource, r.source)
	}
}

// matchLocked links what can be linked.
func (l *linker) matchLocked() {
	for l.locals.Len() > 0 && l.remotes.Len() > 0 {
		w, r := l.locals.Front().Value.(*local), l.remotes.Front().Value.(*remote)
		l.locals.Remove(w.place)
		w.place = nil
		l.removeRemoteLocked(r)
		close(r.linked)
		l.linked++
		w.remote <- r
	}
	l.touchLocked()
}

func (l *linker) touchLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// stop refuses whatever comes from now on.
func (l *linker) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
}
