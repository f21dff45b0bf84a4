// Package certs gives a TLS server its certificate and keeps it fresh: Pair from
// two files that something else renews, ACME from a certificate authority by
// itself. Each is a *tls.Config; neither ever makes an open connection end.
//
// It is not a TLS server, and decides nothing about who may connect.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// config is that of a server of HTTP/1.1: a WebSocket has no other HTTP below it.
func config(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), more ...string) *tls.Config {
	return &tls.Config{
		GetCertificate: get,
		// Go's default too; every browser that has WebSockets as of RFC 6455 and is
		// still in use has it.
		MinVersion: tls.VersionTLS12,
		NextProtos: append([]string{"http/1.1"}, more...),
	}
}

// longLate is when even a certificate of a year should have been renewed.
const longLate = 7 * 24 * time.Hour

// trouble says what is wrong with the certificate's dates, "" if nothing is. Who
// renews does so with a third of the lifetime left (a half, for short ones): with
// a sixth left something does not work.
func trouble(leaf *x509.Certificate, now time.Time) string {
	late := min(leaf.NotAfter.Sub(leaf.NotBefore)/6, longLate)
	switch left := leaf.NotAfter.Sub(now); {
	case now.Before(leaf.NotBefore):
		return fmt.Sprintf("is not valid before %s: is this computer's clock right?", leaf.NotBefore.Format(time.RFC3339))
	case left < 0:
		return fmt.Sprintf("expired at %s: nobody connects until it is renewed", leaf.NotAfter.Format(time.RFC3339))
	case left < late:
		return fmt.Sprintf("expires at %s and has not been renewed", leaf.NotAfter.Format(time.RFC3339))
	}
	return ""
}
