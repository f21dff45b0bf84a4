package pool

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// FuzzIndex: the index has what a map has, while it grows and while addresses
// come and go. Each two bytes are an address; one that is there goes, else it comes.
func FuzzIndex(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x02\x00\x01\x00\x01"))
	many := make([]byte, 0, 4000)
	for i := range 1000 {
		many = binary.BigEndian.AppendUint16(many, uint16(i))
	}
	for i := range 1000 {
		many = binary.BigEndian.AppendUint16(many, uint16(i*7%1000))
	}
	f.Add(many)
	f.Fuzz(func(t *testing.T, ops []byte) {
		x, endpoints, there := newIndex(), &arena[endpoint]{}, make(map[address]ref)
		for ; len(ops) >= 2; ops = ops[2:] {
			a := addressOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, ops[0]}), uint16(ops[1])))
			r := there[a]
			if got := x.find(a, endpoints); got != r {
				t.Fatalf("%v: found %d, want %d", a, got, r)
			}
			if r != 0 {
				x.remove(a, r)
				endpoints.give(r)
				delete(there, a)
			} else {
				r, n := endpoints.take()
				n.item.addr = a
				x.add(a, r)
				there[a] = r
			}
		}
		for a, r := range there {
			if got := x.find(a, endpoints); got != r {
				t.Errorf("%v: found %d at the end, want %d", a, got, r)
			}
		}
		if x.count != len(there) || 2*x.count > len(x.slots) {
			t.Errorf("%d of %d slots are counted, want %d", x.count, len(x.slots), len(there))
		}
	})
}

// TestIndexCollisions: endpoints are told apart whose hashes are equal, also
// across the end of the table; and endpoints with one address, by their number.
func TestIndexCollisions(t *testing.T) {
	const last = 0xffffffff
	x := newIndex()
	for r := range ref(20) {
		x.place(last<<32 | uint64(r+1))
	}
	for i, s := range x.slots {
		if want := i < 19 || i == minSlots-1; want != (s != 0) {
			t.Errorf("slot %d holds %x", i, s)
		}
	}
	a := addressOf(netip.MustParseAddrPort("192.0.2.1:1"))
	x, endpoints := newIndex(), &arena[endpoint]{}
	var refs []ref
	for range 10 {
		r, n := endpoints.take()
		n.item.addr = a
		x.add(a, r)
		refs = append(refs, r)
	}
	for i, r := range refs {
		if x.find(a, endpoints) == 0 {
			t.Fatalf("none found, %d are left", len(refs)-i)
		}
		x.remove(a, r)
	}
	if got := x.find(a, endpoints); got != 0 {
		t.Errorf("found %d, which is removed", got)
	}
}
