package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// upgrade is the server's part of the handshake (RFC 6455, section 4.2.2).
func upgrade(c net.Conn) error {
	req, err := http.ReadRequest(bufio.NewReader(c)) // it sends nothing more before the answer
	if err != nil {
		return fmt.Errorf("read the WebSocket request: %w", err)
	}
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	return err
}

// ask is the client's part.
func ask(c net.Conn) error {
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: relay.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"); err != nil {
		return err
	}
	// It sends nothing more before it has something from the other side.
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("the answer is %s", resp.Status)
	}
	if err != nil {
		return fmt.Errorf("open a WebSocket: %w", err)
	}
	return nil
}

// socks asks by SOCKS4 for a connection, with the arguments of a Bridge line, and waits
// until it is granted.
func socks(c net.Conn, args string) error {
	if _, err := io.WriteString(c, "\x04\x01\x00\x01\x00\x00\x01\x00"+args+"\x00"); err != nil {
		return err
	}
	var answer [8]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return fmt.Errorf("read the SOCKS answer: %w", err)
	}
	if answer[1] != 0x5a {
		return fmt.Errorf("the SOCKS answer is %x", answer)
	}
	return nil
}

// tagSize is the size of the number of a pair, which is the first message in each: how a
// pair's ends find each other.
const tagSize = 8

// sendTag sends the number of its pair.
func (e *end) sendTag(i int) error {
	e.SetDeadline(time.Now().Add(patience))
	defer e.SetDeadline(time.Time{})
	_, err := e.Write(e.wrapped(binary.BigEndian.AppendUint64(nil, uint64(i))))
	return err
}

// readTag reads it, at a TCP connection or the server's end of a WebSocket.
func (e *end) readTag() (int, error) {
	e.SetDeadline(time.Now().Add(patience))
	defer e.SetDeadline(time.Time{})
	var head [6]byte // of a masked frame
	var tag [tagSize]byte
	if e.wrap != nil {
		if _, err := io.ReadFull(e, head[:]); err != nil {
			return 0, err
		}
	}
	if _, err := io.ReadFull(e, tag[:]); err != nil {
		return 0, err
	}
	for i := range tag {
		tag[i] ^= head[2+i%4]
	}
	return int(binary.BigEndian.Uint64(tag[:])), nil
}
