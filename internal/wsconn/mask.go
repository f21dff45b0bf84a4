package wsconn

import (
	"encoding/binary"
	"math/bits"
)

// mask writes src, exclusive-or key repeated (RFC 6455, section 5.3), to dst, which is as
// long. It may be src, but must not overlap it otherwise. It returns the key for what follows.
func mask(dst, src []byte, key [4]byte) [4]byte {
	word := uint64(binary.LittleEndian.Uint32(key[:]))
	word |= word << 32
	n := 0
	if vectors {
		n = maskBlocks(dst, src, word)
	}
	n += maskWords(dst[n:], src[n:], word)
	for i, b := range src[n:] {
		dst[n+i] = b ^ key[i%4]
	}
	binary.LittleEndian.PutUint32(key[:], bits.RotateLeft32(uint32(word), -8*(len(src)%4)))
	return key
}

// maskWords does as much of src as its steps reach, and returns how many bytes that is. Word is
// the key twice.
func maskWords(dst, src []byte, word uint64) (n int) {
	const step = 32
	for ; n+step <= len(src); n += step {
		to, from := dst[n:n+step:n+step], src[n:n+step:n+step]
		a := binary.LittleEndian.Uint64(from[0:8]) ^ word
		b := binary.LittleEndian.Uint64(from[8:16]) ^ word
		c := binary.LittleEndian.Uint64(from[16:24]) ^ word
		d := binary.LittleEndian.Uint64(from[24:32]) ^ word
		binary.LittleEndian.PutUint64(to[0:8], a)
		binary.LittleEndian.PutUint64(to[8:16], b)
		binary.LittleEndian.PutUint64(to[16:24], c)
		binary.LittleEndian.PutUint64(to[24:32], d)
	}
	return n
}
