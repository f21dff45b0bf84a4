//go:build race

package wsconn

// raceEnabled: the race detector makes pools forget, which costs allocations.
const raceEnabled = true
