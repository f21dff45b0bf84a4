package rendezvous

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"flashproxy/internal/registration"
)

// URL puts the registration, sealed to the facilitator's key, in the path of a
// GET: whatever can be made to fetch a URL can carry it, and sees nothing. Each
// endpoint needs its address.
type URL struct {
	Facilitator *url.URL
	Key         registration.PublicKey
	Client      *http.Client
}

// Name implements Method.
func (m *URL) Name() string { return "url" }

// Register implements Method. It seals anew each time, since a facilitator takes
// no blob twice.
func (m *URL) Register(ctx context.Context, reg registration.Registration) error {
	blob, err := m.Key.Seal(reg, time.Now())
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at(m.Facilitator, "reg", blob).String(), nil)
	if err != nil {
		return err
	}
	return send(m.Client, req)
}
