package tornet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// maxReplyBytes bounds one answer of tor, far above a consensus of our size.
const maxReplyBytes = 8 << 20

var (
	errControlClosed = errors.New("tor closed the control connection")
	errRefused       = errors.New("tor refused")
)

// reply is one answer or event of tor's control protocol (control-spec.txt,
// section 2.3): a status code, and the text of each line without it. The data
// that follow a "+" line are joined to that line with "\n".
type reply struct {
	code  string
	lines []string
}

// readReply reads one reply. The lines of one reply must share their code.
func readReply(r *bufio.Reader) (reply, error) {
	var rep reply
	left := maxReplyBytes
	for {
		line, err := readLine(r, &left)
		if err != nil {
			return reply{}, err
		}
		if len(line) < 4 || !isCode(line[:3]) || rep.code != "" && rep.code != line[:3] {
			return reply{}, fmt.Errorf("control reply: malformed line %.80q", line)
		}
		rep.code = line[:3]
		text := line[4:]
		switch line[3] {
		case ' ':
			rep.lines = append(rep.lines, text)
			return rep, nil
		case '-':
		case '+':
			data, err := readData(r, &left)
			if err != nil {
				return reply{}, err
			}
			text += "\n" + data
		default:
			return reply{}, fmt.Errorf("control reply: malformed line %.80q", line)
		}
		rep.lines = append(rep.lines, text)
	}
}

// readData reads the lines up to the one that is a dot, and undoes the doubling
// of a dot at a line's start.
func readData(r *bufio.Reader, left *int) (string, error) {
	var b strings.Builder
	for first := true; ; first = false {
		line, err := readLine(r, left)
		if err != nil {
			return "", err
		}
		if line == "." {
			return b.String(), nil
		}
		if !first {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

// readLine returns a line without its end, and takes its length off left.
func readLine(r *bufio.Reader, left *int) (string, error) {
	var b []byte
	for {
		part, err := r.ReadSlice('\n')
		if *left -= len(part); *left < 0 {
			return "", fmt.Errorf("control reply: more than %d bytes", maxReplyBytes)
		}
		b = append(b, part...)
		switch {
		case err == nil:
			return strings.TrimRight(string(b), "\r\n"), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(b) > 0:
			return "", io.ErrUnexpectedEOF
		default:
			return "", err
		}
	}
}

func isCode(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == 3
}

// control is the connection that owns a tor: tor lives as long as it is open.
// Commands may be given by several goroutines; tor answers them in order.
type control struct {
	conn   net.Conn
	events *Lines
	reader sync.WaitGroup
	gone   chan struct{} // closed when nothing further can be read

	mu      sync.Mutex
	waiting []chan reply // guarded by mu: who asked, the first to be answered first
}

func newControl(conn net.Conn) *control {
	c := &control{conn: conn, events: NewLines(), gone: make(chan struct{})}
	c.reader.Go(c.read)
	return c
}

// close ends the connection, and by that tor.
func (c *control) close() {
	c.conn.Close()
	c.reader.Wait()
}

func (c *control) read() {
	defer close(c.gone)
	defer c.events.End()
	r := bufio.NewReader(c.conn)
	for {
		rep, err := readReply(r)
		if err != nil {
			return
		}
		// Codes that begin with 6 are events (control-spec.txt, section 4).
		if rep.code[0] == '6' {
			c.events.Add(strings.Join(rep.lines, "\n"))
			continue
		}
		c.mu.Lock()
		var asked chan reply
		if len(c.waiting) > 0 {
			asked, c.waiting = c.waiting[0], c.waiting[1:]
		}
		c.mu.Unlock()
		if asked != nil {
			asked <- rep // has room for one: the asker may have gone
		}
	}
}

// command sends one line and returns the lines of the answer.
func (c *control) command(ctx context.Context, line string) ([]string, error) {
	if strings.ContainsAny(line, "\r\n") {
		return nil, fmt.Errorf("control command %q has a line end in it", line)
	}
	answer := make(chan reply, 1)
	c.mu.Lock()
	c.waiting = append(c.waiting, answer)
	_, err := io.WriteString(c.conn, line+"\r\n")
	c.mu.Unlock()
	if err != nil {
		return nil, errControlClosed
	}
	var rep reply
	select {
	case rep = <-answer:
	case <-c.gone:
		// Tor may have answered and then ended, as it does for SIGNAL HALT.
		select {
		case rep = <-answer:
		default:
			return nil, errControlClosed
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("control command %q: %w", line, context.Cause(ctx))
	}
	if rep.code[0] != '2' {
		return nil, fmt.Errorf("%w %q: %s %s", errRefused, line, rep.code, strings.Join(rep.lines, "; "))
	}
	return rep.lines, nil
}
