// Package netwait waits until a connection can be read, and reads it then,
// without holding a buffer meanwhile: an idle connection that is read this way
// costs no read buffer. It reads and writes plain sockets with as few and as cheap
// system calls as can be. It is not a poller; each wait blocks its goroutine.
package netwait

import (
	"io"
	"net"
)

// Waiter is a connection that can wait by itself until a Read would not block.
type Waiter interface {
	// WaitRead returns nil when a Read will return at once (data, the end of
	// the stream, or an error), and an error when waiting itself ended: the
	// connection was closed, or its read deadline passed.
	WaitRead() error
}

// Readable returns the way to wait on c: its own WaitRead when it is a Waiter,
// the operating system's readiness when it is a plain socket, nil when c cannot
// tell. The function is called by one goroutine at a time, the one that reads.
func Readable(c net.Conn) func() error {
	if w, ok := c.(Waiter); ok {
		return w.WaitRead
	}
	return waitSocket(c)
}

// Lender lends the buffer for one read.
type Lender interface {
	// Borrow gives a buffer of at least 512 bytes. It is called when there is
	// something to read, or may be.
	Borrow() []byte
	// Return takes the buffer back, because nothing came into it.
	Return()
	// Parts gives an empty list for what came into the buffer, with room for one part or
	// more. It is called when something has.
	Parts() Parts
}

// LateReader is a connection that borrows the buffer of a read when there is
// something to read.
type LateReader interface {
	// ReadLate waits for data and reads once. It returns where they are in the buffer
	// that it has borrowed, in the list that it was lent with it, at least one byte; or an
	// error as Read has it: then nothing is borrowed any more.
	ReadLate(Lender) (Parts, error)
}

// PartsWriter is a connection that need not have data moved together before it writes them.
type PartsWriter interface {
	// WriteParts writes all of them, as Write would; it takes them from the list.
	WriteParts(Parts) (int, error)
}

// Late returns the way to read c late: c itself when it is a LateReader, the
// operating system's for a plain socket, which costs less than Read, and else
// its WaitRead before a Read; nil when c cannot tell when there is something to
// read. ReadLate is called by one goroutine at a time, the one that reads.
//
// Where data come to a plain TCP socket in small pieces but fast, more than 32 MB
// a second, a ReadLate waits up to a millisecond for 32 KiB (on Linux).
func Late(c net.Conn) LateReader {
	switch c := c.(type) {
	case LateReader:
		return c
	case Waiter:
		return waitFirst{c, c.(net.Conn)}
	}
	return lateSocket(c)
}

// waitFirst is a Waiter as a LateReader.
type waitFirst struct {
	Waiter
	conn net.Conn
}

func (w waitFirst) ReadLate(l Lender) (Parts, error) {
	if err := w.WaitRead(); err != nil {
		return nil, err
	}
	return Now(w.conn, l)
}

// Writer returns the way to write c: its own Write, or one that costs less and does the
// same. Its Write is called by one goroutine at a time.
func Writer(c net.Conn) io.Writer {
	if tcp, ok := c.(*net.TCPConn); ok {
		return tcpWriter(tcp)
	}
	return c
}

// Now reads c into what it borrows at once, whether there is something to read or
// not. It returns as ReadLate does.
func Now(c net.Conn, l Lender) (Parts, error) {
	buf := l.Borrow()
	for {
		n, err := c.Read(buf)
		switch {
		case n > 0:
			return l.Parts().Add(buf[:n]), nil // an error comes again
		case err != nil:
			l.Return()
			return nil, err
		}
	}
}
