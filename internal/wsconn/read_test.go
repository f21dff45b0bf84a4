package wsconn

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/memnet"
	"flashproxy/internal/netwait"
)

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// longFrame is the header of a frame that says it has n bytes, and the mask.
func longFrame(first byte, n uint64) []byte {
	b := []byte{first, 0xff}
	for i := range 8 {
		b = append(b, byte(n>>(56-8*i)))
	}
	return append(b, 1, 2, 3, 4)
}

// hostile is what a client may do wrong: what of its data is still read, and
// the close code that it gets.
var hostile = []struct {
	name   string
	base64 bool
	input  []byte
	data   string
	code   int
}{
	{"unmasked", false, rawFrame(0x82, false, []byte("x")), "", 1002},
	{"unmasked ping", false, rawFrame(0x89, false, []byte("x")), "", 1002},
	{"RSV1", false, rawFrame(0xc2, true, []byte("x")), "", 1002},
	{"RSV2", false, rawFrame(0xa2, true, []byte("x")), "", 1002},
	{"RSV3", false, rawFrame(0x92, true, []byte("x")), "", 1002},
	{"opcode 3", false, rawFrame(0x83, true, []byte("x")), "", 1002},
	{"opcode 15", false, rawFrame(0x8f, true, nil), "", 1002},
	{"continuation of nothing", false, rawFrame(0x80, true, []byte("x")), "", 1002},
	{"message in a message", false, join(rawFrame(0x02, true, []byte("a")), rawFrame(0x82, true, []byte("b"))), "a", 1002},
	{"fragmented ping", false, rawFrame(0x09, true, []byte("x")), "", 1002},
	{"fragmented close", false, rawFrame(0x08, true, nil), "", 1002},
	{"ping of 126 bytes", false, rawFrame(0x89, true, make([]byte, 126)), "", 1002},
	{"HTTP again", false, []byte(request()), "", 1002},
	{"1 MiB and 1 byte, by its header", false, longFrame(0x82, 1<<20+1), "", 1009},
	{"2^63 bytes", false, longFrame(0x82, 1<<63), "", 1009},
	{"2^63-1 bytes", false, longFrame(0x82, 1<<63-1), "", 1009},
	{"2^64-1 bytes", false, longFrame(0x82, 1<<64-1), "", 1009},
	{"frames above 1 MiB", false, join(rawFrame(0x02, true, []byte("a")), longFrame(0x00, 1<<20)), "a", 1009},
	{"overflowing sum of frames", false, join(rawFrame(0x02, true, []byte("a")), longFrame(0x00, 1<<63-1)), "a", 1009},
	{"text", false, rawFrame(0x81, true, []byte("eA==")), "", 1003},
	{"empty text", false, rawFrame(0x81, true, nil), "", 1003},
	{"data, then text", false, join(binFrame([]byte("ab")), rawFrame(0x81, true, []byte("eA=="))), "ab", 1003},
	{"not base64", true, rawFrame(0x81, true, []byte("e!==")), "", 1007},
	{"base64url", true, rawFrame(0x81, true, []byte("-_-_")), "", 1007},
	{"no padding", true, rawFrame(0x81, true, []byte("eA")), "", 1007},
	{"padding alone", true, rawFrame(0x81, true, []byte("====")), "", 1007},
	{"padding inside", true, rawFrame(0x81, true, []byte("eA==eA==")), "x", 1007},
	{"padding inside, in two frames", true, join(rawFrame(0x01, true, []byte("eA==")), rawFrame(0x80, true, []byte("eA=="))), "x", 1007},
	{"line end", true, rawFrame(0x81, true, []byte("eHh4\r\n\r\n")), "xxx", 1007},
	{"line end alone", true, rawFrame(0x81, true, []byte("\n")), "", 1007},
	{"good, then bad", true, join(rawFrame(0x81, true, []byte("eA==")), rawFrame(0x81, true, []byte("e"))), "x", 1007},
	{"too much base64", true, longFrame(0x81, uint64(base64.StdEncoding.EncodedLen(1<<20)+1)), "", 1009},
}

// Each gets its answer, however its bytes are cut, and hurts nobody else.
func TestHostileFrames(t *testing.T) {
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, late := range []bool{false, true} {
					for _, atOnce := range []int{0, 1, 7} {
						testHostile(t, tt.base64, late, tt.input, tt.data, tt.code, atOnce)
					}
				}
			})
		})
	}
}

