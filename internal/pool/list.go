package pool

// node is a place in a list. It is part of what it lines up, so that to append
// allocates nothing and to remove searches nothing.
type node[T any] struct {
	prev, next *node[T]
	item       *T     // nil: in no list
	seq        uint64 // lower is older
}

// list is doubly linked, the oldest first.
type list[T any] struct {
	head, tail *node[T]
}

// append puts n, which is in no list, last.
func (l *list[T]) append(n *node[T], item *T, seq uint64) {
	*n = node[T]{prev: l.tail, item: item, seq: seq}
	if l.tail == nil {
		l.head = n
	} else {
		l.tail.next = n
	}
	l.tail = n
}

// remove takes n out; it is in l.
func (l *list[T]) remove(n *node[T]) {
	if n.prev == nil {
		l.head = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		l.tail = n.prev
	} else {
		n.next.prev = n.prev
	}
	*n = node[T]{}
}

// merge walks several lists as if they were one, from the nodes that it holds.
type merge[T any] []*node[T]

// next gives the oldest item that is left, nil at the end. What is in several of
// the lists comes as often, one right after the other.
func (m merge[T]) next() *T {
	var oldest *node[T]
	from := 0
	for i, n := range m {
		if n != nil && (oldest == nil || n.seq < oldest.seq) {
			oldest, from = n, i
		}
	}
	if oldest == nil {
		return nil
	}
	m[from] = oldest.next
	return oldest.item
}
