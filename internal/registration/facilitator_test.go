package registration

import (
	"strings"
	"testing"
)

func TestParseFacilitator(t *testing.T) {
	for _, s := range []string{"http://f.example", "https://f.example/", "https://f.example:8443/a/b", "http://192.0.2.1:9002/", "http://[2001:db8::1]:9002"} {
		if u, err := ParseFacilitator(s); err != nil || u.String() != s {
			t.Errorf("ParseFacilitator(%q) = %v, %v", s, u, err)
		}
	}
	for _, s := range []string{"", "f.example", "f.example:9002", "ftp://f.example/", "//f.example", "https://", "https://:80/", "https://u@f.example/",
		"https://u:p@f.example/", "https://f.example/?x", "https://f.example/?", "https://f.example/#x", "http://[::1", "http://f.example:port/", "http://f\x00.example"} {
		if _, err := ParseFacilitator(s); err == nil {
			t.Errorf("ParseFacilitator(%q): no error", s)
		} else if len(s) > len("https://") && strings.Contains(err.Error(), s) {
			t.Errorf("ParseFacilitator(%q) quotes it: %v", s, err)
		}
	}
}

func TestSaid(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"\r\n \n":                      "",
		"line 1: no port\n":            "line 1: no port",
		"one\ntwo":                     "one",
		"\r\n one \r\ntwo":             "one",
		"\x1b[31mred\x00\xff\u202e é":  "[31mred",
		strings.Repeat("x", 1000):      strings.Repeat("x", 200),
		strings.Repeat("é", 300) + "a": "a",
	} {
		if got := Said([]byte(in)); got != want {
			t.Errorf("Said(%.20q) = %q, want %q", in, got, want)
		}
	}
}
