package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// ending is how a hostile connection ends.
type ending int

const (
	atOnce ending = iota // the program ends it, long before any time is up
	inTime               // the program ends it when its time is up, which is 10 s everywhere
	stays                // the program keeps it, until the peer ends it
	leaves               // the peer ends it when all is sent
	resets               // the peer resets it when all is sent
)

func (e ending) String() string {
	return [...]string{"at once", "in time", "not", "by us", "by our reset"}[e]
}

const (
	// timeUp is when a time limit of 10 s may be seen to end a connection, at the
	// earliest and, on a busy machine, at the latest.
	timeUp   = 9500 * time.Millisecond
	patience = 14 * time.Second
	// maxSaid and maxAgain bound what is kept of an answer and what is sent.
	maxSaid  = 1 << 20
	maxAgain = 128 << 20 // more than all sockets on the way can hold
)

// attack is one hostile peer: what it sends, what it gets for it, and how it ends.
type attack struct {
	name  string
	send  string
	every time.Duration // between its bytes; 0: all at once
	after int           // bytes of an answer that are waited for
	then  string        // sent after that
	again string        // sent after that, on and on
	deaf  bool          // reads nothing until all is sent
	gets  string
	ends  ending
}

// outcome is what came of an attack.
type outcome struct {
	said []byte
	took time.Duration
	ends ending
	err  error // it could not even be tried
}

// run attacks an address from an IP address.
func (a attack) run(ctx context.Context, from netip.Addr, address string) outcome {
	start := time.Now()
	c, err := dialFrom(ctx, from, address, patience)
	if err != nil {
		return outcome{err: err}
	}
	defer c.Close()
	if a.ends == leaves || a.ends == resets {
		if a.ends == resets {
			c.SetLinger(0)
		}
		_, err := io.WriteString(c, a.send)
		return outcome{ends: a.ends, err: err}
	}
	answered, written := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(written)
		a.write(c, answered)
	}()
	if a.deaf {
		<-written
	}
	said := make([]byte, a.after)
	n, err := io.ReadFull(c, said)
	said = said[:n]
	close(answered)
	if err == nil {
		var more []byte
		more, err = io.ReadAll(io.LimitReader(c, maxSaid))
		said = append(said, more...)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, c)
	}
	o := outcome{said: said, took: time.Since(start), ends: atOnce}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		o.ends = stays
	case o.took >= timeUp:
		o.ends = inTime
	}
	c.Close()
	<-written
	return o
}

// write sends all there is to send, or what it can until c ends.
func (a attack) write(c net.Conn, answered <-chan struct{}) {
	if a.every == 0 {
		if _, err := io.WriteString(c, a.send); err != nil {
			return
		}
	} else {
		next := time.NewTicker(a.every)
		defer next.Stop()
		for i := range len(a.send) {
			<-next.C
			if _, err := io.WriteString(c, a.send[i:i+1]); err != nil {
				return
			}
		}
	}
	if a.then != "" {
		<-answered
		if _, err := io.WriteString(c, a.then); err != nil {
			return
		}
	}
	if a.again == "" {
		return
	}
	many := strings.Repeat(a.again, 1+8192/len(a.again))
	for n := 0; n < maxAgain; n += len(many) {
		if _, err := io.WriteString(c, many); err != nil {
			return
		}
	}
}

// report is what came of all attacks on a victim.
type report struct {
	outcomes      []outcome // of each attack
	before, after vitals
	errs          []error // what else went wrong
}

