package main

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Frames are counted alike in whatever pieces they come, and only what is in messages.
func TestFrameCounter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var stream []byte
		want, pings := 0, 0
		for range 50 {
			switch n := random.IntN(4); n {
			case 0:
				stream = append(stream, 0x80|opPing, 0x80|5, 1, 2, 3, 4, 'h', 'e', 'l', 'l', 'o')
				pings++
			default:
				p := make([]byte, []int{0, random.IntN(126), 126 + random.IntN(5000), 1<<16 + random.IntN(9)}[n])
				if random.IntN(2) == 0 {
					stream = append(stream, frame(p)...)
				} else {
					stream = append(stream, clientFrame(p)...)
				}
				want += len(p)
			}
		}
		var c frameCounter
		got := 0
		for rest := stream; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(1<<random.IntN(17)))
			m, err := c.count(rest[:n])
			if err != nil {
				t.Fatal(err)
			}
			got += m
			rest = rest[n:]
		}
		if got != want || c.pings != pings {
			t.Fatalf("counted %d bytes and %d pings, there are %d and %d", got, c.pings, want, pings)
		}
	}
	if _, err := new(frameCounter).count([]byte{0x80 | opClose, 0}); err == nil {
		t.Error("a close frame is no end")
	}
}

func TestFrame(t *testing.T) {
	for size, head := range map[int][]byte{
		5:       {0x82, 5},
		126:     {0x82, 126, 0, 126},
		1 << 16: {0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0},
	} {
		p := bytes.Repeat([]byte{7}, size)
		if got := frame(p); !bytes.Equal(got, append(head, p...)) {
			t.Errorf("%d bytes: %v", size, got[:len(head)])
		}
		masked := bytes.Clone(head)
		masked[1] |= 0x80
		if got := clientFrame(p); !bytes.Equal(got, append(append(masked, 0, 0, 0, 0), p...)) {
			t.Errorf("%d bytes masked: %v", size, got[:len(head)+4])
		}
	}
}
