package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Page is a web server with one page of random bytes, the far end of a test.
type Page struct {
	Body []byte
	URL  string
	srv  *http.Server
	done chan struct{}
}

// ServePage serves a page of so many bytes on a free port of host.
func ServePage(host netip.Addr, size int) (*Page, error) {
	ln, err := net.Listen("tcp", netip.AddrPortFrom(host, 0).String())
	if err != nil {
		return nil, err
	}
	p := &Page{Body: make([]byte, size), URL: "http://" + ln.Addr().String() + "/", done: make(chan struct{})}
	rng := rand.NewChaCha8([32]byte{}) // random enough that nothing compresses it, the same each time
	rng.Read(p.Body)
	p.srv = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "page", time.Time{}, bytes.NewReader(p.Body))
	})}
	go func() {
		defer close(p.done)
		p.srv.Serve(ln)
	}()
	return p, nil
}

// Close ends the server.
func (p *Page) Close() error {
	err := p.srv.Close()
	<-p.done
	return err
}

// Fetch gets the page with c, compares every byte, and gives the time to the first
// one and to the last.
func (p *Page) Fetch(ctx context.Context, c *http.Client) (first, last time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	resp, err := c.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	first = time.Since(start)
	if resp.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("fetch: %s", resp.Status)
	}
	got, err := io.ReadAll(io.LimitReader(resp.Body, int64(len(p.Body))+1))
	if err != nil {
		return 0, 0, fmt.Errorf("fetch: after %d bytes: %w", len(got), err)
	}
	if !bytes.Equal(got, p.Body) {
		return 0, 0, errors.New("fetch: the page came through changed")
	}
	return first, time.Since(start), nil
}
