package tornet

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestReadReply(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     reply
		err      string
	}{
		{"plain", "250 OK\r\n", reply{"250", []string{"OK"}}, ""},
		{"several", "250-a=1\r\n250-b=2\r\n250 OK\r\n", reply{"250", []string{"a=1", "b=2", "OK"}}, ""},
		{"data", "250+ns/all=\r\nr one\r\n..dot\r\n\r\n.\r\n250 OK\r\n", reply{"250", []string{"ns/all=\nr one\n.dot\n", "OK"}}, ""},
		{"no data", "250+a=\r\n.\r\n250 OK\r\n", reply{"250", []string{"a=\n", "OK"}}, ""},
		{"event", "650 NEWDESC $AB~c\r\n", reply{"650", []string{"NEWDESC $AB~c"}}, ""},
		{"empty text", "250 \r\n", reply{"250", []string{""}}, ""},
		{"refused", "552 Unrecognized key\r\n", reply{"552", []string{"Unrecognized key"}}, ""},
		{"nothing", "", reply{}, "EOF"},
		{"cut in a line", "250 O", reply{}, "unexpected EOF"},
		{"cut in data", "250+a=\r\nb\r\n", reply{}, "EOF"},
		{"no code", "OK\r\n", reply{}, "malformed"},
		{"odd code", "2x0 OK\r\n", reply{}, "malformed"},
		{"odd separator", "250_OK\r\n", reply{}, "malformed"},
		{"code changes", "250-a\r\n251 OK\r\n", reply{}, "malformed"},
		{"too much", strings.Repeat("250-"+strings.Repeat("x", 1<<20)+"\r\n", 9), reply{}, "more than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readReply(bufio.NewReader(iotest.HalfReader(strings.NewReader(tc.in))))
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Fatalf("error %v, want %q", err, tc.err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// encode is the reverse of readReply.
func (r reply) encode() string {
	var b strings.Builder
	for i, line := range r.lines {
		sep := "-"
		text, data, more := strings.Cut(line, "\n")
		switch {
		case more:
			sep = "+"
		case i == len(r.lines)-1:
			sep = " "
		}
		b.WriteString(r.code + sep + text + "\r\n")
		if !more {
			continue
		}
		if data != "" {
			for _, d := range strings.Split(data, "\n") {
				if strings.HasPrefix(d, ".") {
					d = "." + d
				}
				b.WriteString(d + "\r\n")
			}
		}
		b.WriteString(".\r\n")
	}
	return b.String()
}

func FuzzReadReply(f *testing.F) {
	f.Add("250 OK\r\n")
	f.Add("250-version=0.4.9.11\r\n250 OK\r\n")
	f.Add("650+NEWCONSENSUS\r\nr relay\r\n..\r\n.\r\n650 OK\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		rep, err := readReply(bufio.NewReader(strings.NewReader(in)))
		if err != nil {
			return
		}
		if len(rep.lines) == 0 || !isCode(rep.code) {
			t.Fatalf("%q: reply %q", in, rep)
		}
		again, err := readReply(bufio.NewReader(strings.NewReader(rep.encode())))
		if err != nil || !reflect.DeepEqual(rep, again) {
			t.Fatalf("%q: %q, and again %q, %v", in, rep, again, err)
		}
	})
}

// Each asker gets its own answer, events get to the events, and an asker that
// gives up takes nobody's answer.
func TestControlOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := newControl(ours)
		go func() {
			r := bufio.NewReader(theirs)
			for i := 0; ; i++ {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if i == 0 {
					time.Sleep(time.Minute) // the first asker has gone by then
				}
				io.WriteString(theirs, "650 EVENT "+line+"250 for "+line)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.command(ctx, "slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("command without an answer: %v", err)
		}
		got, err := c.command(t.Context(), "quick")
		if err != nil || len(got) != 1 || got[0] != "for quick" {
			t.Errorf("next command: %q, %v", got, err)
		}
		if _, err := c.command(t.Context(), "a\r\nb"); err == nil {
			t.Error("a command of two lines was sent")
		}
		if event, _, err := c.events.Wait(t.Context(), 1, containing("EVENT")); event != "EVENT quick" || err != nil {
			t.Errorf("event %q, %v", event, err)
		}
		theirs.Close()
		if _, err := c.command(t.Context(), "late"); !errors.Is(err, errControlClosed) {
			t.Errorf("command after the end: %v", err)
		}
		c.close()
	})
}
