package client

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/registration"
	"flashproxy/internal/rendezvous"
)

func within(d, low, high time.Duration) bool { return low <= d && d <= high }

var errNet = errors.New("network is unreachable")

func TestRegistersAtStartOnceWithoutDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registering())
		time.Sleep(time.Hour)
		synctest.Wait()
		if at := w.tried(); len(at) != 1 || at[0] != 0 {
			t.Fatalf("registered at %v, want once at the start", at)
		}
		if w.noticed("registered with the facilitator") != 1 {
			t.Errorf("notices: %q", w.notices)
		}
	})
}

func TestRefreshesWhileSomethingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registering())
		w.tor(nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		at := w.tried()
		for i := 1; i < len(at); i++ {
			if gap := at[i] - at[i-1]; !within(gap, DefaultRefresh*8/10, DefaultRefresh*12/10) {
				t.Errorf("refreshed after %v", gap)
			}
		}
		if len(at) < 20 || len(at) > 31 {
			t.Errorf("%d registrations in an hour", len(at))
		}
		if w.noticed("registered") != 1 {
			t.Errorf("a refresh is not worth a notice: %q", w.notices)
		}
		if n := w.noticed("waiting for a flash proxy"); n != 60 {
			t.Errorf("%d reminders in an hour", n)
		}
		if n := w.noticed("TCP port 9000"); n != 58 {
			t.Errorf("%d hints in an hour", n)
		}
	})
}

// Registered anew whenever fewer than wanted are linked or stand by, not while
// enough are.
func TestKeepsSpares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Facilitator: Facilitator{URL: facilitator}, Proxies: 3})
		w.tor(nil)
		for i := range 3 {
			if n := len(w.tried()); n != i+1 {
				t.Fatalf("%d registrations with %d proxies", n, i)
			}
			time.Sleep(10 * time.Second)
			w.proxy(fmt.Sprintf("1.1.1.%d:1", i+1))
			time.Sleep(settle + time.Second)
			synctest.Wait()
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(w.tried()); n != 3 {
			t.Fatalf("%d registrations, want 3", n)
		}
		if n := w.counts(); n.linked != 1 || n.spare != 2 {
			t.Fatalf("%+v", n)
		}
		time.Sleep(5 * time.Minute) // the spares grow too old, and are replaced
		synctest.Wait()
		if n := len(w.tried()); n != 4 {
			t.Fatalf("%d registrations after the spares left, want 4", n)
		}
	})
}

// A page that is closed may take along the registration that it was just given: who
// loses a proxy registers again, and does not wait for the refresh.
func TestLostSpareIsAReasonToRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Facilitator: Facilitator{URL: facilitator}, Proxies: 3})
		w.tor(nil)
		w.proxy("1.1.1.1:1")
		spare := w.proxy("1.1.1.1:2")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		before := len(w.tried())
		spare.Close()
		time.Sleep(settle + time.Second)
		synctest.Wait()
		if n := len(w.tried()); n != before+1 {
			t.Errorf("%d registrations after a proxy was lost, want %d", n, before+1)
		}
	})
}

// When the only proxy dies, Tor asks again at once and so do we.
func TestLostProxyIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Facilitator: Facilitator{URL: facilitator}, Proxies: 1})
		_, req := w.tor(nil)
		p := w.proxy("1.1.1.1:1")
		wantState(t, req, "granted")
		time.Sleep(time.Minute)
		p.Abort()
		_, req = w.tor(nil)
		synctest.Wait()
		at := w.tried()
		if len(at) != 2 || at[1] != time.Minute {
			t.Fatalf("registered at %v, want at the start and the moment the proxy was lost", at)
		}
		wantState(t, req, "held")
		if w.noticed("asking for another") != 1 {
			t.Errorf("notices: %q", w.notices)
		}
	})
}

func TestBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWhere(t, registering(), func(int) error { return errNet })
		time.Sleep(time.Hour)
		synctest.Wait()
		at := w.tried()
		want := firstRetry
		for i := 1; i < len(at); i++ {
			if gap := at[i] - at[i-1]; !within(gap, want*8/10, want*12/10) {
				t.Errorf("attempt %d came %v after the one before, want about %v", i+1, gap, want)
			}
			want = min(2*want, lastRetry)
		}
		if len(at) < 17 || len(at) > 24 {
			t.Errorf("%d attempts in an hour", len(at))
		}
		if w.noticed("can't be reached") != 1 {
			t.Errorf("notices: %q", w.notices)
		}
		w.mu.Lock()
		w.answer = func(int) error { return nil }
		w.mu.Unlock()
		time.Sleep(lastRetry * 12 / 10)
		synctest.Wait()
		if w.noticed("registered with") != 1 {
			t.Errorf("notices: %q", w.notices)
		}
	})
}

func TestNoticesAChangedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := []error{
			nil,
			&rendezvous.RefusedError{Reason: "line 1: client: no port"},
			fmt.Errorf("by http: %w", &rendezvous.RefusedError{Reason: "line 1: client: no port"}),
			&rendezvous.BusyError{RetryAfter: 100 * time.Second},
			&rendezvous.BusyError{RetryAfter: time.Hour},
			&rendezvous.BusyError{RetryAfter: time.Second},
			nil,
		}
		w := newWorldWhere(t, registering(), func(n int) error {
			if n > len(script) {
				return nil
			}
			return script[n-1]
		})
		w.tor(nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		at := w.tried()
		for i, want := range []struct{ low, high time.Duration }{
			{DefaultRefresh * 8 / 10, DefaultRefresh * 12 / 10},
			{refusedRetry * 8 / 10, refusedRetry * 12 / 10},
			{refusedRetry * 8 / 10, refusedRetry * 12 / 10},
			{100 * time.Second, 130 * time.Second},
			{maxBusy, maxBusy * 13 / 10},
			{minBusy, minBusy * 13 / 10},
		} {
			if gap := at[i+1] - at[i]; !within(gap, want.low, want.high) {
				t.Errorf("attempt %d came %v after the one before, want %v to %v", i+2, gap, want.low, want.high)
			}
		}
		for part, want := range map[string]int{"refused the registration: line 1: client: no port": 1, "busy": 1, "registered with": 2} {
			if got := w.noticed(part); got != want {
				t.Errorf("%d notices with %q, want %d: %q", got, part, want, w.notices)
			}
		}
	})
}

// A stranger who connects and leaves again and again fills neither the log of the
// Tor user nor the facilitator.
func TestStrangersCauseNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registering())
		for range 300 {
			tor, _ := w.tor(nil)
			w.proxy("1.1.1.1:1").Abort()
			tor.Close()
			time.Sleep(100 * time.Millisecond)
		}
		if n := w.noticed("proxy"); n > 30 {
			t.Errorf("%d notices in 30 s", n)
		}
		if n := len(w.tried()); n > 20 {
			t.Errorf("%d registrations in 30 s", n)
		}
	})
}

func TestMethods(t *testing.T) {
	key := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	w, err := ParseRemote("8.8.8.8:9000")
	if err != nil {
		t.Fatal(err)
	}
	port, err := ParseRemote(":9000")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		methods     []string
		facilitator Facilitator
		remotes     []netip.AddrPort
		want        string
	}{
		{nil, Facilitator{}, nil, "[]"},
		{nil, Facilitator{facilitator, ""}, []netip.AddrPort{w}, "[http]"},
		{nil, Facilitator{facilitator, key}, []netip.AddrPort{w}, "[url http]"},
		{nil, Facilitator{facilitator, key}, []netip.AddrPort{port}, "[http]"},
		{nil, Facilitator{facilitator, key}, []netip.AddrPort{w, w}, "[url http]"},
		{nil, Facilitator{facilitator, key}, []netip.AddrPort{w, port}, "[http]"},
		{[]string{"url"}, Facilitator{facilitator, key}, []netip.AddrPort{w, port}, "error"},
		{[]string{"http", "url"}, Facilitator{facilitator, key}, []netip.AddrPort{w}, "[http url]"},
		{[]string{"url"}, Facilitator{facilitator, ""}, []netip.AddrPort{w}, "error"},
		{[]string{"url"}, Facilitator{facilitator, key}, []netip.AddrPort{port}, "error"},
		{[]string{"carrier-pigeon"}, Facilitator{facilitator, ""}, []netip.AddrPort{w}, "error"},
		{nil, Facilitator{"facilitator.example", ""}, []netip.AddrPort{w}, "error"},
		{nil, Facilitator{"http://u:p@facilitator.example", ""}, []netip.AddrPort{w}, "error"},
	} {
		var endpoints []registration.Endpoint
		for _, r := range tt.remotes {
			endpoints = append(endpoints, registration.Endpoint{Addr: r})
		}
		ways, err := methods(Config{Methods: tt.methods}, tt.facilitator, endpoints)
		got := "error"
		if err == nil {
			names := []string{}
			for _, m := range ways {
				names = append(names, m.Name())
			}
			got = fmt.Sprint(names)
		}
		if got != tt.want {
			t.Errorf("methods(%v, %v, %v) = %s, %v; want %s", tt.methods, tt.facilitator, tt.remotes, got, err, tt.want)
		}
	}
}
