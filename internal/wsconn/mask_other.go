//go:build !amd64

package wsconn

// vectors says that the processor can do maskBlocks.
var vectors = false

func maskBlocks(dst, src []byte, word uint64) int { return 0 }
