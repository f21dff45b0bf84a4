// Package pool is where waiting registrations and waiting polls meet. The Pool
// interface is the contract, Memory is the pool of one process, and pooltest is the
// suite that every pool must pass.
//
// A pool knows nothing of HTTP and nothing of relays: who asks has worked out
// which classes of endpoint a proxy can take (its transports, its family, and
// the relays there are for it), and picks the relay afterwards.
package pool

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"flashproxy/internal/registration"
)

// Reasons for an answer other than a client. They are decisions, not faults.
var (
	// ErrFull: the pool holds as many registrations as it may; nothing was stored.
	ErrFull = errors.New("the pool is full of registrations")
	// ErrNone: nobody for this poll within its wait.
	ErrNone = errors.New("no client is waiting that this proxy can take")
	// ErrBusy: as many polls wait as may, so this one was not made to wait. Nobody was
	// there for it.
	ErrBusy = errors.New("too many polls are waiting")
	// ErrClosed: the pool is closed; polls that waited get it too.
	ErrClosed = errors.New("the pool is closed")
)

// Family is the address family of an endpoint.
type Family uint8

// The families. FamilyNone is that of an endpoint without an IP address.
const (
	FamilyNone Family = 0
	Family4    Family = 4
	Family6    Family = 6
)

// FamilyOf gives the family of an address, of which v4-mapped ones are IPv4.
func FamilyOf(a netip.Addr) Family {
	switch a = a.Unmap(); {
	case a.Is4():
		return Family4
	case a.Is6():
		return Family6
	}
	return FamilyNone
}

// Class is all that decides whether a poll can take an endpoint.
type Class struct {
	Transport registration.Transport
	Family    Family
}

// ClassOf gives the class of an endpoint.
func ClassOf(e registration.Endpoint) Class {
	return Class{e.Transport, FamilyOf(e.Addr.Addr())}
}

// Want is what one poll asks for.
type Want struct {
	// Classes are those that the poll can take; none means that nothing fits.
	Classes []Class
	// Served are the clients that the proxy serves now; they come last.
	Served []netip.AddrPort
	// Wait is how long to wait for a client; 0 answers at once.
	Wait time.Duration
	// Until ends the wait earlier, when it is closed; nil never does.
	Until <-chan struct{}
}

// Claim is one use of a registration, held for one poll. It must be ended by
// Commit or Release.
type Claim struct {
	// Endpoint is where the proxy shall find the client: of the registration's
	// endpoints that the poll can take, the first.
	Endpoint registration.Endpoint
	// Token is the pool's own.
	Token any
}

// Stats are counts at one moment.
type Stats struct {
	Registrations int // waiting
	Polls         int // waiting
}

// Pool holds registrations until proxies take them. All methods may be called
// at once from many goroutines; each costs O(log n) or better in waiting
// registrations and in waiting polls.
//
//   - A registration is waiting from Register until it has been committed Uses
//     times, or TTL has passed since it was last registered, whichever is first.
//     Uses and TTL are the pool's settings.
//   - Registering an endpoint address (IP and port) that waits already refreshes
//     that registration: the new endpoints, the new age and all uses replace the old.
//     It is never there twice. A registration that shares addresses with several
//     replaces all of them.
//   - A claim gets the registration that was registered, or refreshed, longest ago,
//     of those with an endpoint in one of the classes and with a use that nobody
//     holds; one that has an endpoint among Served comes after all that have none.
//   - When a registration comes (or a claim is released) each of its free uses goes
//     to a waiting poll that fits, to the one that has waited longest; a poll that lists
//     it as Served only when no other fits. (A pool may stop looking for that other
//     after a bounded number of polls.) Exactly one poll gets each use.
//   - Of what a poll was given but could not use nothing is lost: Release puts the use back
//     where it was, with the age that it had, as does a Claim that ends with an error. A
//     pool that outlives its process releases by itself, after a while, what was neither
//     committed nor released.
//   - After Close every method gives ErrClosed, and waiting polls end with it at once.
type Pool interface {
	// Register stores reg, which has at least one endpoint, each address valid.
	// Errors: ErrFull (never for a refresh), ErrClosed, the context's, or those of a store.
	Register(ctx context.Context, reg registration.Registration) error
	// Claim takes one use of the best registration for w, waiting for one if it may.
	// Errors: ErrNone, ErrBusy, ErrClosed, the context's (at once when it ends), or those of
	// a store; with any error nothing is held.
	Claim(ctx context.Context, w Want) (Claim, error)
	// Commit uses up what c holds: it was given to the proxy.
	Commit(ctx context.Context, c Claim) error
	// Release gives back what c holds: it was not given to anybody.
	Release(ctx context.Context, c Claim) error
	// Stats counts what waits.
	Stats(ctx context.Context) (Stats, error)
	// Close ends the pool. What a store keeps is kept.
	Close() error
}
