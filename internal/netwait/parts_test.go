package netwait

import (
	"bytes"
	"testing"
)

// scattered puts data of some sizes into a buffer, with dots between them, as parts of a list
// with room for so many.
func scattered(room int, sizes ...int) (list Parts, whole []byte) {
	var buf []byte
	var at [][2]int
	for i, n := range sizes {
		buf = append(buf, ".."...)
		at = append(at, [2]int{len(buf), len(buf) + n})
		buf = append(buf, bytes.Repeat([]byte{byte('a' + i)}, n)...)
	}
	list = make(Parts, 0, room)
	for _, a := range at {
		whole = append(whole, buf[a[0]:a[1]]...)
		list = list.Add(buf[a[0]:a[1]])
	}
	return list, whole
}

// Whatever the room, the data are the same, in one part and in several.
func TestParts(t *testing.T) {
	sizes := []int{3, 1, 0, 700, 2, 40}
	for room := range 8 {
		list, want := scattered(room, sizes...)
		if most := max(1, min(room, len(sizes))); len(list) != most || list.Len() != len(want) {
			t.Errorf("room for %d: %d parts of %d bytes; want %d of %d", room, len(list), list.Len(), most, len(want))
		}
		if got := list.Join(); !bytes.Equal(got, want) {
			t.Errorf("room for %d: joined to %q", room, got)
		}
		for _, n := range []int{1, 2, 39, 1000} {
			list, want := scattered(room, sizes...)
			var got []byte
			for b := list.Next(n); len(b) > 0; b = list.Next(n) {
				if len(b) > n {
					t.Errorf("%d bytes at once; want %d at most", len(b), n)
				}
				got = append(got, b...)
			}
			if !bytes.Equal(got, want) || list.Len() != 0 {
				t.Errorf("room for %d, by %d: %q, and %d left", room, n, got, list.Len())
			}
		}
	}
}

// Joining moves nothing elsewhere, and allocates nothing.
func TestPartsInPlace(t *testing.T) {
	for _, room := range []int{1, 3, 8} {
		list, _ := scattered(room, 5, 500, 7, 20)
		first := &list[0][0]
		if got := list.Join(); &got[0] != first {
			t.Errorf("room for %d: joined in another place", room)
		}
	}
	var none Parts
	if none.Join() != nil || none.Len() != 0 || none.Next(1) != nil {
		t.Error("there is something where there is nothing")
	}
}
