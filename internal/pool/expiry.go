package pool

import "time"

// expire removes what has waited for its TTL. Each operation begins with it, so
// what is seen is right to the moment.
func (m *Memory) expire() {
	if m.entries.head == nil {
		return
	}
	now := time.Since(m.start)
	for n := m.entries.head; n != nil && n.item.expires <= now; n = m.entries.head {
		m.remove(n.item)
	}
}

// tick is called by the timer when the oldest registration has expired, or would
// have: so that no address stays in memory for want of operations.
func (m *Memory) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire()
	m.ticking = false
	m.wind()
}

// wind makes the timer run while there are registrations, and only then. A timer that
// runs is left alone: it may tick early, when the oldest has gone, never late.
func (m *Memory) wind() {
	oldest := m.entries.head
	switch {
	case oldest == nil && m.ticking:
		m.timer.Stop()
	case oldest != nil && !m.ticking:
		m.timer.Reset(oldest.item.expires - time.Since(m.start))
	}
	m.ticking = oldest != nil
}
