package scrub

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error returns the text of err without addresses and host names. It goes
// through the whole tree (Unwrap, errors.Join) for the standard library's errors
// that carry one, takes what they carry out of the text, and gives the rest to
// [String]. The paths of files stay, except those of sockets (*.sock).
func Error(err error) (s string) {
	if err == nil {
		return "<nil>"
	}
	defer func() {
		if recover() != nil { // a nil pointer in the tree, mostly
			s = mark
		}
	}()
	c := carried{budget: maxNodes}
	c.walk(err)
	if c.budget < 0 {
		return mark
	}
	// Longest first: a URL before the host that is a part of it.
	slices.SortFunc(c.words, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	s = err.Error()
	for _, w := range slices.Compact(c.words) {
		s = removeWord(s, w)
	}
	return String(s)
}

// carried collects the strings that the errors of one tree carry.
type carried struct {
	words  []string
	budget int
}

func (c *carried) add(words ...string) {
	for _, w := range words {
		if w == "" || w == "<nil>" {
			continue
		}
		c.words = append(c.words, w)
		if q := strconv.Quote(w); q[1:len(q)-1] != w {
			c.words = append(c.words, q[1:len(q)-1])
		}
	}
}

func (c *carried) walk(err error) {
	c.budget--
	if err == nil || c.budget < 0 {
		return
	}
	c.addError(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		c.walk(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range e.Unwrap() {
			c.walk(e)
		}
	}
}

func (c *carried) addError(err error) {
	switch e := err.(type) {
	case *net.OpError:
		c.addAddr(e.Source)
		c.addAddr(e.Addr)
	case *net.DNSError:
		c.add(e.Name, e.Server)
	case *net.AddrError:
		c.add(e.Addr)
	case *net.ParseError:
		c.add(e.Text)
	case net.InvalidAddrError:
		c.add(string(e))
	case net.UnknownNetworkError:
		c.add(string(e))
	case *url.Error:
		c.addURL(e.URL)
	case *os.PathError:
		if strings.HasSuffix(e.Path, ".sock") {
			c.add(e.Path)
		}
	case x509.HostnameError:
		c.add(e.Host)
		c.addCertificate(e.Certificate)
	case x509.UnknownAuthorityError:
		c.addCertificate(e.Cert)
	case x509.CertificateInvalidError:
		if e.Reason != x509.Expired { // that detail is two times
			c.add(e.Detail)
		}
		c.addCertificate(e.Cert)
	case *tls.CertificateVerificationError:
		for _, cert := range e.UnverifiedCertificates {
			c.addCertificate(cert)
		}
	}
}

func (c *carried) addAddr(a net.Addr) {
	if a == nil {
		return
	}
	c.add(a.String())
	if host, _, err := net.SplitHostPort(a.String()); err == nil {
		c.add(host)
	}
}

func (c *carried) addURL(s string) {
	c.add(s)
	if u, err := url.Parse(s); err == nil {
		c.add(u.Host, u.Hostname(), u.Opaque)
	}
}

func (c *carried) addCertificate(cert *x509.Certificate) {
	if cert == nil {
		return
	}
	c.add(cert.Subject.CommonName, cert.Issuer.CommonName)
	c.add(cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		c.add(ip.String())
	}
}

// shortWord is the length from which on a word is removed wherever it stands. A
// shorter one, such as the host name "a", only where it stands alone: else it
// would take the text apart.
const shortWord = 4

func removeWord(s, word string) string {
	if len(word) >= shortWord {
		return strings.ReplaceAll(s, word, mark)
	}
	var out strings.Builder
	for done := 0; ; {
		i := strings.Index(s[done:], word)
		if i < 0 {
			out.WriteString(s[done:])
			return out.String()
		}
		i += done
		out.WriteString(s[done:i])
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[i+len(word):])
		if isWordRune(before) || isWordRune(after) {
			out.WriteString(word)
		} else {
			out.WriteString(mark)
		}
		done = i + len(word)
	}
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
