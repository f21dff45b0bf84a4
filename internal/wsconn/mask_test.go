package wsconn

import (
	"bytes"
	"testing"
)

// maskByBytes is what RFC 6455, section 5.3, says.
func maskByBytes(dst, src []byte, key [4]byte) {
	for i := range src {
		dst[i] = src[i] ^ key[i%4]
	}
}

// eachMask runs f with each way to mask that this machine has.
func eachMask(f func(name string)) {
	defer func(v bool) { vectors = v }(vectors)
	if vectors {
		f("vectors")
	}
	vectors = false
	f("words")
}

// TestMask is of all lengths around the steps, wherever the bytes are, to another place and to
// the same. What is around them stays, and what follows can go on with the key.
func TestMask(t *testing.T) {
	eachMask(func(name string) {
		key := [4]byte{0x01, 0x80, 0xfe, 0x5a}
		src := make([]byte, 40<<10)
		for i := range src {
			src[i] = byte(i * 31 >> 3)
		}
		lengths := []int{maxSent - 1, maxSent, maxSent + 37}
		for n := range 260 {
			lengths = append(lengths, n)
		}
		for _, n := range lengths {
			for at := range 9 {
				from := src[at : at+n]
				want := make([]byte, n)
				maskByBytes(want, from, key)

				for _, to := range []int{0, 1, 8, 31} {
					buf := bytes.Repeat([]byte{'-'}, to+n+70)
					next := mask(buf[to:to+n], from, key)
					if want := [4]byte{key[n%4], key[(n+1)%4], key[(n+2)%4], key[(n+3)%4]}; next != want {
						t.Fatalf("%s: the key after %d bytes is %x; want %x", name, n, next, want)
					}
					if !bytes.Equal(buf[to:to+n], want) {
						t.Fatalf("%s: %d bytes from %d to %d are wrong", name, n, at, to)
					}
					if bytes.Count(buf[:to], []byte{'-'}) != to || bytes.Count(buf[to+n:], []byte{'-'}) != 70 {
						t.Fatalf("%s: %d bytes from %d to %d: wrote elsewhere too", name, n, at, to)
					}
				}
				there := bytes.Clone(src[:at+n])
				mask(there[at:], there[at:], key)
				if !bytes.Equal(there[at:], want) {
					t.Fatalf("%s: %d bytes at %d, in place, are wrong", name, n, at)
				}
			}
		}
	})
}

// BenchmarkMask is of a full frame, with the buffers in the cache, beside a plain copy.
func BenchmarkMask(b *testing.B) {
	dst, src := make([]byte, maxSent), make([]byte, maxSent)
	run := func(name string, f func(dst, src []byte, key [4]byte) [4]byte) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(maxSent)
			for b.Loop() {
				f(dst, src, [4]byte{1, 2, 3, 4})
			}
		})
	}
	run("copy", func(dst, src []byte, key [4]byte) [4]byte { copy(dst, src); return key })
	eachMask(func(name string) { run(name, mask) })
}
