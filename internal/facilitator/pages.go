package facilitator

import (
	"net/http"
	"strings"
)

// leadToPages answers a person who opens / in a browser.
func leadToPages(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Location", "proxy/") // relative: a reverse proxy may have us below another path
	h.Set("Vary", "Accept")
	w.WriteHeader(http.StatusFound)
}

// isPerson tells whether r is by somebody who wants to read. A browser that opens a
// page says that it takes HTML; one that polls says that it takes anything.
func isPerson(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		if strings.Contains(strings.ToLower(accept), "text/html") {
			return !r.URL.Query().Has("r")
		}
	}
	return false
}
