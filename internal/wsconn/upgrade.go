package wsconn

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// notFoundPage is what a web server says that has nothing there.
const notFoundPage = "<html>\r\n<head><title>404 Not Found</title></head>\r\n" +
	"<body>\r\n<center><h1>404 Not Found</h1></center>\r\n</body>\r\n</html>\r\n"

func notFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusNotFound)
	io.WriteString(w, notFoundPage)
}

// serve answers one request. It does not stay with a WebSocket: when it returns,
// net/http forgets the connection, and its buffers with it.
func (l *Listener) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path != "/" || r.ContentLength != 0 || !r.ProtoAtLeast(1, 1) {
		notFound(w)
		return
	}
	upgrader := websocket.Upgrader{
		ReadBufferSize:  headSize,
		WriteBufferPool: &noWrites,
		Subprotocols:    []string{subprotocol},
		Error:           func(w http.ResponseWriter, _ *http.Request, _ int, _ error) { notFound(w) },
		CheckOrigin:     func(*http.Request) bool { return true },
	}
	h := &hijacker{ResponseWriter: w, by: time.Now().Add(l.o.HandshakeTimeout)}
	ws, err := upgrader.Upgrade(h, r, nil)
	if h.place == nil {
		return // not a WebSocket: net/http goes on
	}
	if err == nil {
		err = h.place.SetDeadline(time.Time{})
	}
	if err != nil {
		h.place.Close()
		return
	}
	conn := newConn(h.src, false, ws.Subprotocol() == subprotocol, l.o.PingInterval)
	t := ticket{conn, conn, h.place}
	if from, ok := forwardedFor(r, l.o.TrustedProxies); ok {
		t.conn = &forwarded{conn, from}
	}
	queued := l.gate.unlessShut(func() { l.queue <- t })
	if !queued {
		conn.drop()
		h.place.leave()
	}
}

// hijacker gives gorilla the connection in the form that it should have.
type hijacker struct {
	http.ResponseWriter
	by    time.Time // for writing the answer
	place *place    // once hijacked
	src   *source
}

// Hijack keeps the frames that came in the same segment as the request, which
// gorilla would refuse, and gives it buffers of no size in the place of net/http's
// two of 4 KiB.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	place, ok := conn.(*place)
	if !ok {
		conn.Close()
		return nil, nil, fmt.Errorf("hijacked a %T, not a pending connection", conn)
	}
	early, err := rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil {
		place.Close()
		return nil, nil, err
	}
	if err := place.SetWriteDeadline(h.by); err != nil {
		place.Close()
		return nil, nil, err
	}
	h.place = place
	h.src = newSource(place.Conn, bytes.Clone(early), 0)
	return h.src, bufio.NewReadWriter(bufio.NewReaderSize(h.src, 1), bufio.NewWriterSize(h.src, 1)), nil
}
