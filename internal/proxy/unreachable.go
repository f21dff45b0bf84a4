package proxy

import (
	"errors"
	"slices"
	"sync"

	"flashproxy/internal/registration"
)

// errRelay is why there is no pair although the client was there.
var errRelay = errors.New("dial the relay")

// unreachable are the relays of one facilitator that could not be opened, each once, until
// a poll has told it. Other facilitators learn nothing of them.
type unreachable struct {
	mu     sync.Mutex
	relays []registration.RelayAddr
}

// add adds relays. Those beyond what a poll can report are dropped: it then has
// something to think about in any case.
func (u *unreachable) add(relays ...registration.RelayAddr) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range relays {
		if len(u.relays) < registration.MaxUnreachable && !slices.Contains(u.relays, r) {
			u.relays = append(u.relays, r)
		}
	}
}

// take gives what there is, and keeps nothing: what fails while a poll waits is news.
func (u *unreachable) take() []registration.RelayAddr {
	u.mu.Lock()
	defer u.mu.Unlock()
	relays := u.relays
	u.relays = nil
	return relays
}
