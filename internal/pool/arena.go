package pool

// ref is the number of a node in its arena; 0 is none.
type ref uint32

// node is an item and its place in a line.
type node[T any] struct {
	prev, next ref
	seq        uint64 // lower is older; 0: in no line
	item       T
}

// line is doubly linked, the oldest first.
type line struct {
	head, tail ref
}

// chunk is how many nodes an arena takes from the heap at a time: some 10 KB.
const chunk = 256

// arena holds nodes, of which each may stand in one line. They are known by
// number: nodes without pointers are nothing to the garbage collector, which would
// otherwise follow millions each time. Numbers are used again, the last first, so that
// who comes takes the place, still in the cache, of who has just gone. It does not shrink.
type arena[T any] struct {
	chunks []*[chunk]node[T]
	free   ref // linked by next
	used   ref // numbers up to this were given out
}

// at gives the node with a number.
func (a *arena[T]) at(r ref) *node[T] { return &a.chunks[r/chunk][r%chunk] }

// take gives a node that is all zero.
func (a *arena[T]) take() (ref, *node[T]) {
	if r := a.free; r != 0 {
		n := a.at(r)
		a.free, n.next = n.next, 0
		return r, n
	}
	a.used++
	if int(a.used/chunk) >= len(a.chunks) {
		a.chunks = append(a.chunks, new([chunk]node[T]))
	}
	return a.used, a.at(a.used)
}

// give takes back a node that is in no line, and forgets what was in it.
func (a *arena[T]) give(r ref) {
	*a.at(r) = node[T]{next: a.free}
	a.free = r
}

// append puts r, which is in no line, last.
func (a *arena[T]) append(l *line, r ref, seq uint64) {
	n := a.at(r)
	n.prev, n.next, n.seq = l.tail, 0, seq
	if l.tail == 0 {
		l.head = r
	} else {
		a.at(l.tail).next = r
	}
	l.tail = r
}

// remove takes r out; it is in l.
func (a *arena[T]) remove(l *line, r ref) {
	n := a.at(r)
	if n.prev == 0 {
		l.head = n.next
	} else {
		a.at(n.prev).next = n.next
	}
	if n.next == 0 {
		l.tail = n.prev
	} else {
		a.at(n.next).prev = n.prev
	}
	n.prev, n.next, n.seq = 0, 0, 0
}

// merge walks several lines as if they were one, from the nodes that it holds.
type merge []ref

// next gives the oldest node that is left, 0 at the end.
func (a *arena[T]) next(m merge) ref {
	var oldest ref
	var seq uint64
	from := 0
	for i, r := range m {
		if r == 0 {
			continue
		}
		if s := a.at(r).seq; oldest == 0 || s < seq {
			oldest, seq, from = r, s, i
		}
	}
	if oldest != 0 {
		m[from] = a.at(oldest).next
	}
	return oldest
}
