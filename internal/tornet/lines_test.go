package tornet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinesWrite(t *testing.T) {
	for _, tc := range []struct {
		name   string
		writes []string
		want   []string
	}{
		{"one", []string{"a\n"}, []string{"a"}},
		{"bytewise", []string{"a", "b", "\r", "\n", "c"}, []string{"ab", "c"}},
		{"merged", []string{"a\nb\n\nc\nd"}, []string{"a", "b", "", "c", "d"}},
		{"nothing", nil, nil},
		{"too long", []string{strings.Repeat("x", maxLineBytes), "yyy\nz\n"}, []string{strings.Repeat("x", maxLineBytes), "z"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := NewLines()
			for _, w := range tc.writes {
				if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
			}
			l.End()
			if got := l.Tail(maxLines); !slices.Equal(got, tc.want) {
				t.Errorf("lines %.60q, want %.60q", got, tc.want)
			}
		})
	}
}

func TestLinesForgetTheOldest(t *testing.T) {
	l := NewLines()
	for i := range maxLines + 1 {
		l.Add(fmt.Sprint(i))
	}
	if n := l.Next(); n != maxLines+1 {
		t.Errorf("Next = %d, want %d", n, maxLines+1)
	}
	if tail := l.Tail(2 * maxLines); len(tail) > maxLines || tail[len(tail)-1] != fmt.Sprint(maxLines) {
		t.Errorf("%d lines kept, the last %q", len(tail), tail[len(tail)-1])
	}
	// What is forgotten is passed over, and numbers stay what they were.
	line, next, err := l.Wait(t.Context(), 0, func(line string) bool { return line == fmt.Sprint(maxLines) })
	if err != nil || line != fmt.Sprint(maxLines) || next != maxLines+1 {
		t.Errorf("Wait = %q, %d, %v", line, next, err)
	}
}

func TestLinesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLines()
		l.Add("early")
		if line, next, err := l.Wait(t.Context(), 0, containing("ear")); line != "early" || next != 1 || err != nil {
			t.Errorf("a line that was there: %q, %d, %v", line, next, err)
		}
		go func() {
			time.Sleep(time.Second)
			l.Write([]byte("other\nea"))
			time.Sleep(time.Second)
			l.Write([]byte("sy\n"))
		}()
		if line, next, err := l.Wait(t.Context(), 1, containing("ea")); line != "easy" || next != 3 || err != nil {
			t.Errorf("a line that comes: %q, %d, %v", line, next, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := l.Wait(ctx, 0, containing("never")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no line in time: %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			l.Write([]byte("unfinished"))
			l.End()
		}()
		if line, _, err := l.Wait(t.Context(), 3, containing("unf")); line != "unfinished" || err != nil {
			t.Errorf("the last line without an end: %q, %v", line, err)
		}
		if _, _, err := l.Wait(t.Context(), 0, containing("never")); !errors.Is(err, errEnded) {
			t.Errorf("after the end: %v", err)
		}
	})
}
