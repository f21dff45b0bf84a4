package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

// firstByte is the time from a SOCKS request to the first byte that came back: with a
// proxy that polls already, for which the client has to register first, and with one
// that stands by.
func firstByte(ctx context.Context, b *bench) ([]line, error) {
	var polling, standing []float64
	for range b.rounds {
		p, s, err := b.firstBytes(ctx)
		if err != nil {
			return nil, err
		}
		polling, standing = append(polling, p), append(standing, s)
	}
	return []line{
		{what: "first byte, a proxy polls", unit: "ms", ours: polling},
		{what: "first byte, a proxy stands by", unit: "ms", ours: standing},
	}, nil
}

// firstBytes measures both with fresh programs: what one round leaves in a facilitator
// would be in the way of the next.
func (b *bench) firstBytes(ctx context.Context) (polling, standing float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f := &fleet{}
	defer f.close()
	service, err := listen(ctx)
	if err != nil {
		return 0, 0, err
	}
	go echoAll(service)
	server, err := b.startRelay(ctx, f, service.Addr().String())
	if err != nil {
		return 0, 0, err
	}
	dir, err := os.MkdirTemp(b.dir, "first-byte")
	if err != nil {
		return 0, 0, err
	}
	facilitator, err := b.programs.Facilitator(ctx, dir, "127.0.0.1:0", []string{"websocket " + server})
	if err != nil {
		return 0, 0, err
	}
	defer facilitator.Kill()
	gate, polls, err := watchPolls(ctx, facilitator.URL)
	if err != nil {
		return 0, 0, err
	}
	proxy, err := b.programs.Proxy(ctx, gate)
	if err != nil {
		return 0, 0, err
	}
	defer proxy.Kill()
	local, _, err := b.startLinker(ctx, f)
	if err != nil {
		return 0, 0, err
	}
	select {
	case <-polls:
	case <-ctx.Done():
		return 0, 0, fmt.Errorf("the proxy does not poll: %w", ctx.Err())
	}
	if polling, err = timeToFirstByte(ctx, local, facilitator.URL); err != nil {
		return 0, 0, err
	}
	next := 0
	for range 2 { // of the two connections that a proxy makes one is left
		if _, next, err = f.proc.WaitFrom(ctx, next, "a proxy stands by"); err != nil {
			return 0, 0, err
		}
	}
	standing, err = timeToFirstByte(ctx, local, facilitator.URL)
	return polling, standing, err
}

// watchPolls gives a URL by which a facilitator can be asked, and a channel that
// is sent something when it is.
func watchPolls(ctx context.Context, facilitator string) (string, <-chan struct{}, error) {
	target, err := url.Parse(facilitator)
	if err != nil {
		return "", nil, err
	}
	ln, err := listen(ctx)
	if err != nil {
		return "", nil, err
	}
	polls := make(chan struct{}, 1)
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorLog = nil
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case polls <- struct{}{}:
		default:
		}
		forward.ServeHTTP(w, r)
	}))
	return "http://" + ln.Addr().String() + "/", polls, nil
}

// timeToFirstByte is one measurement, in milliseconds. The connection stays open until
// ctx ends.
func timeToFirstByte(ctx context.Context, local, facilitator string) (float64, error) {
	start := time.Now()
	c, err := dialAs(ctx, 0, local)
	if err != nil {
		return 0, err
	}
	context.AfterFunc(ctx, func() { c.Close() })
	if err := socks(c, "url="+facilitator); err != nil {
		return 0, err
	}
	if _, err := c.Write([]byte("x")); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(c, make([]byte, 1))
	return float64(time.Since(start).Microseconds()) / 1000, err
}

// echoAll serves until ln is closed.
func echoAll(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}
