package client

import (
	"container/list"
	"errors"
	"net/netip"
	"sync"
	"time"

	"flashproxy/internal/registration"
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
	linked time.Time    // when that was received
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
	moves                  uint64 // of remotes that ever came, and that ever went
}

// linker pairs the SOCKS connections and the proxies of one alternative, first
// come first served on both sides. It never touches a connection.
type linker struct {
	changes *changes // told of each

	mu        sync.Mutex
	locals    list.List // of *local
	remotes   list.List // of *remote
	perSource map[netip.Prefix]int
	demand    map[Target]int // SOCKS connections, waiting or linked
	linked    int
	moves     uint64
	stopped   bool
}

func newLinker(c *changes) *linker {
	return &linker{
		changes:   c,
		perSource: make(map[netip.Prefix]int),
		demand:    make(map[Target]int),
	}
}

func (l *linker) counts() counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return counts{l.locals.Len(), l.remotes.Len(), l.linked, l.moves}
}

// demanded gives what SOCKS connections, waiting or linked, want f to know of.
func (l *linker) demanded(f Facilitator) []registration.Endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []registration.Endpoint
	for t := range l.demand {
		if t.Facilitator == f {
			all = append(all, t.Endpoint)
		}
	}
	return all
}

// oldest gives since when the longest waiting SOCKS connection waits, the zero
// time when none does.
func (l *linker) oldest() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.locals.Front(); e != nil {
		return e.Value.(*local).since
	}
	return time.Time{}
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
	defer l.changes.touch()
	if l.demand[w.target]--; l.demand[w.target] == 0 {
		delete(l.demand, w.target)
	}
	if w.place != nil {
		l.locals.Remove(w.place)
		w.place = nil
		return nil
	}
	l.linked--
	l.moves++
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
	l.moves++
	r.place = l.remotes.PushBack(r)
	l.perSource[r.source]++
	l.matchLocked()
	return nil
}

// dropRemote takes r out if it is a spare, and tells whether it was. lost says that
// it went by itself.
func (l *linker) dropRemote(r *remote, lost bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.place == nil {
		return false
	}
	l.removeRemoteLocked(r)
	if lost {
		l.moves++
	}
	l.changes.touch()
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
	l.changes.touch()
}

// stop refuses whatever comes from now on.
func (l *linker) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
}
