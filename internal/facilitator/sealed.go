package facilitator

import (
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"flashproxy/internal/registration"
)

// Reasons why a sealed registration is refused that only the facilitator knows.
var (
	errSeen     = errors.New("this sealed registration was used already: seal it anew")
	errSeenFull = errors.New("too many sealed registrations in the last hour")
)

// beforeStart refuses a blob from before this process, for all that is known
// here used already. In wait what its sender seals will be accepted, whose
// clock may be behind.
type beforeStart struct{ wait time.Duration }

func (e beforeStart) Error() string {
	return "sealed before this facilitator started: seal it anew"
}

// maxSeen bounds the blobs remembered, at about 60 bytes each. A key in the open can
// be sealed to by anyone, so it must be more than one source gets in at
// carriedRate in the time that each is kept, which is 78,600.
const maxSeen = 1 << 19

// seenFor is how long a blob is remembered: until one that came as early as may
// be is too old. Both bounds are inclusive, hence the second.
const seenFor = registration.SealedMaxAge + registration.SealedMaxAhead + time.Second

// seenSet remembers which blobs were used, until their age alone refuses them.
//
// It does not outlive the process. Therefore a blob from before the process is
// refused for now, and who sent it must seal it anew. One gap is left: what a client
// sealed whose clock is ahead, by 5 minutes at most, can be replayed after a restart
// until that time has come. All that a replay does is to put a registration back which
// was there minutes before.
type seenSet struct {
	start time.Time
	max   int

	mu    sync.Mutex
	until map[blobID]time.Time
	queue []seenBlob // the oldest first
}

// blobID is half a SHA-256: 128 bits leave no other blob with the same.
type blobID [16]byte

type seenBlob struct {
	id    blobID
	until time.Time
}

func newSeenSet(start time.Time) *seenSet {
	return &seenSet{start: start, max: maxSeen, until: make(map[blobID]time.Time)}
}

// idOf gives all spellings of one blob the same identifier. What can be opened to
// the same bytes differs in padding only.
func idOf(blob string) blobID {
	sum := sha256.Sum256([]byte(strings.TrimRight(blob, "=")))
	return blobID(sum[:16])
}

// add marks a blob, sealed at the given time, as used. Errors: errSeen, errSeenFull, beforeStart.
func (s *seenSet) add(id blobID, sealed, now time.Time) error {
	// The time in a blob is in whole seconds, rounded down, so one from this very
	// second is refused too: it may be from before the start.
	if wait := s.start.Sub(sealed); wait > 0 {
		return beforeStart{wait}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 && !now.Before(s.queue[0].until) {
		old := s.queue[0]
		if s.until[old.id].Equal(old.until) {
			delete(s.until, old.id)
		}
		s.queue = s.queue[1:]
	}
	if _, ok := s.until[id]; ok {
		return errSeen
	}
	if len(s.queue) >= s.max {
		return errSeenFull
	}
	until := now.Add(seenFor)
	s.until[id] = until
	s.queue = append(s.queue, seenBlob{id, until})
	return nil
}

// forget lets a blob be used again that could not be registered.
func (s *seenSet) forget(id blobID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, id)
}