// suffer does to a victim all that is to be done, from addresses in 127.net.0.0/16.
func (v *victim) suffer(ctx context.Context, net byte) (r report) {
	var last byte
	address := func() netip.Addr {
		last++
		return netip.AddrFrom4([4]byte{127, net, 0, last})
	}
	must := func(what string, err error) bool {
		if err != nil {
			r.errs = append(r.errs, fmt.Errorf("%s: %w", what, err))
		}
		return err == nil
	}
	var err error
	if !must("an ordinary peer before", v.honest(ctx, address())) {
		return r
	}
	if r.before, err = settled(ctx, v.process); !must("before", err) {
		return r
	}
	for _, w := range v.crowds {
		must("crowd "+w.name, w.gather(ctx, v, address(), address()))
		r.after, err = rest(ctx, v.process, r.before)
		must("after the crowd "+w.name, err)
	}
	var wg sync.WaitGroup
	r.outcomes = make([]outcome, len(v.attacks))
	for i, a := range v.attacks {
		from := address()
		wg.Go(func() { r.outcomes[i] = a.run(ctx, from, v.address) })
	}
	wg.Wait()
	alive := r.before
	alive.files += v.unseen
	r.after, err = rest(ctx, v.process, alive)
	must("after the attacks", err)
	must("an ordinary peer after", v.honest(ctx, address()))
	r.after, err = rest(ctx, v.process, r.before)
	must("in the end", err)
	return r
}

// judge compares a report with the table.
func (v *victim) judge(t *testing.T, r report) {
	for _, err := range r.errs {
		t.Error(err)
	}
	t.Logf("before %+v, after %+v", r.before, r.after)
	for i, o := range r.outcomes {
		a := v.attacks[i]
		t.Run(a.name, func(t *testing.T) {
			if o.err != nil {
				t.Fatal(o.err)
			}
			if got := v.said(a.send, o.said); got != a.gets {
				t.Errorf("got %q, want %q", got, a.gets)
			}
			if o.ends != a.ends {
				t.Errorf("ended %v, after %v; want %v", o.ends, o.took.Round(time.Millisecond), a.ends)
			}
		})
	}
	sound(t, v.process)
}

// webSaid sums up the answers of an HTTP server: the status codes, the Location if
// there is one, and what came through a WebSocket.
func webSaid(sent string, said []byte) string {
	var sum []string
	method, _, _ := strings.Cut(sent, " ")
	r := bufio.NewReader(bytes.NewReader(said))
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF && r.Buffered() == 0:
			return strings.Join(sum, " ")
		case err != nil:
			return strings.Join(append(sum, "garbage"), " ")
		}
		code := fmt.Sprint(resp.StatusCode)
		if resp.StatusCode == http.StatusSwitchingProtocols {
			for _, h := range []string{"Sec-Websocket-Protocol", "Sec-Websocket-Extensions"} {
				if v := resp.Header.Get(h); v != "" {
					code += " " + v
				}
			}
			return strings.Join(append(sum, append([]string{code}, framesSaid(r)...)...), " ")
		}
		if n, _ := io.Copy(io.Discard, resp.Body); n > 300 {
			code += fmt.Sprintf(" (%d bytes)", n)
		}
		sum = append(sum, code)
	}
}

// framesSaid sums up frames of a WebSocket server: "pong", each kind once however
// often it comes in a row, and "close" with the code. Data is left out: it is from the
// service behind, and may or may not overtake a close.
func framesSaid(r io.Reader) (sum []string) {
	for {
		op, payload, err := readFrame(r)
		if err == io.EOF {
			return sum
		}
		kind := map[byte]string{opText: "text", opBinary: "data", opClose: "close", opPing: "ping", opPong: "pong"}[op]
		switch {
		case err == io.ErrUnexpectedEOF: // cut off by maxSaid, or by our own end
			return sum
		case err != nil || kind == "":
			return append(sum, "garbage")
		case op == opClose && len(payload) >= 2:
			kind += fmt.Sprint(" ", binary.BigEndian.Uint16(payload))
		case op == opBinary:
			continue
		}
		if len(sum) == 0 || sum[len(sum)-1] != kind {
			sum = append(sum, kind)
		}
	}
}

// socksSaid gives an answer of a SOCKS server in hexadecimal.
func socksSaid(_ string, said []byte) string { return fmt.Sprintf("%x", said) }
