package netwait

// Parts are data that lie in one buffer in order, with other bytes between them, such as the
// headers of the frames that they came in. A list has room for so many; it belongs to
// whoever has the buffer.
type Parts [][]byte

// Add appends b, which lies behind all others in the buffer. Where there is no room for
// another part it moves b behind the last.
func (p Parts) Add(b []byte) Parts {
	if len(p) == 0 || len(p) < cap(p) {
		return append(p, b)
	}
	last := &p[len(p)-1]
	*last = append(*last, b...)
	return p
}

// Len returns how many bytes there are.
func (p Parts) Len() (n int) {
	for _, b := range p {
		n += len(b)
	}
	return n
}

// Join moves the parts together, to where the first is.
func (p Parts) Join() []byte {
	if len(p) == 0 {
		return nil
	}
	b := p[0]
	for _, next := range p[1:] {
		b = append(b, next...)
	}
	return b
}

// Next takes up to n bytes from the front, as many as lie together; none when there are
// none.
func (p *Parts) Next(n int) []byte {
	for len(*p) > 0 && len((*p)[0]) == 0 {
		*p = (*p)[1:]
	}
	if len(*p) == 0 {
		return nil
	}
	b := (*p)[0]
	b = b[:min(n, len(b))]
	(*p)[0] = (*p)[0][len(b):]
	return b
}
