package tornet

import (
	"crypto/rand"
	"net/http"
	"net/url"
)

// HTTPClient returns an HTTP client that goes through this Tor client. Each call
// returns one with SOCKS credentials of its own, by which tor keeps its circuits
// apart from all others (IsolateSOCKSAuth). Names are resolved by the exit.
//
// It has no timeout: give each request a context. Its idle connections end with
// the Tor client, or by CloseIdleConnections.
func (c *Client) HTTPClient() *http.Client {
	proxy := &url.URL{
		Scheme: "socks5",
		User:   url.UserPassword(rand.Text(), "x"),
		Host:   c.socks.String(),
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyURL(proxy),
		// What is measured is what was sent.
		DisableCompression: true,
	}}
}
