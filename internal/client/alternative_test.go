package client

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// registered gives what each attempt to register offered.
func (w *world) registered() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, reg := range w.regs {
		var names []string
		for _, e := range reg.Endpoints {
			names = append(names, fmt.Sprintf("%s %v", e.Transport, e.Addr))
		}
		all = append(all, strings.Join(names, ", "))
	}
	return all
}

const (
	plainLine  = "websocket " + plainAddr
	hiddenLine = "obfs4|tcp " + hiddenAddr
	bothLines  = plainLine + ", " + hiddenLine
)

func (w *world) wantRegistered(want ...string) {
	w.t.Helper()
	synctest.Wait()
	if got := w.registered(); !slices.Equal(got, want) {
		w.t.Errorf("registered %q, want %q", got, want)
	}
}

// A proxy is linked with a request of its own alternative, and with no other.
func TestAlternativesAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		tor, req := w.tor(nil)
		hidden, hiddenReq := w.hidden.tor(nil)
		p := w.hidden.proxy("1.1.1.1:1")
		wantState(t, req, "held")
		wantState(t, hiddenReq, "granted")
		write(t, p, "for the hidden one")
		read(t, hidden, "Gfor the hidden one")
		w.hidden.proxy("1.1.1.2:1")
		wantState(t, req, "held")
		if a, b := w.counts(), w.hidden.counts(); a.waiting != 1 || a.spare != 0 || b.spare != 1 || b.linked != 1 {
			t.Errorf("%+v, hidden %+v", a, b)
		}
		p = w.proxy("1.1.1.3:1")
		wantState(t, req, "granted")
		write(t, p, "for the plain one")
		read(t, tor, "Gfor the plain one")
	})
}

// Strangers at one port take no place of another.
func TestAlternativesAreBoundedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		for i := range maxSpares + 1 {
			w.hidden.proxy(fmt.Sprintf("1.1.2.%d:1", i+1))
		}
		w.proxy("1.1.2.1:2")
		if a, b := w.counts(), w.hidden.counts(); a.spare != 1 || b.spare != maxSpares {
			t.Errorf("%d and %d spares, want 1 and %d", a.spare, b.spare, maxSpares)
		}
	})
}

// One message offers all that is wanted. Who comes to either has used up both, so
// that what is still wanted is registered again.
func TestAlternativesAreRegisteredTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Facilitator: Facilitator{URL: facilitator}, Proxies: 1})
		w.wantRegistered(bothLines) // at the start
		tor, _ := w.tor(nil)
		w.hidden.tor(nil)
		time.Sleep(time.Minute)
		w.proxy("1.1.1.1:1")
		time.Sleep(settle)
		w.wantRegistered(bothLines, hiddenLine)
		time.Sleep(DefaultRefresh * 12 / 10)
		w.wantRegistered(bothLines, hiddenLine, hiddenLine)
		w.hidden.proxy("1.1.1.2:1")
		time.Sleep(time.Hour - DefaultRefresh) // linked, while they carry something or not
		w.wantRegistered(bothLines, hiddenLine, hiddenLine)
		tor.Close()
		w.tor(nil)
		w.wantRegistered(bothLines, hiddenLine, hiddenLine, plainLine)
	})
}

// What is wanted and was not offered does not wait for the refresh.
func TestAlternativeIsWantedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		args := map[string][]string{"url": {facilitator}}
		w.tor(args)
		w.wantRegistered(plainLine)
		time.Sleep(10 * time.Second)
		w.hidden.tor(args)
		time.Sleep(settle)
		w.wantRegistered(plainLine, bothLines)
		w.tor(args)
		w.hidden.tor(map[string][]string{"url": {facilitator}, "remote": {":7000"}})
		time.Sleep(10 * time.Second)
		if n := len(w.tried()); n != 3 {
			t.Errorf("registered %d times, want 3: a new endpoint is one more", n)
		}
		w.tor(map[string][]string{"url": {"http://other.example"}})
		synctest.Wait()
		if got := w.registered(); got[len(got)-1] != plainLine {
			t.Errorf("another facilitator is told of %q", got[len(got)-1])
		}
	})
}

// A Tor that wants now one and now another does not flood the facilitator.
func TestChangesOfMindCauseNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		args := map[string][]string{"url": {facilitator}}
		for range 150 {
			for _, s := range []*sides{w.sides, w.hidden} {
				tor, _ := s.tor(args)
				time.Sleep(100 * time.Millisecond)
				tor.Close()
			}
		}
		if n := len(w.tried()); n > 20 {
			t.Errorf("%d registrations in 30 s", n)
		}
	})
}

// The reminder tells of the port of whoever waits longest.
func TestReminderNamesThePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registering())
		w.hidden.tor(nil)
		time.Sleep(time.Second)
		w.tor(nil)
		time.Sleep(hintAfter + remindEvery/2)
		synctest.Wait()
		if w.noticed("TCP port 9001") != 1 || w.noticed("TCP port 9000") != 0 {
			t.Errorf("notices: %q", w.notices)
		}
		w.hidden.proxy("1.1.1.1:1")
		time.Sleep(remindEvery)
		synctest.Wait()
		if w.noticed("TCP port 9000") != 1 {
			t.Errorf("notices: %q", w.notices)
		}
	})
}
