// Package rendezvous carries a client's registration to a facilitator: Method,
// and one file for each way. It does not decide when to register, and knows
// nothing of what the facilitator does with it.
package rendezvous

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"flashproxy/internal/registration"
)

// Method is one way to a facilitator.
type Method interface {
	// Name is what --register-methods calls it.
	Name() string
	// Register sends reg once. Errors: *RefusedError, *BusyError, those of the
	// way itself, and the context's.
	Register(ctx context.Context, reg registration.Registration) error
}

// RefusedError means that the facilitator understood and said no: the same
// message would be refused again.
type RefusedError struct {
	// Reason is what the facilitator said: one line of printable ASCII, at most
	// 200 bytes, its own words, so a stranger's.
	Reason string
}

func (e *RefusedError) Error() string { return "the facilitator refused: " + e.Reason }

// BusyError means that the facilitator asks for patience.
type BusyError struct {
	// RetryAfter is how long it asks to wait; 0 when it did not say.
	RetryAfter time.Duration
}

func (e *BusyError) Error() string { return "the facilitator is busy" }

// Bounds on one exchange with a facilitator.
const (
	timeout     = 30 * time.Second // the whole of it: a censored network is slow, a dead one must end
	maxResponse = 4 << 10
	maxHeader   = 16 << 10
	maxRetry    = time.Hour
)

// NewClient makes the HTTP client of the methods here. network is "tcp", or
// "tcp4" or "tcp6" for a facilitator that shall see an address of that family.
// A proxy named in the environment (HTTPS_PROXY) is used. Redirects are not followed:
// a registration goes where the user said.
func NewClient(network string) *http.Client {
	d := &net.Dialer{Timeout: timeout}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				return d.DialContext(ctx, network, addr)
			},
			// Registrations are minutes apart; an open connection between
			// them would only show a censor a long-lived flow.
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeader,
			TLSHandshakeTimeout:    timeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// send does one exchange and turns the answer into an error, or nil.
func send(c *http.Client, req *http.Request) error {
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("reach the facilitator: %w", err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxResponse)) // only for its words
	switch code := resp.StatusCode; {
	case code == http.StatusOK, code == http.StatusNoContent:
		return nil
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return &BusyError{retryAfter(resp.Header)}
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge:
		return &RefusedError{cmp.Or(registration.Said(body), fmt.Sprint(code, " ", http.StatusText(code)))}
	default:
		return fmt.Errorf("the facilitator answered %d %s: is its URL right?", code, http.StatusText(code))
	}
}

// retryAfter reads a Retry-After in seconds (RFC 9110, section 10.2.3); the form
// with a date is not worth a clock that may be wrong.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(h.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxRetry)
}

// at gives base with path elements joined on, and without query and fragment.
func at(base *url.URL, elem ...string) *url.URL {
	u := base.JoinPath(elem...)
	u.RawQuery, u.Fragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u
}
