package pool

import (
	"context"
	"errors"
	"sync"
	"time"

	"flashproxy/internal/registration"
)

// Defaults of Config.
const (
	// DefaultTTL is more than what clients let pass before they register anew.
	DefaultTTL = 10 * time.Minute
	// DefaultUses is what the design says (flash-proxy-design, section 8).
	DefaultUses = 1
	// DefaultMaxRegistrations is about 11 MB of a Memory: 105 bytes for each
	// registration with one endpoint. The worst is 5 KB each, with sixteen endpoints
	// whose transports nobody else has.
	DefaultMaxRegistrations = 100_000
	// DefaultMaxWaiting bounds what the polls' own goroutines and connections
	// take: some hundred MB.
	DefaultMaxWaiting = 10_000
)

// Config are the settings of a pool. What is not above 0 is the default.
type Config struct {
	TTL              time.Duration // how long a registration waits
	Uses             int           // how often each is given to a proxy
	MaxRegistrations int           // how many may wait
	MaxWaiting       int           // how many polls may wait
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	return Config{
		TTL:              orDefault(c.TTL, DefaultTTL),
		Uses:             orDefault(c.Uses, DefaultUses),
		MaxRegistrations: orDefault(c.MaxRegistrations, DefaultMaxRegistrations),
		MaxWaiting:       orDefault(c.MaxWaiting, DefaultMaxWaiting),
	}
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Faults of the caller.
var (
	errInvalid = errors.New("register: want at least one endpoint, each with an address")
	errToken   = errors.New("not a claim of this pool")
)

// Memory is the pool of one process; it forgets all when that ends. Registrations
// stand in line by age, once in the whole pool and once in each of their classes;
// waiting polls stand in line in each of their classes. A registration that is
// claimed keeps its place and is passed over, so that to release it restores its age.
// So what an operation costs does not depend on how many wait, but for the time that
// memory takes, which is slower the more of it there is: see arena and index.
type Memory struct {
	config Config
	start  time.Time // times are counted from here

	mu     sync.Mutex    // guards all below
	now    time.Duration // when the operation under way began, since start
	closed bool
	seq    uint64 // of whoever came last

	entries   arena[entry]
	age       line // of entries, the oldest first, which is also the first to expire
	count     int  // of entries
	endpoints arena[endpoint]
	byAddr    index
	timer     *time.Timer // calls tick
	ticking   bool        // the timer runs

	polls   arena[*waiter]
	line    line // of polls
	waiting int  // polls
	places  arena[place]

	classes arena[class]
	byClass map[Class]ref
}

var _ Pool = (*Memory)(nil)

// NewMemory makes an empty pool. It holds a timer until it is closed.
func NewMemory(c Config) *Memory {
	m := &Memory{
		config:  c.withDefaults(),
		start:   time.Now(),
		byAddr:  newIndex(),
		byClass: make(map[Class]ref),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timer = time.AfterFunc(m.config.TTL, m.tick)
	m.timer.Stop()
	return m
}

// ready is the beginning of each operation, with mu held.
func (m *Memory) ready(ctx context.Context) error {
	if m.closed {
		return ErrClosed
	}
	m.expire()
	return ctx.Err()
}

// Register implements Pool.
func (m *Memory) Register(ctx context.Context, reg registration.Registration) error {
	if len(reg.Endpoints) == 0 {
		return errInvalid
	}
	for _, e := range reg.Endpoints {
		if !e.Addr.IsValid() {
			return errInvalid
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx); err != nil {
		return err
	}
	for _, given := range reg.Endpoints {
		if p := m.byAddr.find(addressOf(given.Addr), &m.endpoints); p != 0 {
			m.remove(m.endpoints.at(p).item.entry) // a refresh, which so has made room for itself
		}
	}
	if m.count >= m.config.MaxRegistrations {
		return ErrFull
	}
	m.offer(m.add(reg))
	return nil
}

// Claim implements Pool. Between two polls that want the same, who waits for
// the lock first comes first.
func (m *Memory) Claim(ctx context.Context, want Want) (claim Claim, err error) {
	w, err := m.claim(ctx, &want, &claim)
	if w == nil {
		return claim, err
	}
	// What a poll takes while it waits is kept small: a timer without a channel, and no
	// more on the stack than needs be.
	timer := time.AfterFunc(want.Wait, func() { m.giveUp(w) })
	select {
	case <-w.ended:
	case <-want.Until:
	case <-ctx.Done():
	}
	timer.Stop()
	return m.settle(ctx, w)
}

// claim makes a claim, or gives a waiter to wait for one.
func (m *Memory) claim(ctx context.Context, want *Want, claim *Claim) (*waiter, error) {
	served := newSet(want.Served) // before the lock: it may be long
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	if r := m.oldest(want.Classes, served); r != 0 {
		m.hold(claim, new(hold), r, want.Classes)
		return nil, nil
	}
	switch {
	case want.Wait <= 0:
		return nil, ErrNone
	case m.waiting >= m.config.MaxWaiting:
		return nil, ErrBusy
	}
	return m.enqueue(want, served), nil
}

// settle ends the wait of w with what it was given, unless it cannot use that
// any more.
func (m *Memory) settle(ctx context.Context, w *waiter) (Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Claim{}, ErrClosed
	}
	if w.waiting != 0 {
		m.dequeue(w)
	}
	held, given := w.claim.Token.(*hold)
	err := m.ready(ctx)
	switch {
	case err == nil && given:
		return w.claim, nil
	case err == nil:
		return Claim{}, ErrNone
	case given:
		m.release(held)
	}
	return Claim{}, err
}

// Commit implements Pool. To end a claim again does nothing. It asks no store, so
// it does not look at its context, and neither does Release.
func (m *Memory) Commit(_ context.Context, c Claim) error {
	return m.finish(c, m.commit)
}

// Release implements Pool.
func (m *Memory) Release(_ context.Context, c Claim) error {
	return m.finish(c, m.release)
}

func (m *Memory) finish(c Claim, how func(*hold)) error {
	h, ok := c.Token.(*hold)
	if !ok || h.pool != m {
		return errToken
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(context.Background()); err != nil {
		return err
	}
	how(h)
	return nil
}

// Stats implements Pool.
func (m *Memory) Stats(ctx context.Context) (Stats, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx); err != nil {
		return Stats{}, err
	}
	return Stats{Registrations: m.count, Polls: m.waiting}, nil
}

// Close implements Pool. It forgets every address.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.closed = true
	m.timer.Stop()
	for m.line.head != 0 {
		m.dequeue(m.polls.at(m.line.head).item)
	}
	m.entries, m.age, m.count = arena[entry]{}, line{}, 0
	m.endpoints, m.byAddr = arena[endpoint]{}, index{}
	m.classes, m.byClass = arena[class]{}, nil
	return nil
}
