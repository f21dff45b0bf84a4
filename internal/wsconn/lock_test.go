package wsconn

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// Who gives it back and wants it again at once comes after those who wait.
func TestLockInTurn(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			var l lock
			l.init()
			var order []int
			var wg sync.WaitGroup
			l.lock()
			for i := range 3 {
				wg.Go(func() {
					l.lock()
					order = append(order, i)
					l.unlock()
				})
				synctest.Wait()
			}
			l.unlock()
			l.lock()
			order = append(order, 3)
			l.unlock()
			wg.Wait()
			if !slices.Equal(order, []int{0, 1, 2, 3}) || l.isHeld() {
				t.Errorf("taken in the order of %d; held: %t", order, l.isHeld())
			}
		})
	}
}
