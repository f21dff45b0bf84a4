package main

import (
	"context"
	"fmt"
)

// facilitatorMemory is what a facilitator has in memory for each poll that it holds,
// and for each registration that waits.
func facilitatorMemory(ctx context.Context, b *bench) ([]line, error) {
	held, registered := pick(b, 10_000, 2000), pick(b, 100_000, 20_000)
	yard := func(ctx context.Context) ([]float64, error) {
		s, err := b.startHTTP(ctx, "http-held", collector)
		if err != nil {
			return nil, err
		}
		defer s.Kill()
		v, err := heldMemory(ctx, s, held)
		return []float64{v}, err
	}
	ours := func(ctx context.Context) ([]float64, error) {
		poll, err := b.fresh(ctx, heldMemory, held)
		if err != nil {
			return nil, err
		}
		registration, err := b.fresh(ctx, registeredMemory, registered)
		return []float64{poll, registration}, err
	}
	y, o, err := b.compare(ctx, yard, ours)
	if err != nil {
		return nil, err
	}
	return []line{
		{what: fmt.Sprintf("facilitator, each of %d held polls", held), unit: "B", yard: y[0], ours: o[0], goal: atMost(1.15)},
		{what: fmt.Sprintf("facilitator, each of %d registered", registered), unit: "B", ours: o[1], goal: atMost(400).itself()},
	}, nil
}

// fresh measures n of something in a facilitator of its own.
func (b *bench) fresh(ctx context.Context, of func(context.Context, service, int) (float64, error), n int) (float64, error) {
	s, err := b.startFacilitator(ctx, collector)
	if err != nil {
		return 0, err
	}
	defer s.Kill()
	return of(ctx, s, n)
}

// heldMemory is for each of n held polls, beside a few that came before.
func heldMemory(ctx context.Context, s service, n int) (float64, error) {
	const first = 100
	warm, err := holdPolls(ctx, s.address, first)
	defer warm.close()
	if err != nil {
		return 0, err
	}
	var all connections
	defer func() { all.close() }()
	return growth(ctx, s.PID(), n, func() error {
		all, err = holdPolls(ctx, s.address, n)
		return err
	})
}

// registeredMemory is for each of n registrations, beside a few that came before.
func registeredMemory(ctx context.Context, s service, n int) (float64, error) {
	const first = 1000
	others := func(from, n int) error {
		return askAll(ctx, s.address, n, func(i int) string { return registerRequest(from+i, otherTransport) })
	}
	if err := others(0, first); err != nil {
		return 0, err
	}
	return growth(ctx, s.PID(), n, func() error { return others(first, n) })
}
