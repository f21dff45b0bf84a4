package facilitator

import (
	"net/http"
	"net/netip"
	"strings"
	"time"
)

const (
	// ioTimeout bounds how long a request may take to come, and an answer to be
	// taken: both fit in a few packets.
	ioTimeout = 10 * time.Second
	// answerTimeout is for an answer, before which net/http reads what is left of
	// the request.
	answerTimeout = 2 * ioTimeout
)

// Handler returns all routes. It may be served by any HTTP server that bounds how
// long a request takes to come; Serve is the one with limits that suit it.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.getPoll)
	if s.cfg.Pages != nil {
		for _, path := range []string{"/proxy", "/proxy/", "/embed.html", "/options.html"} {
			mux.Handle("GET "+path, s.cfg.Pages)
		}
	}
	mux.HandleFunc("POST /{$}", s.postRegistration)
	mux.HandleFunc("HEAD /{$}", methodNotAllowed) // "GET" has HEAD in it, which would eat a client
	mux.HandleFunc("/{$}", methodNotAllowed)
	if s.seen != nil {
		mux.HandleFunc("GET /reg/{blob}", s.getSealed)
		mux.HandleFunc("GET /reg/{blob}/{$}", s.getSealed)
	}
	mux.HandleFunc("GET /healthz", s.getHealth)
	return common(mux)
}

// common is what holds for every request: CORS, and paths whose
// empty segments do not count, for which a mux would redirect.
func common(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := cleanPath(r.URL.Path)
		if r.Method != http.MethodGet || path != "/" {
			allowAll(w.Header()) // a poll waits without headers, which are 400 bytes
		}
		if r.Method == http.MethodOptions {
			preflight(w)
			return
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		if path != r.URL.Path || r.URL.RawPath != "" {
			u := *r.URL
			u.Path, u.RawPath = path, ""
			r = r.WithContext(r.Context())
			r.URL = &u
		}
		next.ServeHTTP(w, r)
	})
}

// cleanPath joins runs of slashes. It is false for what is no path, and for one with
// "." or ".." in it, which nothing here has.
func cleanPath(path string) (string, bool) {
	if path == "" || path == "/" {
		return "/", true // empty: "GET http://host", "CONNECT host"
	}
	if path[0] != '/' {
		return "", false // "*"
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(path[1:], "/") {
		switch segment {
		case "":
			continue
		case ".", "..":
			return "", false
		}
		b.WriteString("/" + segment)
	}
	if strings.HasSuffix(path, "/") {
		b.WriteByte('/')
	}
	return b.String(), true
}

// preflight answers OPTIONS, for any path.
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Allow", allowed)
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", "86400") // a day; browsers take less
	w.WriteHeader(http.StatusNoContent)
}

// allowed are the methods of "/".
const allowed = "GET, POST, OPTIONS"

func methodNotAllowed(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", allowed)
	writeText(w, http.StatusMethodNotAllowed, "GET to poll, POST to register")
}

// getHealth is GET /healthz: for a load balancer, so it gives no numbers.
func (s *Server) getHealth(w http.ResponseWriter, r *http.Request) {
	s.fresh(w.Header(), time.Now())
	b := newBounded(r.Context(), storeTimeout)
	defer b.stop()
	_, err := s.pool.Stats(b)
	switch {
	case s.done.Err() != nil:
		writeText(w, http.StatusServiceUnavailable, "stopping")
	case err != nil:
		s.poolFailed("stats", err)
		writeText(w, http.StatusServiceUnavailable, "the pool does not answer")
	case s.table.Load().size == 0:
		writeText(w, http.StatusServiceUnavailable, "no relays")
	default:
		writeText(w, http.StatusOK, "ok")
	}
}

// source is where r comes from, the zero Addr if that is not known.
func (s *Server) source(r *http.Request) netip.Addr {
	a := sourceOf(r, s.cfg.TrustedProxies)
	if !a.IsValid() {
		s.noSource.Do(func() {
			s.log.Warn("a request does not tell where it comes from: let the reverse proxy set" +
				" X-Forwarded-For or Forwarded, and remove the other")
		})
	}
	return a
}

// The deadlines of a poll that waits are set through the response, which every HTTP/1 connection
// supports; other servers have bounds of their own.

func setReadDeadline(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d))
}

func setWriteDeadline(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
}
