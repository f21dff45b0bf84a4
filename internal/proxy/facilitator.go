package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"flashproxy/internal/registration"
)

const (
	// pollWait is how long we ask the facilitator to hold a poll. It may answer
	// sooner, if what is in front of it does not like silent connections.
	pollWait = 60 * time.Second
	// pollSlack is what a poll may take beyond its wait: to connect, and for the
	// answer.
	pollSlack = 30 * time.Second
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 16 << 10
	// maxSaid bounds what we read of a refusal, in bytes.
	maxSaid = 1 << 10
)

// failure is a kind of failed poll. Each is reported once.
type failure int

const (
	failed   failure = iota // no answer, or not one that we can use
	refused                 // the facilitator says that our request is wrong
	failures                // how many kinds there are
)

// A refusal is an answer 4xx: asking again soon will not help.
type refusal struct {
	status string
	said   string
}

func (r *refusal) Error() string {
	if r.said == "" {
		return "the facilitator refused the poll: " + r.status
	}
	return "the facilitator refused the poll: " + r.status + ": " + r.said
}

// facilitator is one of the facilitators and how it fared. The poll loop alone
// touches it, but for what is unreachable.
type facilitator struct {
	url   *url.URL
	pause backoff
	due   time.Time // not to be asked before

	unreachable unreachable

	told  [failures]bool      // whether this was logged since the last success
	quiet [failures]time.Time // until when not to log it again in any case
}

// newHTTP returns the client that polls. Like any Go program it honours
// HTTPS_PROXY and its kin, for the poll only: the pairs are always dialled directly.
func newHTTP(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Client {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	// HTTP/1.1 only: after a timeout HTTP/2 would keep on using a connection that
	// the network has forgotten, and there is never more than one poll at a time.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dial,
			Protocols:              &protocols,
			TLSHandshakeTimeout:    pollSlack,
			IdleConnTimeout:        90 * time.Second,
			MaxIdleConnsPerHost:    1,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true,
		},
		// A facilitator that moved must be configured anew: a redirect could send
		// us, and the addresses of the clients that we report, anywhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// poll asks f once, and tells it which of its relays could not be opened. The error is
// a *refusal, or what else went wrong; it holds no client's address.
func (p *Proxy) poll(ctx context.Context, f *facilitator) (registration.Answer, error) {
	relays := f.unreachable.take()
	a, err := p.ask(ctx, f, relays)
	// What was refused is not said again: it may be what was wrong.
	if _, heard := errors.AsType[*refusal](err); err != nil && !heard {
		f.unreachable.add(relays...)
	}
	return a, err
}

func (p *Proxy) ask(ctx context.Context, f *facilitator, relays []registration.RelayAddr) (registration.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, pollWait+pollSlack)
	defer cancel()
	u := *f.url
	u.RawQuery = registration.Poll{Outers: p.outers, Clients: p.served.list(), Unreachable: relays, Wait: pollWait}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return registration.Answer{}, errors.New("cannot make a request of the facilitator's URL")
	}
	resp, err := p.http.Do(req)
	if err != nil {
		// *url.Error quotes the URL with the addresses of our clients in it.
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return registration.Answer{}, fmt.Errorf("poll the facilitator: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return registration.Answer{}, unwanted(resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, registration.MaxAnswer+1))
	if err != nil {
		return registration.Answer{}, fmt.Errorf("read the facilitator's answer: %w", err)
	}
	a, err := registration.ParseAnswer(body)
	if err != nil {
		return registration.Answer{}, fmt.Errorf("the facilitator's answer makes no sense: %w", err)
	}
	return a, p.check(a.Match)
}

// unwanted makes an error of an answer that is not a 200.
func unwanted(resp *http.Response) error {
	status := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if resp.StatusCode < 400 || resp.StatusCode > 499 {
		return fmt.Errorf("the facilitator answered %s", status)
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxSaid))
	return &refusal{status, registration.Said(said)}
}

// Reasons why an answer is not followed.
var (
	errPrivateClient = errors.New("the facilitator gave a client whose address is not on the public Internet (on one machine, or in a test network, use --allow-private-addresses)")
	errPrivateRelay  = errors.New("the facilitator gave a relay whose address is not on the public Internet (on one machine, or in a test network, use --allow-private-addresses)")
	errOuter         = errors.New("the facilitator gave a transport that this proxy did not offer")
)

// check tells whether a facilitator's match may be dialled. A relay's name is
// checked by its dialer, once it is an address.
func (p *Proxy) check(m *registration.Match) error {
	switch {
	case m == nil:
		return nil
	case !p.canDial(m):
		return errOuter
	case p.cfg.AllowPrivate:
		return nil
	case !registration.IsGlobal(m.Client.Addr()):
		return errPrivateClient
	case m.Relay.Name == "" && !registration.IsGlobal(m.Relay.IP):
		return errPrivateRelay
	}
	return nil
}

func (p *Proxy) canDial(m *registration.Match) bool {
	return p.cfg.Dialers[m.ClientOuter] != nil && p.cfg.Dialers[m.RelayOuter] != nil
}
