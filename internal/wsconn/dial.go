package wsconn

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// defaultDialTimeout has room for a lost SYN, its three retries within 15 s,
	// and a slow answer.
	defaultDialTimeout = 20 * time.Second

	// maxResponse bounds the server's answer. One with all that content delivery
	// networks add stays below 4 KiB.
	maxResponse = 16 << 10
)

// noWrites keeps gorilla from allocating a write buffer that it would never use.
var noWrites sync.Pool

// DialOptions say how to dial. The zero value will do.
type DialOptions struct {
	// Timeout bounds the name look-up, the connection, TLS and the handshake
	// together; 0 is 20 s.
	Timeout time.Duration
	// TLS is for wss; nil is the default configuration.
	TLS *tls.Config
	// Subprotocols are offered to the server; nil is none. The only one that changes
	// anything is base64.
	Subprotocols []string
	// PingInterval is how long nothing may be received before a ping is sent; 0 is
	// 30 s, negative is never, and then a dead peer is only noticed by TCP.
	PingInterval time.Duration
	// NetDial opens the TCP connection, in the place of net.Dialer, such as one that
	// refuses some addresses. Its errors come back wrapped.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Dial opens a WebSocket to a ws or wss URL. No proxy is used, whatever the
// environment says, no extension is asked for, and an answer that brings one, or
// a subprotocol that was not offered, is refused.
func Dial(ctx context.Context, url string, o DialOptions) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.Timeout, defaultDialTimeout))
	defer cancel()
	d := dialling{o: o, unwatch: func() bool { return true }}
	dialer := websocket.Dialer{
		NetDialContext:    d.plain,
		NetDialTLSContext: d.tls,
		Subprotocols:      o.Subprotocols,
		ReadBufferSize:    headSize,
		WriteBufferPool:   &noWrites,
	}
	// An empty User-Agent is not sent: net/http's would name this program's language.
	ws, resp, err := dialer.DialContext(ctx, url, http.Header{"User-Agent": {""}})
	inTime := d.unwatch()
	switch {
	case err == nil:
		err = checkAnswer(resp.Header, o.Subprotocols)
	case errors.Is(err, websocket.ErrBadHandshake):
		err = fmt.Errorf("the server's answer is no WebSocket (HTTP status %d)", resp.StatusCode)
	}
	if !inTime && (err == nil || isTimeout(err)) {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = d.src.Conn.SetDeadline(time.Time{})
	}
	if err != nil {
		if ws != nil {
			ws.Close()
		}
		return nil, fmt.Errorf("dial websocket: %w", brief(err))
	}
	return newConn(d.src, true, ws.Subprotocol() == subprotocol, cmp.Or(o.PingInterval, defaultPing)), nil
}

// checkAnswer refuses what was not asked for (RFC 6455, section 4.1), which gorilla
// does not.
func checkAnswer(h http.Header, offered []string) error {
	if strings.Join(h["Sec-Websocket-Extensions"], "") != "" {
		return errors.New("the server wants an extension that was not asked for")
	}
	if p := h.Get("Sec-Websocket-Protocol"); p != "" && !slices.Contains(offered, p) {
		return errors.New("the server chose a subprotocol that was not offered")
	}
	return nil
}

// brief shortens an error that quotes the peer at length.
func brief(err error) error {
	const most = 200
	if text := err.Error(); len(text) > most {
		return errors.New(strings.ToValidUTF8(text[:most], "") + " ...")
	}
	return err
}

// dialling is one Dial.
type dialling struct {
	o       DialOptions
	src     *source
	unwatch func() bool // false: the context ended before
}

func (d *dialling) plain(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d.watch(ctx, conn)
	return d.src, nil
}

func (d *dialling) tls(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{}
	if d.o.TLS != nil {
		config = d.o.TLS.Clone()
	}
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(addr)
	}
	t := tls.Client(conn, config)
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	d.watch(ctx, t)
	return d.src, nil
}

// watch makes conn the source, which fails when ctx ends.
func (d *dialling) watch(ctx context.Context, conn net.Conn) {
	d.src = newSource(conn, nil, maxResponse)
	d.unwatch = context.AfterFunc(ctx, func() { conn.SetDeadline(aLongTimeAgo) })
}

func (d *dialling) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.o.NetDial != nil {
		return d.o.NetDial(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}
