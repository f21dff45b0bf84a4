package facilitator

import (
	"net/http"
	"sync/atomic"
	"time"
)

// What headers hold that nearly every answer has. All answers share them: they may be replaced
// in a Header, not changed. They are put there as h["Name"], since Set would look at each letter
// of a name that is canonical already.
var (
	anyOrigin = []string{"*"}
	noStore   = []string{"no-store"}
	form      = []string{"application/x-www-form-urlencoded"}
	plainText = []string{"text/plain; charset=utf-8"}
)

// allowAll lets pages of all origins read an answer (Fetch standard, "CORS protocol").
func allowAll(h http.Header) { h["Access-Control-Allow-Origin"] = anyOrigin }

// fresh keeps caches from an answer, and says when it was given.
func (s *Server) fresh(h http.Header, now time.Time) {
	h["Cache-Control"] = noStore
	h["Date"] = s.dates.at(now)
}

// dates gives the Date header (RFC 9110, section 6.6.1) of a time. It is made once a second:
// net/http, which makes it for each answer otherwise, took a fiftieth of a match for that.
type dates struct{ newest atomic.Pointer[date] }

type date struct {
	second int64 // Unix time
	header []string
}

func (d *dates) at(now time.Time) []string {
	newest := d.newest.Load()
	if newest == nil || newest.second != now.Unix() {
		newest = &date{now.Unix(), []string{now.UTC().Format(http.TimeFormat)}}
		d.newest.Store(newest)
	}
	return newest.header
}
