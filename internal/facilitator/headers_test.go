package facilitator

import (
	"net/http"
	"testing"
	"time"
)

// The Date of an answer is of when it is given, not of when the poll came, or another before.
func TestDate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, relay4)
		check := func(got reply) {
			t.Helper()
			if want := time.Now().UTC().Format(http.TimeFormat); len(got.Header["Date"]) != 1 || got.Header.Get("Date") != want {
				t.Errorf("Date: %q, want %q", got.Header["Date"], want)
			}
		}
		for _, pause := range []time.Duration{0, 400 * time.Millisecond, time.Second, time.Hour} {
			time.Sleep(pause)
			check(r.do(client4, post("client=:9000")))
			check(r.do(proxy4, get("/?r=1")))
			check(r.do(proxy4, get("/?r=1&wait=5")))
			check(r.do(proxy4, get("/?r=none")))
			check(r.do(proxy4, get("/healthz")))
		}
	})
}
