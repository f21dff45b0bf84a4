package facilitator

// share is how much a relay was given, in rounds: one round is as many givings as
// it has weight. It is exact, and never overflows in practice. The relay with the
// smallest share is the next one, which keeps each at its weight's proportion.
type share struct {
	rounds uint64 // whole ones
	part   int    // givings of the round that has begun, fewer than the weight
}

// less compares the shares of two relays with weights v and w.
func (s share) less(v int, o share, w int) bool {
	if s.rounds != o.rounds {
		return s.rounds < o.rounds
	}
	return s.part*w < o.part*v
}

// plus is s after n more givings of a relay with weight w.
func (s share) plus(n, w int) share {
	n += s.part
	return share{s.rounds + uint64(n/w), n % w}
}

// scaled is the share of a relay with weight to that was given as much as one with
// weight from and share s.
func (s share) scaled(from, to int) share {
	return share{s.rounds, s.part * to / from}
}
