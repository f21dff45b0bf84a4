package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// asker is one keep-alive connection of an HTTP client that does as little as one
// can, so that what is measured is the server.
type asker struct {
	net.Conn
	r *bufio.Reader
}

// dialHTTP connects to a server, for as long as a benchmark may last.
func dialHTTP(ctx context.Context, address string) (*asker, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp4", address)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(fullDeadline)); err != nil {
		return nil, err
	}
	return &asker{c, bufio.NewReaderSize(c, 1<<10)}, nil
}

// answer reads one answer, which must be a 200, and gives its body until the next.
func (a *asker) answer() ([]byte, error) {
	head, length := "", 0
	for first := true; ; first = false {
		line, err := a.r.ReadSlice('\n')
		if err != nil {
			return nil, fmt.Errorf("read an answer: %w", err)
		}
		if first {
			head = string(line[:min(len(line), len("HTTP/1.1 200"))])
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		}
	}
	body, err := a.r.Peek(length)
	if err != nil {
		return nil, fmt.Errorf("read the body of an answer: %w", err)
	}
	_, err = a.r.Discard(length)
	if head != "HTTP/1.1 200" {
		return nil, fmt.Errorf("%s: %s", head, body)
	}
	return body, err
}

// ask sends a request and reads its answer.
func (a *asker) ask(request string) ([]byte, error) {
	if _, err := io.WriteString(a, request); err != nil {
		return nil, err
	}
	return a.answer()
}

// address10 gives the address with number i in 10.0.0.0/8.
func address10(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16&0xff, i>>8&0xff, i&0xff) }

// pollRequest is a poll by one outer transport, from the proxy with number i, which
// may be held for an hour.
func pollRequest(i int, outer string) string {
	return "GET /?r=1&transport=" + outer + "&wait=3600 HTTP/1.1\r\nHost: facilitator.example\r\nX-Forwarded-For: " + address10(i) + "\r\n\r\n"
}

// registerRequest registers the client with number i, by one transport.
func registerRequest(i int, transport string) string {
	address := address10(i)
	body := "client=" + address + "%3A9000&client-transport=" + strings.ReplaceAll(transport, "|", "%7C") + "\n"
	return "POST / HTTP/1.1\r\nHost: facilitator.example\r\nX-Forwarded-For: " + address +
		"\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// askAll sends n requests over some connections, each when the last was answered.
func askAll(ctx context.Context, address string, n int, request func(i int) string) error {
	const conns = 16
	return inParallel(conns, func(w int) error {
		a, err := dialHTTP(ctx, address)
		if err != nil {
			return err
		}
		defer a.Close()
		defer context.AfterFunc(ctx, func() { a.Close() })()
		for i := w; i < n; i += conns {
			if _, err := a.ask(request(i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// inParallel runs n at once and gives the errors of all.
func inParallel(n int, run func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = run(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
