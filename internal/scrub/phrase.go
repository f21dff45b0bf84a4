package scrub

import "strings"

// phrase is how the standard library's errors say a name or an address that
// can't be told from other words. It is what is left to go by when an error came
// as a string.
type phrase struct {
	before string // ends with a quotation mark: the thing is quoted
	after  string // "" is the end of the line
}

// phrases takes what stands within the phrases of the standard library's errors
// out of s.
func phrases(s string) string {
	for _, p := range []phrase{
		{"lookup ", ": "}, // net.DNSError

		// net.OpError with the path of a socket
		{"dial unix ", ": "}, {"listen unix ", ": "}, {"accept unix ", ": "}, {"read unix ", ": "}, {"write unix ", ": "},

		// net.AddrError. "address " alone is too common a word.
		{"address ", ": missing port in address"},
		{"address ", ": too many colons in address"},
		{"address ", ": missing ']' in address"},
		{"address ", ": unexpected '[' in address"},
		{"address ", ": unexpected ']' in address"},
		{"address ", ": invalid port"},
		{"address ", ": unknown port"},
		{"address ", ": no suitable address"},
		{"address ", ": unexpected address type"},
		{"address ", ": mismatched local address type"},
		{"address ", ": non-IPv4 address"},
		{"address ", ": non-IPv6 address"},
		{"address ", ": invalid address family"},
		{"address ", ": invalid IP address"},
		{"address ", ": invalid MAC address"},

		{"invalid IP address: ", ""}, {"invalid CIDR address: ", ""}, // net.ParseError
		{"unknown network ", ""}, // net.UnknownNetworkError

		// netip
		{`ParseAddr("`, ""}, {`(at "`, ""}, {`ParsePrefix("`, ""},
		{`invalid ip:port "`, ""}, {`invalid port "`, ""}, {`" parsing "`, ""},

		// url.Error, for the URLs that are relative; and net/http
		{`Get "`, ""}, {`Head "`, ""}, {`Post "`, ""}, {`Put "`, ""}, {`Patch "`, ""}, {`Delete "`, ""},
		{`Connect "`, ""}, {`Options "`, ""}, {`Trace "`, ""}, {`parse "`, ""},
		{`Location header "`, ""}, {`proxy URL "`, ""}, {`proxy address "`, ""},

		// crypto/x509
		{"certificate is valid for ", ""},
		{"but none matched ", ""},
		{"but wanted to match ", ""},
		{"cannot validate certificate for ", " because "},
		{"authorized to sign for this name: ", ""},
		{"unconstrained name: ", ""},
		{`authority certificate "`, ""},
	} {
		s = p.remove(s)
	}
	return s
}

func (p phrase) remove(s string) string {
	var out strings.Builder
	rest := s
	for {
		_, tail, found := strings.Cut(rest, p.before)
		if !found {
			break
		}
		out.WriteString(rest[:len(rest)-len(tail)])
		line, _, _ := strings.Cut(tail, "\n")
		n, found := p.length(line)
		if !found { // then it is not elsewhere on this line either
			out.WriteString(line)
			n = len(line)
		} else if n > 0 {
			out.WriteString(mark)
		}
		rest = tail[n:]
	}
	if out.Len() == 0 {
		return s
	}
	out.WriteString(rest)
	return out.String()
}

// length returns how much of line, which follows p.before, is to be removed.
func (p phrase) length(line string) (n int, found bool) {
	switch {
	case strings.HasSuffix(p.before, `"`):
		return quoted(line), true
	case p.after == "":
		return len(line), true
	default:
		n = strings.Index(line, p.after)
		return n, n >= 0
	}
}

// quoted returns the length of what stands before the closing quotation mark,
// or of all of s when there is none.
func quoted(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(s)
}

// urls removes absolute URLs, whole: path and query may name somebody as well as
// the host does. One that stands in quotation marks ends with them, any other
// with white space.
func urls(s string) string {
	var out strings.Builder
	rest := s
	for {
		i := strings.Index(rest, "://")
		if i < 0 {
			break
		}
		start := i
		for start > 0 && isSchemeByte(rest[start-1]) {
			start--
		}
		tail := rest[i:]
		n := strings.IndexAny(tail, " \t\r\n\"\\<>")
		if strings.HasSuffix(rest[:start], `"`) && !strings.HasSuffix(rest[:start], `\"`) {
			n = quoted(tail)
		}
		if n < 0 {
			n = len(tail)
		}
		n = len(strings.TrimRight(tail[:n], ":,;."))
		out.WriteString(rest[:start])
		out.WriteString(mark)
		rest = tail[n:]
	}
	if out.Len() == 0 {
		return s
	}
	out.WriteString(rest)
	return out.String()
}

func isSchemeByte(c byte) bool {
	return isLetterOrDigit(c) || c == '+' || c == '-' || c == '.'
}

// traceArguments takes the arguments out of a stack trace,
// "main.dial({0x0, 0xffffc0000201}, 0x50)": a netip.Addr among them is an
// address in hexadecimal. Names, files and lines stay.
func traceArguments(s string) string {
	if !strings.Contains(s, "goroutine ") {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		open := strings.LastIndexByte(line, '(')
		if open > 0 && strings.HasSuffix(line, ")") && strings.Contains(line[open:], "0x") {
			lines[i] = line[:open] + "(...)"
		}
	}
	return strings.Join(lines, "\n")
}
