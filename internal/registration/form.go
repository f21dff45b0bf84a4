package registration

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// maxPairs bounds the key=value pairs of one form: more than any message of
// this protocol has, few enough to cost nothing.
const maxPairs = 512

var errForm = errors.New("not a form: fields are key=value, joined with \"&\", other bytes as %XX")

// eachField gives visit each key=value pair of a form in order, until an error. It
// takes what url.ParseQuery takes, within a bound, and builds no map: a facilitator does
// this twice a match. Its own errors quote nothing of what was sent.
func eachField(form string, visit func(key, value string) error) error {
	if strings.Count(form, "&") >= maxPairs {
		return errors.New("too many fields")
	}
	for form != "" {
		var pair string
		pair, form, _ = strings.Cut(form, "&")
		if pair == "" {
			continue
		}
		if strings.Contains(pair, ";") {
			return errForm
		}
		key, value, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(key)
		if err != nil {
			return errForm
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return errForm
		}
		if err := visit(key, value); err != nil {
			return err
		}
	}
	return nil
}

// field is one that may come once.
type field struct {
	value string
	times int
}

func (f *field) add(value string) { f.value, f.times = value, f.times+1 }

func (f *field) given() bool { return f.times > 0 }

// once gives the value of a field that must be there exactly once. The key is
// for its errors.
func (f *field) once(key string) (string, error) {
	switch f.times {
	case 0:
		return "", fmt.Errorf("no %s", key)
	case 1:
		return f.value, nil
	default:
		return "", fmt.Errorf("%s is given %d times", key, f.times)
	}
}

// appendEscaped is url.QueryEscape into a buffer.
func appendEscaped[S string | []byte](b []byte, s S) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
