package main

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
)

func TestAnswer(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 5\r\n\r\nhello"
	a := &asker{r: bufio.NewReaderSize(strings.NewReader(ok+"HTTP/1.1 200 OK\r\n\r\n"+"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nlaterHTTP"), 1<<10)}
	for _, want := range []string{"hello", ""} {
		if got, err := a.answer(); err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	for _, want := range []string{"429: late", "EOF"} {
		if got, err := a.answer(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, %v; want an error with %q", got, err, want)
		}
	}
}

// The two ends of a WebSocket that is played here understand each other: the number of
// the pair comes first, and then as many bytes as were sent.
func TestEnds(t *testing.T) {
	a, b := net.Pipe()
	client, server := &end{Conn: a, wrap: clientFrame}, &end{Conn: b, wrap: frame}
	defer client.Close()
	defer server.Close()
	sent := make(chan error, 1)
	const n, size = 10, 300
	go func() {
		err := ask(client)
		if err == nil {
			err = client.sendTag(7)
		}
		if err == nil {
			_, err = io.WriteString(client, "\x89\x80\x00\x00\x00\x00") // a ping
		}
		if err == nil {
			err = client.send(size, n)
		}
		sent <- err
	}()
	if err := upgrade(server); err != nil {
		t.Fatal(err)
	}
	if i, err := server.readTag(); i != 7 || err != nil {
		t.Fatalf("pair %d, %v; want 7", i, err)
	}
	go server.drain(100)
	pong := make([]byte, 2)
	if _, err := io.ReadFull(client, pong); err != nil || string(pong) != "\x8a\x00" {
		t.Errorf("%x, %v; want a pong", pong, err)
	}
	if err := server.await(t.Context(), n*size); err != nil || server.total() != n*size {
		t.Errorf("%d bytes came, %v; want %d", server.total(), err, n*size)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	client.Close()
	if err := server.await(t.Context(), n*size+1); err == nil {
		t.Error("waiting for more than comes has no error")
	}
}
