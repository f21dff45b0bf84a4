package wsconn

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"flashproxy/internal/netwait"
)

// frame is what an unframer tells of one frame.
type frame struct {
	op       byte
	payload  string
	complete bool
	ends     bool // a message
}

// unframe takes input apart, of which next says how many bytes come at a time.
func unframe(t *testing.T, u unframer, input []byte, next func() int) (all []frame, err error) {
	t.Helper()
	for rest := bytes.Clone(input); len(rest) > 0; {
		p := rest[:min(next(), len(rest))]
		if !u.open {
			n, err := u.header(p)
			if err != nil {
				return all, err
			}
			if n == 0 || !u.open && (n < len(p) || u.have >= u.need()) || u.open && u.have != 0 {
				t.Fatalf("%d of %d bytes of a header taken, %+v", n, len(p), u)
			}
			if rest = rest[n:]; u.open {
				all = append(all, frame{op: u.op})
			}
		} else {
			p = p[:min(int64(len(p)), u.left)]
			u.payload(p)
			rest = rest[len(p):]
			all[len(all)-1].payload += string(p)
		}
		if u.left < 0 || u.size > max(u.limit, u.most) || u.open && u.control() && u.left > maxControl {
			t.Fatalf("out of bounds: %+v", u)
		}
		if u.open && u.left == 0 {
			f := &all[len(all)-1]
			f.complete, f.ends = true, u.end()
		}
	}
	return all, nil
}

// Frames are the same however their bytes are cut, and so is what ends them.
func FuzzUnframer(f *testing.F) {
	for _, tt := range hostile {
		f.Add(true, tt.base64, uint64(1), tt.input)
	}
	f.Add(false, true, uint64(2), join(rawFrame(0x01, false, []byte("e")), rawFrame(0x89, false, nil), rawFrame(0x80, false, make([]byte, 300))))
	f.Add(true, false, uint64(3), join(rawFrame(0x82, true, make([]byte, 70000)), closeFrame(1000), []byte("rest")))
	f.Fuzz(func(t *testing.T, masked, text bool, seed uint64, input []byte) {
		u := unframer{masked: masked, text: text, limit: 1 << 16, most: 1 << 17}
		want, wantErr := unframe(t, u, input, func() int { return len(input) })
		rnd := rand.New(rand.NewPCG(seed, 0))
		for name, next := range map[string]func() int{
			"bytes":    func() int { return 1 },
			"anywhere": func() int { return 1 + rnd.IntN(1<<rnd.IntN(12)) },
		} {
			got, err := unframe(t, u, input, next)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v; want %v", name, got, want)
			}
			if codeOf(t, err) != codeOf(t, wantErr) {
				t.Errorf("%s: %v; want %v", name, err, wantErr)
			}
		}
	})
}

// codeOf is the close code that a fault of the peer gets; 0 if there was none.
func codeOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	wrong, ok := errors.AsType[*violation](err)
	if !ok {
		t.Fatalf("%v is no violation", err)
	}
	return wrong.code
}

// What is sent is taken apart to what it was.
func TestUnframeSent(t *testing.T) {
	for _, masked := range []bool{false, true} {
		f := new(frames)
		first, second := bytes.Repeat([]byte("1"), maxSent), bytes.Repeat([]byte("2"), 126)
		f.add(opBinary, &netwait.Parts{first[:5], first[5:6], first[6:]}, maxSent, masked)
		f.add(opPing, &netwait.Parts{second}, maxControl, masked)
		u := unframer{masked: masked, limit: maxSent}
		got, err := unframe(t, u, f.buf[:f.n], func() int { return 1000 })
		want := []frame{{opBinary, string(first), true, true}, {opPing, string(second[:maxControl]), true, false}}
		if !slices.Equal(got, want) || err != nil {
			t.Errorf("masked %t: %d frames, %v", masked, len(got), err)
		}
	}
}
