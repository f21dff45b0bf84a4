package facilitator

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// badRequest marks an error as the sender's fault, with a text for the sender.
type badRequest struct{ error }

func (e badRequest) Unwrap() error { return e.error }

// tooMany is the refusal of a source that asks for too much.
type tooMany struct{ wait time.Duration }

func (e tooMany) Error() string { return "too many registrations from your address: try again later" }

// unavailableFor is the Retry-After of a 503, before jitter: long enough for a
// restart, or for the first of a full pool to expire.
const unavailableFor = 30 * time.Second

// refuse answers with what err means to the sender, in one line of text. Of an
// error that is ours the text says nothing, since it may name a machine of ours.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	h := w.Header()
	status, text := http.StatusServiceUnavailable, "registrations cannot be stored now: try again later"
	var bad badRequest
	var many tooMany
	var before beforeStart
	var long *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(err, &bad), errors.Is(err, errSeen):
		status, text = http.StatusBadRequest, err.Error()
	case errors.As(err, &before):
		text = err.Error()
		setRetryAfter(h, before.wait)
	case errors.As(err, &many):
		status, text = http.StatusTooManyRequests, many.Error()
		setRetryAfter(h, many.wait)
	case errors.As(err, &long):
		status, text = http.StatusRequestEntityTooLarge, fmt.Sprintf("the message is longer than %d bytes", registration.MaxBody)
	case errors.As(err, &timeout) && timeout.Timeout():
		status, text = http.StatusRequestTimeout, "the message did not come in time"
		h.Set("Connection", "close")
	case errors.Is(err, pool.ErrFull), errors.Is(err, errSeenFull):
		text = err.Error() + ": try again later"
		setRetryAfter(h, jitter(unavailableFor))
	case errors.Is(err, pool.ErrClosed):
		text = "this facilitator is stopping: try again later"
		setRetryAfter(h, jitter(unavailableFor))
	default:
		s.poolFailed("register", err)
		setRetryAfter(h, jitter(unavailableFor))
	}
	writeText(w, status, text)
}

func setRetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.Itoa(int((d+time.Second-1)/time.Second)))
}

// writeText answers with one line. That it could not be written is the peer's loss.
func writeText(w http.ResponseWriter, status int, text string) {
	w.Header()["Content-Type"] = plainText
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
