package relaypipe

import "context"

// limitedSize is the most that one Write takes under a limiter. Pipes that
// share one take turns: at 1 MB/s a turn of this size is 16 ms, which is what a
// cell of one pipe waits for each of the others that is busy.
const limitedSize = 16 << 10

// Limiter is the part of *rate.Limiter (golang.org/x/time/rate) that a pipe needs.
type Limiter interface {
	// WaitN returns when n bytes may be sent, or an error when ctx ends first.
	WaitN(ctx context.Context, n int) error
	// Burst is the most that WaitN can be asked for; 0 or less: anything.
	Burst() int
}

// limit waits until as many bytes may be sent as it returns, n at most.
func (d *direction) limit(n int) (int, error) {
	l := d.p.o.Limiter
	if l == nil {
		return n, nil
	}
	n = min(n, limitedSize)
	if burst := l.Burst(); burst > 0 {
		n = min(n, burst)
	}
	return n, l.WaitN(d.p.limiting, n)
}
