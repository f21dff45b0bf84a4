package pool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/pool/pooltest"
)

func TestMemory(t *testing.T) {
	pooltest.Run(t, pooltest.Harness{
		New:       func(_ *testing.T, c pool.Config) pool.Pool { return pool.NewMemory(c) },
		Bubble:    synctest.Test,
		Sleep:     time.Sleep,
		Settle:    synctest.Wait,
		Unit:      time.Minute,
		Tick:      time.Nanosecond,
		Sequences: 100,
	})
}
