package registration

import (
	"errors"
	"net/url"
	"strings"
)

// ParseFacilitator reads the URL of a facilitator: http or https, a host, and
// perhaps a path. It has no user name, which logs and browsers would show.
func ParseFacilitator(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("not a URL: want something like https://facilitator.example/") // its own text quotes s
	}
	return u, CheckFacilitator(u)
}

// CheckFacilitator is ParseFacilitator for what is a URL already.
func CheckFacilitator(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return errors.New("want a URL that begins with http:// or https://, such as https://facilitator.example/")
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return errors.New("want a URL without user name, \"?\" and \"#\"")
	}
	return nil
}

// maxSaid bounds what is repeated of a facilitator's words, in bytes.
const maxSaid = 200

// Said makes what a facilitator said in a refusal fit to be shown: the first line
// that is not empty, printable ASCII, at most 200 bytes. They are a stranger's words.
func Said(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, line)
	return strings.TrimSpace(line[:min(len(line), maxSaid)])
}
