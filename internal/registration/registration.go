// Package registration is the vocabulary that every part shares: transports,
// endpoints, registrations, polls, matches, relays, and each one's wire form, read and
// written. It does no I/O and knows no protocol that carries these forms.
//
// Errors of this package say which line and why, and never hold an address.
package registration

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Bounds on what one registration can make a facilitator read and hold.
const (
	// MaxBody is the largest registration message in bytes (doc/protocol.md).
	MaxBody = 100 << 10
	// MaxEndpoints is how many alternatives one registration may offer: a
	// handful of transports, times two address families.
	MaxEndpoints = 16
)

// Endpoint is where, and by which transport, a client can be reached. The
// address is global or not as the sender said; the port is never 0. Addr has no
// valid IP only in what a client is about to send, where it means "the address
// that you see me come from".
type Endpoint struct {
	Addr      netip.AddrPort
	Transport Transport
}

// Registration is what one client offers in one message: at least one endpoint,
// alternatives to each other. Handing out one uses up the registration.
type Registration struct {
	Endpoints []Endpoint
}

// LineError says which line of a message was refused, counted from 1, and why.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// ErrEmpty means that a registration message had no line at all.
var ErrEmpty = errors.New("no line with client=ADDRESS:PORT")

// Parse reads a registration message, all of it or nothing. Each line is
// application/x-www-form-urlencoded; line ends are LF or CRLF, the last one
// optional. "client=:PORT" is filled with host, and refused when host is not
// valid. The error is ErrEmpty or a *LineError.
func Parse(body []byte, host netip.Addr) (Registration, error) {
	if len(body) > MaxBody {
		return Registration{}, fmt.Errorf("the message is longer than %d bytes", MaxBody)
	}
	body = bytes.TrimSuffix(body, []byte("\n"))
	if len(bytes.TrimSuffix(body, []byte("\r"))) == 0 {
		return Registration{}, ErrEmpty
	}
	var reg Registration
	n := 0
	for line := range strings.SplitSeq(string(body), "\n") {
		n++
		if n > MaxEndpoints {
			return Registration{}, &LineError{n, fmt.Errorf("more than %d endpoints", MaxEndpoints)}
		}
		e, err := parseLine(strings.TrimSuffix(line, "\r"), host)
		if err != nil {
			return Registration{}, &LineError{n, err}
		}
		reg.Endpoints = append(reg.Endpoints, e)
	}
	return reg, nil
}

func parseLine(line string, host netip.Addr) (Endpoint, error) {
	var client, transport field
	if err := eachField(line, func(key, value string) error {
		switch key {
		case "client":
			client.add(value)
		case "client-transport":
			transport.add(value)
		}
		return nil
	}); err != nil {
		return Endpoint{}, err
	}
	addr, err := client.once("client")
	if err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{Transport: Transport{Outer: DefaultOuter}}
	if e.Addr, err = parseAddrPort(addr, host); err != nil {
		return Endpoint{}, fmt.Errorf("client: %w", err)
	}
	if transport.given() {
		name, err := transport.once("client-transport")
		if err != nil {
			return Endpoint{}, err
		}
		if e.Transport, err = ParseTransport(name); err != nil {
			return Endpoint{}, fmt.Errorf("client-transport: %w", err)
		}
	}
	return e, nil
}

// Encode writes the message that Parse reads, one line an endpoint.
func (r Registration) Encode() []byte {
	var b bytes.Buffer
	for _, e := range r.Endpoints {
		fmt.Fprintf(&b, "client=%s&client-transport=%s\n",
			url.QueryEscape(formatAddrPort(e.Addr)), url.QueryEscape(e.Transport.String()))
	}
	return b.Bytes()
}