func testHostile(t *testing.T, base64, late bool, input []byte, data string, code, atOnce int) {
	n := memory()
	l := listen(t, n, ListenOptions{})
	other := rawClient(t, n, request())
	otherServer := accept(t, l)
	defer otherServer.Close()
	var headers []string
	if base64 {
		headers = []string{wantBase64}
	}
	peer := rawClient(t, n, request(headers...))
	server := accept(t, l)
	server.conn.(*memnet.Conn).SetMaxRead(atOnce)
	go peer.Write(input)
	got, err := readAll(t, server, late)
	// How much of a message in base64 counts before its fault depends on the cuts.
	if string(got) != data && (!base64 || !strings.HasPrefix(data, string(got))) {
		t.Errorf("read %q; want %q", got, data)
	}
	var wrong *violation
	if !errors.As(err, &wrong) || wrong.code != code {
		t.Errorf("read: %v; want code %d", err, code)
	}
	wantCloseFrame(t, peer, code)
	closed := make(chan error)
	go func() { closed <- server.Close() }()
	wantEOF(t, peer)
	peer.Close()
	must(t, <-closed)
	write(t, other, binFrame([]byte("still here")))
	readString(t, otherServer, "still here")
	other.Close()
}

// A server may do wrong as well.
func TestHostileServer(t *testing.T) {
	for name, tt := range map[string]struct {
		input []byte
		code  int
	}{
		"masked": {rawFrame(0x82, true, []byte("x")), 1002},
		"text":   {rawFrame(0x81, false, []byte("x")), 1003},
		"RSV1":   {rawFrame(0xc2, false, []byte("x")), 1002},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memory()
				defer n.listener.Close()
				go func() {
					c, err := Dial(context.Background(), "ws://peer.example", dialOptions(n, DialOptions{}))
					if err != nil {
						t.Error(err)
						return
					}
					io.Copy(io.Discard, c)
					c.Close()
				}()
				server, err := n.listener.Accept()
				must(t, err)
				defer server.Close()
				write(t, server, []byte(answer(t, readHead(t, server))))
				write(t, server, tt.input)
				wantCloseFrame(t, server, tt.code)
				wantEOF(t, server)
			})
		})
	}
}

// A frame that only promises to be long costs no memory.
func TestLongFrameAllocatesNothing(t *testing.T) {
	peer, server := rawPair(t, loopback(t), ListenOptions{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	write(t, peer, append(longFrame(0x82, 1<<20), 1^'a'))
	readString(t, server, "a")
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 128<<10 {
		t.Errorf("%d bytes allocated", n)
	}
}

// What must be accepted: long messages, fragments, empty ones, control frames
// in between, whatever the cuts.
func TestAccepted(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, tt := range []struct {
		name   string
		base64 bool
		input  []byte
		want   string
	}{
		{"1 MiB", false, binFrame(long), string(long)},
		{"1 MiB in base64", true, rawFrame(0x81, true, []byte(base64.StdEncoding.EncodeToString(long))), string(long)},
		{"binary among base64", true, join(rawFrame(0x81, true, []byte("eA==")), binFrame([]byte("y")), rawFrame(0x81, true, []byte("eng="))), "xyzx"},
		{"fragments", false, join(rawFrame(0x02, true, []byte("ab")), rawFrame(0, true, nil), rawFrame(0, true, []byte("c")), rawFrame(0x80, true, []byte("d"))), "abcd"},
		{"fragments of base64", true, join(rawFrame(0x01, true, []byte("e")), rawFrame(0, true, []byte("H")), rawFrame(0x80, true, []byte("h4eHg="))), "xxxxx"},
		{"ping in a message", false, join(rawFrame(0x02, true, []byte("ab")), ping("p"), rawFrame(0x80, true, []byte("c"))), "abc"},
		{"unasked pong", false, join(rawFrame(0x8a, true, []byte("?")), binFrame([]byte("x"))), "x"},
		{"empty messages", true, join(binFrame(nil), rawFrame(0x81, true, nil), rawFrame(0x02, true, nil), rawFrame(0x80, true, nil), binFrame([]byte("x"))), "x"},
		{"long form of a short length", false, append(longFrame(0x82, 1), 1^'x'), "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, atOnce := range []int{0, 1, 3, 255, 256, 257, 0, 1, 3, 255} {
				if atOnce < 255 && atOnce > 0 && len(tt.input) > 1<<20 {
					continue // slow
				}
				var headers []string
				if tt.base64 {
					headers = []string{wantBase64}
				}
				peer, server := rawPair(t, memory(), ListenOptions{}, headers...)
				server.conn.(*memnet.Conn).SetMaxRead(atOnce)
				go peer.Write(append(tt.input, closeFrame(1000)...))
				go io.Copy(io.Discard, peer)
				got, err := readAll(t, server, i > 5)
				if string(got) != tt.want || err != nil {
					t.Errorf("%d at once: read %d bytes, %v; want %d", atOnce, len(got), err, len(tt.want))
				}
				peer.Close()
			}
		})
	}
}

// lender lends one buffer, and finds out when it is asked for another before. The
// buffer is full of what is no one's to see.
type lender struct {
	t    testing.TB
	buf  []byte
	lent bool
}

func (l *lender) Borrow() []byte {
	if l.lent {
		l.t.Error("borrowed twice")
	}
	l.lent = true
	l.spoil()
	return l.buf
}

func (l *lender) Return() {
	if !l.lent {
		l.t.Error("returned what was not borrowed")
	}
	l.lent = false
	l.spoil()
}

