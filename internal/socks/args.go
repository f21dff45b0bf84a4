package socks

import (
	"errors"
	"fmt"
	"strings"
)

// Args are the k=v arguments of a Bridge line. A key may have several values.
type Args map[string][]string

// Get returns the first value for key, and whether there is one.
func (a Args) Get(key string) (string, bool) {
	if len(a[key]) == 0 {
		return "", false
	}
	return a[key][0], true
}

// parseArgs reads arguments as Tor writes them into the user id: k=v, with ";"
// between, and a backslash before each backslash or ";" that belongs to a value
// (pt-spec, section 3.5). No text is no arguments: nil.
func parseArgs(s string) (Args, error) {
	if s == "" {
		return nil, nil
	}
	args := make(Args)
	for n := 1; ; n++ {
		key, rest, end, err := unescape(s, "=;")
		if err != nil {
			return nil, err
		}
		if end != '=' {
			return nil, fmt.Errorf("argument %d has no '='", n)
		}
		if key == "" {
			return nil, fmt.Errorf("argument %d has no name", n)
		}
		value, rest, end, err := unescape(rest, ";")
		if err != nil {
			return nil, err
		}
		args[key] = append(args[key], value)
		if end == 0 {
			return args, nil
		}
		s = rest
	}
}

// unescape reads s up to the first byte of ends that has no backslash before it.
// It returns that byte, or 0 at the end of s, and what follows it.
func unescape(s, ends string) (text, rest string, end byte, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(ends, s[i]) >= 0 {
			return b.String(), s[i+1:], s[i], nil
		}
		if s[i] == '\\' {
			if i++; i == len(s) {
				return "", "", 0, errors.New("nothing follows the last backslash")
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), "", 0, nil
}
