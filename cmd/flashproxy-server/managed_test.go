package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// torEnv is what tor sets for a server transport.
func torEnv(orport string, more ...string) []string {
	return append([]string{
		"TOR_PT_MANAGED_TRANSPORT_VER=1",
		"TOR_PT_STATE_LOCATION=/nonexistent",
		"TOR_PT_EXIT_ON_STDIN_CLOSE=1",
		"TOR_PT_SERVER_TRANSPORTS=flashproxy,websocket",
		"TOR_PT_SERVER_BINDADDR=flashproxy-127.0.0.1:0,websocket-127.0.0.1:0",
		"TOR_PT_ORPORT=" + orport,
		"TOR_PT_EXTENDED_SERVER_PORT=",
	}, more...)
}

const address = `(127\.0\.0\.1:[1-9][0-9]+)`

func TestManaged(t *testing.T) {
	for name, end := range map[string]func(*child){
		"stdin closed": func(c *child) { c.stdin.Close() },
		"SIGTERM":      func(c *child) { c.Process.Signal(syscall.SIGTERM) },
		"both":         func(c *child) { c.Process.Signal(syscall.SIGTERM); c.stdin.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, torEnv(service(t, echo)))
			c.line(c.stdout, "VERSION 1")
			one := c.line(c.stdout, "SMETHOD flashproxy "+address)
			two := c.line(c.stdout, "SMETHOD websocket "+address)
			c.line(c.stdout, "SMETHODS DONE")
			var conns []net.Conn
			for _, addr := range []string{one, two} {
				conn := dial(t, addr)
				send(t, conn, "hello")
				wantRead(t, conn, "hello")
				conns = append(conns, conn)
			}
			end(c)
			for _, conn := range conns {
				if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("at the end: %v, want a goodbye", err)
				}
				conn.Close()
			}
			if errs := c.wantExit(0); strings.Contains(errs, "127.0.0.1") || strings.Contains(errs, "level=ERROR") {
				t.Errorf("stderr:\n%s", errs)
			}
		})
	}
}

func TestManagedListenerBusy(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	c := start(t, torEnv(service(t, echo), "TOR_PT_SERVER_TRANSPORTS=flashproxy,obfs4,websocket",
		fmt.Sprintf("TOR_PT_SERVER_BINDADDR=flashproxy-%v,obfs4-127.0.0.1:0,websocket-127.0.0.1:0", busy.Addr())))
	c.line(c.stdout, "VERSION 1")
	c.line(c.stdout, "SMETHOD-ERROR flashproxy .*address already in use.*")
	c.line(c.stdout, "SMETHOD-ERROR obfs4 no such method")
	addr := c.line(c.stdout, "SMETHOD websocket "+address)
	c.line(c.stdout, "SMETHODS DONE")
	conn := dial(t, addr)
	send(t, conn, "hello")
	wantRead(t, conn, "hello")
	conn.Close()
	c.stdin.Close()
	c.wantExit(0)
}

func TestManagedNothingWorks(t *testing.T) {
	c := start(t, torEnv("127.0.0.1:1", "TOR_PT_SERVER_TRANSPORTS=obfs4"))
	c.line(c.stdout, "VERSION 1")
	c.line(c.stdout, "SMETHOD-ERROR obfs4 no such method")
	c.line(c.stdout, "SMETHODS DONE")
	c.wantExit(1)

	c = start(t, torEnv("127.0.0.1:1", "TOR_PT_MANAGED_TRANSPORT_VER=7"))
	c.line(c.stdout, "VERSION-ERROR no-version")
	c.wantExit(1)

	c = start(t, torEnv("rubbish"))
	c.line(c.stdout, "VERSION 1")
	c.line(c.stdout, "ENV-ERROR .*")
	c.wantExit(1)
}

