package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// rawProxy is a flash proxy that makes its frames by hand, as no library does.
type rawProxy struct {
	// cut makes frames of data.
	cut func(data []byte) string
	// deliver writes frames, whole or in pieces.
	deliver func(c net.Conn, frames string) error
}

// byteWise sends each byte in a segment of its own, in messages of three fragments
// with pings in between.
var byteWise = rawProxy{
	cut: func(data []byte) string {
		a, b := len(data)/3, 2*len(data)/3
		ping := frame(opPing, "x")
		return part(opBinary, string(data[:a])) + ping + part(opMore, string(data[a:b])) + ping + part(final|opMore, string(data[b:]))
	},
	deliver: func(c net.Conn, frames string) error {
		for i := range len(frames) {
			if _, err := io.WriteString(c, frames[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	},
}

// merged sends many small messages in one segment, the request too if it can: a
// segment holds 64 KiB on loopback.
var merged = rawProxy{
	cut: func(data []byte) string {
		var all strings.Builder
		for cell := range slices.Chunk(data, 514) { // Tor's cells
			all.WriteString(frame(opBinary, ""))
			all.WriteString(frame(opBinary, string(cell)))
		}
		return all.String()
	},
	deliver: func(c net.Conn, frames string) error {
		_, err := io.WriteString(c, frames)
		return err
	},
}

// rawSocket is a WebSocket of a rawProxy.
type rawSocket struct {
	net.Conn
	r *bufio.Reader
}

// dial connects, and sends data right behind the request.
func (p rawProxy) dial(t *testing.T, address string, data []byte) (s rawSocket, err error) {
	c, err := dialFrom(t.Context(), netip.Addr{}, address, time.Minute)
	if err != nil {
		return s, err
	}
	s = rawSocket{c, bufio.NewReader(c)}
	frames := upgrade
	if len(data) > 0 {
		frames += p.cut(data)
	}
	if err := p.deliver(c, frames); err != nil {
		return s, err
	}
	resp, err := http.ReadResponse(s.r, nil)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = errors.New(resp.Status)
	}
	return s, err
}

// read gives the data of the next message that has some, or io.EOF after a close.
func (s rawSocket) read() ([]byte, error) {
	for {
		op, payload, err := readFrame(s.r)
		switch {
		case err != nil:
			return nil, err
		case op == opClose:
			return nil, io.EOF
		case op == opBinary:
			return payload, nil
		case op != opPong:
			return nil, fmt.Errorf("opcode %d", op)
		}
	}
}

// carry passes messages from one to the other until from has ended.
func (p rawProxy) carry(from, to rawSocket) error {
	for {
		data, err := from.read()
		if err == io.EOF {
			return p.deliver(to, frame(opClose, "\x03\xe8"))
		}
		if err == nil {
			err = p.deliver(to, p.cut(data))
		}
		if err != nil {
			return err
		}
	}
}

// serve connects a client and a relay; what the client says first is the first data
// to the relay, in the segment of the request.
func (p rawProxy) serve(t *testing.T, client, relay string) error {
	a, err := p.dial(t, client, nil)
	if err != nil {
		return err
	}
	defer a.Close()
	first, err := a.read()
	if err != nil {
		return err
	}
	b, err := p.dial(t, relay, first)
	if err != nil {
		return err
	}
	defer b.Close()
	var back error
	var wg sync.WaitGroup
	wg.Go(func() { back = p.carry(b, a) })
	err = p.carry(a, b)
	wg.Wait()
	return errors.Join(err, back)
}

// What arrives byte by byte, and what arrives all at once, arrives.
func TestRawSegments(t *testing.T) {
	server := newEchoServer(t)
	for _, tt := range []struct {
		name  string
		proxy rawProxy
		size  int
	}{
		{"byte by byte", byteWise, 32 << 10}, // each takes three system calls and more
		{"merged", merged, 1 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, local, remote := newClient(t)
			done := make(chan error, 1)
			go func() { done <- tt.proxy.serve(t, remote, server) }()
			if err := carries(within(t, time.Minute), local, 0, randomly(tt.size)); err != nil {
				t.Error(err)
			}
			if err := <-done; err != nil {
				t.Errorf("the proxy: %v", err)
			}

			// Data right behind the request, before there is anybody to take it.
			early := randomly(3000)
			c, err := tt.proxy.dial(t, remote, early)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			tor, err := dialFrom(t.Context(), netip.Addr{}, local, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			defer tor.Close()
			if err := socks(tor, 0); err != nil {
				t.Fatal(err)
			}
			if err := expect(tor, string(early)); err != nil {
				t.Error(err)
			}
		})
	}
}

// An ordinary visitor of a port for WebSockets gets the page of a web server that
// has nothing there.
func TestOrdinaryVisitor(t *testing.T) {
	need(t, "curl", "curl")
	_, _, remote := newClient(t)
	for name, address := range map[string]string{"client": remote, "server": newEchoServer(t)} {
		resp, err := http.Get("http://" + address + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusNotFound || !bytes.Contains(body, []byte("<h1>404 Not Found</h1>")) {
			t.Errorf("%s: %s, %v: %s", name, resp.Status, err, body)
		}
		for header := range resp.Header {
			switch header {
			case "Content-Type", "Content-Length", "Date", "Connection":
			default:
				t.Errorf("%s: header %s", name, header)
			}
		}
		curl, err := exec.CommandContext(within(t, time.Minute), "curl", "--silent", "--noproxy", "*", "--write-out", "%{http_code}", "http://"+address+"/").Output()
		if want := string(body) + "404"; err != nil || string(curl) != want {
			t.Errorf("%s: curl got %q, %v; want %q", name, curl, err, want)
		}
	}
}