// Parts has room for few, so that some are moved together.
func (l *lender) Parts() netwait.Parts {
	if !l.lent {
		l.t.Error("nothing was borrowed for parts to be in")
	}
	return make(netwait.Parts, 0, 3)
}

func (l *lender) spoil() {
	for p := l.buf; len(p) > 0; {
		p = p[copy(p, "what another connection has read "):]
	}
}

// readAll reads to the end, late or not.
func readAll(t testing.TB, c *Conn, late bool) (all []byte, err error) {
	if !late {
		return io.ReadAll(c)
	}
	l := &lender{t: t, buf: make([]byte, 64<<10)}
	for {
		parts, err := c.ReadLate(l)
		b := parts.Join()
		if (err == nil) != (len(b) > 0) || l.lent != (err == nil) {
			t.Errorf("%d bytes, %v, borrowed: %v", len(b), err, l.lent)
		}
		all = append(all, b...)
		switch {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return all, err
		}
		l.Return()
	}
}

// Empty frames are read without end, and Read does not return because of them.
func TestEmptyFrameFlood(t *testing.T) {
	for name, frames := range map[string][]byte{
		"messages":  bytes.Repeat(binFrame(nil), 1000),
		"fragments": join(rawFrame(0x02, true, nil), bytes.Repeat(rawFrame(0, true, nil), 1000), rawFrame(0x80, true, nil)),
		"text":      bytes.Repeat(rawFrame(0x81, true, nil), 1000),
	} {
		t.Run(name, func(t *testing.T) {
			peer, server := rawPair(t, loopback(t), ListenOptions{}, wantBase64)
			go func() {
				for range 100 {
					peer.Write(frames)
				}
				peer.Write(binFrame([]byte("x")))
			}()
			must(t, server.WaitRead())
			if n, err := server.Read(make([]byte, 10)); n != 1 || err != nil {
				t.Fatalf("read %d, %v", n, err)
			}
		})
	}
}

// WaitRead returns only when Read has something to say.
func TestWaitRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, server := rawPair(t, memory(), ListenOptions{PingInterval: -1}, wantBase64)
		start := time.Now()
		go func() {
			for _, part := range [][]byte{
				ping("p"), binFrame(nil), rawFrame(0x02, true, nil), rawFrame(0x80, true, nil), rawFrame(0x01, true, []byte("eHh")), {0x80},
			} {
				time.Sleep(time.Minute)
				peer.Write(part)
			}
			time.Sleep(time.Minute)
			peer.Write(rawFrame(0x80, true, []byte("4"))[1:])
			time.Sleep(time.Minute)
			peer.Write(closeFrame(1000))
		}()
		must(t, server.WaitRead())
		if d := time.Since(start); d != 7*time.Minute {
			t.Errorf("WaitRead returned after %v", d)
		}
		must(t, server.WaitRead())
		readString(t, server, "xxx")
		must(t, server.WaitRead())
		if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("read %d, %v", n, err)
		}
		must(t, server.Close())
		if err := server.WaitRead(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("wait after Close: %v", err)
		}
	})
}

// Whatever a client sends after its handshake, reading ends, returns no more
// bytes than came, and the same ones whichever way and however they are cut.
func FuzzRead(f *testing.F) {
	for _, tt := range hostile {
		f.Add(tt.base64, uint8(0), tt.input)
	}
	f.Add(false, uint8(1), join(ping("p"), binFrame([]byte("data")), closeFrame(1000)))
	f.Add(true, uint8(5), join(rawFrame(0x01, true, []byte("e")), ping("p"), rawFrame(0x80, true, []byte("Hh4eHg=")), binFrame([]byte("data"))))
	f.Fuzz(func(t *testing.T, base64 bool, atOnce uint8, input []byte) {
		got, err := readInput(t, base64, false, atOnce, input)
		if len(got) > len(input) {
			t.Errorf("%d bytes came of %d", len(got), len(input))
		}
		if err == nil && !bytes.Contains(input, []byte{0x88}) {
			t.Errorf("a normal end without a close frame")
		}
		late, lateErr := readInput(t, base64, true, 0, input)
		// How much of a message in base64 counts before its fault depends on the cuts.
		if (err == nil) != (lateErr == nil) || !bytes.Equal(got, late) && !(base64 && err != nil) {
			t.Errorf("Read: %q, %v; ReadLate: %q, %v", got, err, late, lateErr)
		}
	})
}

func readInput(t *testing.T, base64, late bool, atOnce uint8, input []byte) ([]byte, error) {
	var headers []string
	if base64 {
		headers = []string{wantBase64}
	}
	peer, server := rawPair(t, memory(), ListenOptions{}, headers...)
	defer peer.Close()
	server.conn.(*memnet.Conn).SetMaxRead(int(atOnce))
	go func() {
		peer.Write(input)
		peer.(*memnet.Conn).CloseWrite()
		io.Copy(io.Discard, peer)
	}()
	return readAll(t, server, late)
}
