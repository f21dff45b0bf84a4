package wsconn

import "golang.org/x/sys/cpu"

// vectors says that the processor can do maskBlocks.
var vectors = cpu.X86.HasAVX2

// maskBlock is what xorAVX2 does in one step.
const maskBlock = 64

// maskBlocks does as many whole blocks of src as there are, and returns how many bytes that is.
// Word is the key twice.
func maskBlocks(dst, src []byte, word uint64) int {
	n := len(src) / maskBlock * maskBlock
	if n > 0 {
		dst = dst[:n] // or a panic
		xorAVX2(&dst[0], &src[0], n, word)
	}
	return n
}

// xorAVX2 writes n bytes of src, exclusive-or word repeated, to dst. n is a multiple of maskBlock
// and not 0.
//
//go:noescape
func xorAVX2(dst, src *byte, n int, word uint64)
