package pool

import "time"

// expire removes what has waited for its TTL. Each operation begins with it, so
// what is seen is right to the moment.
func (m *Memory) expire() {
	m.now = time.Since(m.start)
	for m.age.head != 0 && m.entry(m.age.head).expires <= m.now {
		m.remove(m.age.head)
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
	oldest := m.age.head
	switch {
	case oldest == 0 && m.ticking:
		m.timer.Stop()
	case oldest != 0 && !m.ticking:
		m.timer.Reset(m.entry(oldest).expires - m.now)
	}
	m.ticking = oldest != 0
}
