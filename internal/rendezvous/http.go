package rendezvous

import (
	"bytes"
	"context"
	"net/http"
	"net/url"

	"flashproxy/internal/registration"
)

// HTTP posts the registration to the facilitator itself, in the clear or by TLS as
// the URL says. It is the only way that works without knowing one's own address.
type HTTP struct {
	Facilitator *url.URL
	Client      *http.Client
}

// Name implements Method.
func (m *HTTP) Name() string { return "http" }

// Register implements Method.
func (m *HTTP) Register(ctx context.Context, reg registration.Registration) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at(m.Facilitator).String(), bytes.NewReader(reg.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(m.Client, req)
}
