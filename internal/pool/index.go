package pool

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"
)

// address is an IP address and port without pointers; IPv4 in its v4-mapped form.
type address struct {
	ip   [16]byte
	port uint16
}

// addressOf gives equal values for equal addresses. A zone is dropped: it means
// nothing elsewhere.
func addressOf(a netip.AddrPort) address { return address{a.Addr().As16(), a.Port()} }

func (a address) addrPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.ip).Unmap(), a.port)
}

// index finds endpoints by address: a hash table with open addressing and linear
// probing. Of a match among a million most of the time goes into waiting for memory, so
// this is small, eight bytes a slot, and one look is one line of the cache; a map of Go's is five
// times as large and takes three.
type index struct {
	// A slot is the hash of an address, in the upper half, and the number of the
	// endpoint; 0 is empty. A hash begins with its slot, so a larger table has the same order.
	slots []uint64
	shift int // from a hash to its slot
	count int
	seed  maphash.Seed // so that nobody can choose addresses that collide
}

const minSlots = 64

func newIndex() index {
	x := index{seed: maphash.MakeSeed()}
	x.resize(minSlots)
	return x
}

func (x *index) resize(n int) {
	old := x.slots
	x.slots, x.shift = make([]uint64, n), 32-bits.TrailingZeros(uint(n))
	for _, s := range old {
		if s != 0 {
			x.place(s)
		}
	}
}

func (x *index) hash(a address) uint32 {
	var b [18]byte
	copy(b[:], a.ip[:])
	binary.LittleEndian.PutUint16(b[16:], a.port)
	return uint32(maphash.Bytes(x.seed, b[:]))
}

// home is where a slot stands if there is room.
func (x *index) home(slot uint64) int { return int(uint32(slot>>32) >> x.shift) }

// after is the next slot; the first follows the last.
func (x *index) after(i int) int { return (i + 1) & (len(x.slots) - 1) }

func (x *index) place(slot uint64) {
	i := x.home(slot)
	for x.slots[i] != 0 {
		i = x.after(i)
	}
	x.slots[i] = slot
}

// add adds an endpoint, also one whose address is there already.
func (x *index) add(a address, r ref) {
	// At most half full: then a look passes one or two others.
	if x.count++; 2*x.count > len(x.slots) {
		x.resize(2 * len(x.slots))
	}
	x.place(uint64(x.hash(a))<<32 | uint64(r))
}

// find gives an endpoint with the address, or 0.
func (x *index) find(a address, endpoints *arena[endpoint]) ref {
	hash := x.hash(a)
	for i := x.home(uint64(hash) << 32); x.slots[i] != 0; i = x.after(i) {
		s := x.slots[i]
		if r := ref(s); uint32(s>>32) == hash && endpoints.at(r).item.addr == a {
			return r
		}
	}
	return 0
}

// remove removes an endpoint, which is there.
func (x *index) remove(a address, r ref) {
	slot := uint64(x.hash(a))<<32 | uint64(r)
	i := x.home(slot)
	for x.slots[i] != slot {
		i = x.after(i)
	}
	// Those behind it move up that would not be found beyond a gap (Knuth, The Art of
	// Computer Programming, volume 3, section 6.4, algorithm R).
	mask := len(x.slots) - 1
	for j := x.after(i); x.slots[j] != 0; j = x.after(j) {
		if (j-x.home(x.slots[j]))&mask >= (j-i)&mask {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = 0
	x.count--
}