// A tor that is not there costs its connections only.
func TestManagedORPortDown(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	c := start(t, torEnv(gone.Addr().String(), "TOR_PT_SERVER_TRANSPORTS=flashproxy"))
	c.line(c.stdout, "VERSION 1")
	addr := c.line(c.stdout, "SMETHOD flashproxy "+address)
	for range 3 {
		conn := dial(t, addr)
		send(t, conn, "hello")
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("read something, from nobody")
		}
		conn.Close()
	}
	c.stdin.Close()
	if errs := c.wantExit(0); strings.Count(errs, "level=WARN") != 1 || strings.Contains(errs, "127.0.0.1") {
		t.Errorf("want one warning, without an address; stderr:\n%s", errs)
	}
}

// extORPort is tor's side of the Extended ORPort (proposals 196 and 217): what it was
// told, and then an echo.
type extORPort struct {
	cookie []byte
	told   chan map[uint16]string
}

func (e *extORPort) handle(c net.Conn) {
	told, err := e.handshake(c)
	if err != nil {
		told = map[uint16]string{0: err.Error()}
	}
	e.told <- told
	echo(c)
}

func (e *extORPort) handshake(c net.Conn) (map[uint16]string, error) {
	c.Write([]byte{1, 0})           // one way to authenticate: the cookie
	head := make([]byte, 1+32)      // which it takes, and its nonce
	serverNonce := make([]byte, 32) // ours
	rand.Read(serverNonce)
	if _, err := io.ReadFull(c, head); err != nil || head[0] != 1 {
		return nil, fmt.Errorf("authentication: %v, %v", head[0], err)
	}
	hash := func(what string) []byte {
		h := hmac.New(sha256.New, e.cookie)
		io.WriteString(h, "ExtORPort authentication "+what+" hash")
		h.Write(head[1:])
		h.Write(serverNonce)
		return h.Sum(nil)
	}
	c.Write(append(hash("server-to-client"), serverNonce...))
	answer := make([]byte, sha256.Size)
	if _, err := io.ReadFull(c, answer); err != nil || !bytes.Equal(answer, hash("client-to-server")) {
		return nil, fmt.Errorf("wrong hash: %v", err)
	}
	c.Write([]byte{1})
	told := make(map[uint16]string)
	for {
		var command [4]byte
		if _, err := io.ReadFull(c, command[:]); err != nil {
			return nil, err
		}
		kind := binary.BigEndian.Uint16(command[:])
		body := make([]byte, binary.BigEndian.Uint16(command[2:]))
		if _, err := io.ReadFull(c, body); err != nil {
			return nil, err
		}
		if kind == 0 { // DONE
			_, err := c.Write([]byte{0x10, 0, 0, 0}) // OKAY
			return told, err
		}
		told[kind] = string(body)
	}
}

// newExtORPort starts a tor that wants to know, and gives what it tells the transport.
func newExtORPort(t *testing.T) (e *extORPort, env []string) {
	t.Helper()
	e = &extORPort{cookie: bytes.Repeat([]byte{7}, 32), told: make(chan map[uint16]string, 1)}
	file := filepath.Join(t.TempDir(), "cookie")
	if err := os.WriteFile(file, append([]byte("! Extended ORPort Auth Cookie !\x0a"), e.cookie...), 0o600); err != nil {
		t.Fatal(err)
	}
	return e, torEnv("127.0.0.1:1", "TOR_PT_EXTENDED_SERVER_PORT="+service(t, e.handle), "TOR_PT_AUTH_COOKIE_FILE="+file)
}

func (e *extORPort) wantTold(t *testing.T, user, method string) {
	t.Helper()
	const userAddr, transport = 1, 2
	if told := <-e.told; told[userAddr] != user || told[transport] != method {
		t.Errorf("Tor was told %v, want %s and %s", told, user, method)
	}
}

func TestManagedExtendedORPort(t *testing.T) {
	e, env := newExtORPort(t)
	c := start(t, env)
	c.line(c.stdout, "VERSION 1")
	c.line(c.stdout, "SMETHOD flashproxy "+address)
	addr := c.line(c.stdout, "SMETHOD websocket "+address)
	conn := dial(t, addr)
	send(t, conn, "hello")
	wantRead(t, conn, "hello")
	e.wantTold(t, conn.LocalAddr().String(), "websocket")
}
