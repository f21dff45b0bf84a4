package socks

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
)

const (
	connect = 1

	granted  = 0x5a
	rejected = 0x5b

	// maxUserID is more than SOCKS5 can carry (2 × 255), and so more than Tor
	// lets a Bridge line have.
	maxUserID = 1024
	// maxHost is what a host name can have in the DNS (RFC 1035, section 2.3.4).
	maxHost = 255
)

// handshake4 reads the rest of a SOCKS4 or SOCKS4a request. A malformed one is
// answered before it is given up.
func handshake4(c net.Conn) (*Conn, error) {
	reply := func(ok bool) error { return reply4(c, ok) }
	target, args, err := read4(c)
	if err != nil {
		reply(false) // best effort: the connection is about to be closed
		return nil, err
	}
	return newConn(c, target, args, reply), nil
}

func read4(c io.Reader) (target string, args Args, err error) {
	r := bufio.NewReaderSize(c, 512)
	var head struct {
		Command byte
		Port    uint16
		IP      [4]byte
	}
	if err := binary.Read(r, binary.BigEndian, &head); err != nil {
		return "", nil, fmt.Errorf("read request: %w", err)
	}
	if head.Command != connect {
		return "", nil, fmt.Errorf("command %#x is not CONNECT", head.Command)
	}
	userID, err := readString(r, maxUserID)
	if err != nil {
		return "", nil, fmt.Errorf("read user id: %w", err)
	}
	host := netip.AddrFrom4(head.IP).String()
	if head.IP[0] == 0 && head.IP[1] == 0 && head.IP[2] == 0 && head.IP[3] != 0 { // SOCKS4a
		if host, err = readString(r, maxHost); err != nil {
			return "", nil, fmt.Errorf("read host: %w", err)
		}
		if host == "" {
			return "", nil, errors.New("host is empty")
		}
	}
	// goptlib refuses it for SOCKS5 as well; Tor waits for the answer.
	if n := r.Buffered(); n > 0 {
		return "", nil, fmt.Errorf("%d bytes follow the request", n)
	}
	if args, err = parseArgs(userID); err != nil {
		return "", nil, fmt.Errorf("arguments in user id: %w", err)
	}
	return net.JoinHostPort(host, strconv.Itoa(int(head.Port))), args, nil
}

// readString reads up to a NUL, which it leaves out, and at most max bytes before it.
func readString(r *bufio.Reader, max int) (string, error) {
	var b []byte
	for {
		c, err := r.ReadByte()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		switch {
		case err != nil:
			return "", err
		case c == 0:
			return string(b), nil
		case len(b) == max:
			return "", fmt.Errorf("longer than %d bytes", max)
		}
		b = append(b, c)
	}
}

func reply4(w io.Writer, ok bool) error {
	code := byte(rejected)
	if ok {
		code = granted
	}
	_, err := w.Write([]byte{0, code, 0, 0, 0, 0, 0, 0})
	return err
}
