package socks

import (
	"bytes"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// encode writes arguments as tor does (tor_escape_str_for_pt_args): measured
// with tor 0.4.9.11, alike for SOCKS4 and SOCKS5.
func encode(pairs []string) string {
	escaped := make([]string, len(pairs))
	for i, p := range pairs {
		escaped[i] = strings.NewReplacer(`\`, `\\`, `;`, `\;`).Replace(p)
	}
	return strings.Join(escaped, ";")
}

func TestParseArgs(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Args // nil: an error, unless in is empty
	}{
		{"", nil},
		{"a=", Args{"a": {""}}},
		{"a=b=c", Args{"a": {"b=c"}}},
		{`a=x\;y;b=p\\q;c=e=f;d=t\\\;u;e=w\\\\z`, Args{"a": {"x;y"}, "b": {`p\q`}, "c": {"e=f"}, "d": {`t\;u`}, "e": {`w\\z`}}}, // tor 0.4.9.11
		{`a\=b=c`, Args{"a=b": {"c"}}},
		{"a=1;a=2", Args{"a": {"1", "2"}}},
		{"a", nil}, {"a;b=c", nil}, {"=b", nil}, {"a=b;", nil}, {`a=b\`, nil}, {";", nil}, {`\`, nil}, {"a=b;;c=d", nil},
	} {
		got, err := parseArgs(c.in)
		if (err != nil) != (c.want == nil && c.in != "") || !maps.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	args := Args{"a": {"1", "2"}, "b": {}}
	for key, want := range map[string]string{"a": "1", "b": "", "c": ""} {
		if got, ok := args.Get(key); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", key, got, ok)
		}
	}
}

// script is a peer that says all it has to say at once and reads nothing.
type script struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func newScript(in string) *script { return &script{in: bytes.NewReader([]byte(in))} }

func (s *script) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) Close() error                     { return nil }
func (s *script) LocalAddr() net.Addr              { return nil }

// stepwise is a script whose reads end where a message of the peer ends, since
// goptlib takes no message before it has answered the one before.
type stepwise struct {
	*script
	steps []string
}

func (s *stepwise) Read(p []byte) (int, error) {
	if len(s.steps) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.steps[0])
	if s.steps[0] = s.steps[0][n:]; s.steps[0] == "" {
		s.steps = s.steps[1:]
	}
	return n, nil
}

func socks5Steps(args string) *stepwise {
	user, password := args[:min(255, len(args))], args[min(255, len(args)):]
	if password == "" {
		password = "\x00"
	}
	return &stepwise{newScript(""), []string{"\x05\x02\x00\x02",
		"\x01" + string([]byte{byte(len(user))}) + user + string([]byte{byte(len(password))}) + password,
		"\x05\x01\x00\x01\x00\x00\x01\x00\x00\x01"}}
}

// FuzzArgs: what Tor writes is read as it was, by both versions, and both refuse
// the same texts.
func FuzzArgs(f *testing.F) {
	f.Add("url", "http://a/?b=c;d", "n", `x\;=`)
	f.Add(`k\`, "", "k", ";")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		encoded := encode([]string{k1 + "=" + v1, k2 + "=" + v2})
		if strings.ContainsRune(encoded, 0) || len(encoded) > 510 {
			return // neither version can carry it
		}
		four, err4 := handshake(newScript("\x04\x01\x00\x50\x00\x00\x01\x00"+encoded+"\x00"), All)
		five, err5 := handshake(socks5Steps(encoded), All)
		if (err4 == nil) != (err5 == nil) {
			t.Fatalf("%q: SOCKS4 says %v, SOCKS5 %v", encoded, err4, err5)
		}
		if err4 != nil {
			if k1 != "" && k2 != "" && k1[0] != '=' && k2[0] != '=' {
				t.Fatalf("%q: %v", encoded, err4)
			}
			return
		}
		if !maps.EqualFunc(four.Args(), five.Args(), slices.Equal) {
			t.Fatalf("%q: SOCKS4 reads %q, SOCKS5 %q", encoded, four.Args(), five.Args())
		}
		// Tor escapes no "=": the first one ends the key.
		want := make(Args)
		for _, p := range []string{k1 + "=" + v1, k2 + "=" + v2} {
			k, v, _ := strings.Cut(p, "=")
			want[k] = append(want[k], v)
		}
		if !maps.EqualFunc(four.Args(), want, slices.Equal) {
			t.Fatalf("%q: %q; want %q", encoded, four.Args(), want)
		}
	})
}

// FuzzParseArgs: our reading of any text is goptlib's.
func FuzzParseArgs(f *testing.F) {
	for _, s := range []string{"a=b", `a\;=b;c=\\`, ";", "=", `\`, "a=b;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" || len(s) > 510 || len(s) == 256 && s[255] == 0 {
			return // a password of one NUL is none
		}
		args, err := parseArgs(s)
		conn, err5 := handshake(socks5Steps(s), V5)
		if (err == nil) != (err5 == nil) {
			t.Fatalf("%q: %v, goptlib says %v", s, err, err5)
		}
		if err == nil && !maps.EqualFunc(args, conn.Args(), slices.Equal) {
			t.Fatalf("%q: %q, goptlib says %q", s, args, conn.Args())
		}
	})
}

// FuzzHandshake: any bytes end in a request or an error, with an answer of a few
// bytes, and nothing that follows the request is lost.
func FuzzHandshake(f *testing.F) {
	for _, s := range []string{request4, "\x05\x01\x00", "\x04\x01\x00\x50\x00\x00\x00\x01k=v\x00host\x00", "GET / HTTP/1.0\r\n\r\n"} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		cut = max(0, min(cut, len(in)))
		peer := &stepwise{newScript(""), []string{string(in[:cut]), string(in[cut:])}}
		if cut == 0 || cut == len(in) {
			peer.steps = []string{string(in)}
		}
		if len(in) == 0 {
			peer.steps = nil
		}
		conn, err := handshake(peer, All)
		if (conn == nil) == (err == nil) {
			t.Fatalf("%v, %v", conn, err)
		}
		if peer.out.Len() > 32 {
			t.Fatalf("answered with %d bytes", peer.out.Len())
		}
		if err != nil {
			return
		}
		if _, port, err := net.SplitHostPort(conn.Target()); len(conn.Target()) > 300 || err == nil && port == "" {
			t.Fatalf("target %q, %v", conn.Target(), err)
		}
		if n := len(in) - len(strings.Join(peer.steps, "")); n < 9 {
			t.Fatalf("a request of %d bytes", n)
		}
	})
}
