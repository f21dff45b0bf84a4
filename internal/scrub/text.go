package scrub

import (
	"bytes"
	"strings"
)

// String returns s without the addresses in it; the package comment says what
// counts as one. The time it takes grows with the length of s alone.
func String(s string) string {
	s = traceArguments(s)
	s = urls(s)
	s = phrases(s)
	if strings.Contains(s, "%") {
		s = addresses(s, unescape(s))
	}
	return addresses(s, plain(s))
}

// view is a string as the scan reads it: byte i of text stands for
// s[at[i]:at[i+1]].
type view struct {
	text []byte
	at   []int // nil: text is s itself
}

func plain(s string) view { return view{text: []byte(s)} }

// unescape undoes percent-encoding, once or many times (%3A, %253A), of the
// bytes that hold an address together.
func unescape(s string) view {
	v := view{text: make([]byte, 0, len(s)), at: make([]int, 0, len(s)+1)}
	for i := 0; i < len(s); {
		c, n := unescapeByte(s[i:])
		v.text, v.at = append(v.text, c), append(v.at, i)
		i += n
	}
	v.at = append(v.at, len(s))
	return v
}

func unescapeByte(s string) (c byte, n int) {
	if s[0] != '%' {
		return s[0], 1
	}
	n = 1
	for strings.HasPrefix(s[n:], "25") {
		n += 2
	}
	if len(s) >= n+2 {
		switch strings.ToUpper(s[n : n+2]) {
		case "2E":
			return '.', n + 2
		case "2F":
			return '/', n + 2
		case "3A":
			return ':', n + 2
		case "5B":
			return '[', n + 2
		case "5D":
			return ']', n + 2
		}
	}
	return '%', n
}

func (v view) offset(i int) int {
	if v.at == nil {
		return i
	}
	return v.at[i]
}

// addresses replaces what the scan finds in v, a view of s. It looks at each
// longest run of the bytes that an address is written with.
func addresses(s string, v view) string {
	var out strings.Builder
	done := 0
	cut := func(from, to int) int {
		from, to = widen(v.text, from, to)
		out.WriteString(s[done:v.offset(from)])
		out.WriteString(mark)
		done = v.offset(to)
		return to
	}
	t := v.text
	for i := 0; i < len(t); i++ {
		end := i
		for end < len(t) && isAddressByte(t[end]) {
			end++
		}
		if from, to := trimPunctuation(t, i, end); isIPv6(t[from:to]) {
			end = max(end, cut(from, skipZone(t, to)))
		} else {
			for from, to, ok := findIPv4(t, i, end); ok; from, to, ok = findIPv4(t, to, end) {
				to = cut(from, to)
				end = max(end, to)
			}
		}
		i = max(i, end-1)
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// widen takes in the brackets, port and prefix length around an address.
func widen(t []byte, from, to int) (int, int) {
	if from > 0 && t[from-1] == '[' && to < len(t) && t[to] == ']' {
		from, to = from-1, to+1
	}
	to = skipNumber(t, to, ':', 5) // a port: 65535
	to = skipNumber(t, to, '/', 3) // a prefix length: 128
	return from, to
}

// trimPunctuation takes the colons and full stops of the sentence off the ends
// of a run: ":", ".", but not the "::" that an address may begin or end with.
func trimPunctuation(t []byte, from, to int) (int, int) {
	for from < to && (t[from] == '.' || t[from] == ':' && !bytes.HasPrefix(t[from:to], []byte("::"))) {
		from++
	}
	for to > from && (t[to-1] == '.' || t[to-1] == ':' && !bytes.HasSuffix(t[from:to], []byte("::"))) {
		to--
	}
	if bytes.HasSuffix(t[from:to], []byte(":::")) { // "fe80:::" is fe80:: and a colon
		to--
	}
	return from, to
}

// isIPv6 asks for no more than what every IPv6 address has: "::", or six colons
// (eight groups, or six and a dotted IPv4). A time has two colons, a hardware
// address five.
func isIPv6(run []byte) bool {
	return bytes.Contains(run, []byte("::")) || bytes.Count(run, []byte(":")) >= 6
}

// findIPv4 finds numbers with dots between, four of which, one after the other,
// can be an IPv4 address: of the outer two a part may belong to the text around.
func findIPv4(t []byte, i, end int) (from, to int, found bool) {
	for i < end {
		if !isDigit(t[i]) {
			i++
			continue
		}
		from = i
		for i < end && (isDigit(t[i]) || t[i] == '.') {
			i++
		}
		to = from + len(bytes.TrimRight(t[from:i], "."))
		parts := bytes.Split(t[from:to], []byte("."))
		for k := 0; k+3 < len(parts); k++ {
			if len(parts[k]) > 0 && isOctet(parts[k+1]) && isOctet(parts[k+2]) && len(parts[k+3]) > 0 {
				return from, to, true
			}
		}
	}
	return 0, 0, false
}

// isOctet accepts leading zeros, as 192.000.002.001 is an address to a reader.
func isOctet(b []byte) bool {
	if len(b) < 1 || len(b) > 3 {
		return false
	}
	n := 0
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n <= 255
}

// skipZone steps over "%eth0".
func skipZone(t []byte, i int) int {
	if i >= len(t) || t[i] != '%' {
		return i
	}
	end := i + 1
	for end < len(t) && (isLetterOrDigit(t[end]) || bytes.IndexByte([]byte("._-~"), t[end]) >= 0) {
		end++
	}
	return i + len(bytes.TrimRight(t[i:end], ".-"))
}

// skipNumber steps over sep and a number of at most max digits.
func skipNumber(t []byte, i int, sep byte, max int) int {
	if i >= len(t) || t[i] != sep {
		return i
	}
	end := i + 1
	for end < len(t) && isDigit(t[end]) {
		end++
	}
	if n := end - i - 1; n < 1 || n > max {
		return i
	}
	return end
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetterOrDigit(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isAddressByte(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' || c == ':' || c == '.'
}
