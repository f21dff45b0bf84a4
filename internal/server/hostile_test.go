package server

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"flashproxy/internal/memnet"
)

// What is wrong with one connection is nobody else's concern.
func TestHostilePeers(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for name, bad := range map[string]string{
		"silent":         "",
		"not HTTP":       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"a page":         "GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n",
		"half a request": request[:60],
		"huge header":    "GET / HTTP/1.1\r\nX: " + strings.Repeat("y", 1<<16),
		"bad frame":      request + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"unmasked":       request + "\x82\x05hello",
		"huge frame":     request + "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"text":           request + "\x81\x85\x00\x00\x00\x00hello",
		"hangs up":       request,
	} {
		for _, clientFirst := range []bool{false, true} {
			t.Run(fmt.Sprint(name, clientFirst), func(t *testing.T) {
				run(t, func(cfg *Config) { cfg.ClientFirst = clientFirst }, func(t *testing.T, f *fixture) {
					good := f.dial()
					send(t, good, "x")
					up := f.accept()
					wantRead(t, up, "x")
					c, err := f.ln.DialFrom(t.Context(), user)
					if err != nil {
						t.Fatal(err)
					}
					io.WriteString(c, bad) // it may be closed before all is written
					if name == "hangs up" {
						c.(*memnet.Conn).Abort()
					}
					io.Copy(io.Discard, c)
					c.Close()
					send(t, up, "y")
					wantRead(t, good, "y")
				})
			})
		}
	}
}
