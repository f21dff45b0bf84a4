package facilitator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// errNotGlobal is why a client's address was refused, which may have been taken
// from its connection.
var errNotGlobal = errors.New("client: the address is not one on the public Internet")

// postRegistration is POST /.
func (s *Server) postRegistration(w http.ResponseWriter, r *http.Request) {
	s.fresh(w.Header(), time.Now())
	source := s.source(r)
	if wait, ok := s.register.take(source); !ok {
		s.refuse(w, tooMany{wait})
		return
	}
	body, err := readBody(w, r)
	if err != nil {
		s.refuse(w, bodyError(err))
		return
	}
	reg, err := registration.Parse(body, source)
	if err == nil {
		err = s.check(reg)
	}
	if err != nil {
		s.refuse(w, badRequest{err})
		return
	}
	if err := s.store(r.Context(), reg, source); err != nil {
		s.refuse(w, err)
		return
	}
	w.Header()["Content-Type"] = plainText
	w.WriteHeader(http.StatusOK)
}

// shortBody has room for a registration with a dozen endpoints. A body that says that
// it is no longer is read into as much memory as it says.
const shortBody = 1 << 10

// readBody reads a whole message.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 || r.ContentLength > shortBody {
		return io.ReadAll(http.MaxBytesReader(w, r.Body, registration.MaxBody))
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

// bodyError tells a body that is too long or too slow from one that broke off.
func bodyError(err error) error {
	var long *http.MaxBytesError
	var timeout interface{ Timeout() bool }
	if errors.As(err, &long) || errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return badRequest{errors.New("the message is incomplete or malformed")}
}

// getSealed is GET and HEAD /reg/BLOB.
func (s *Server) getSealed(w http.ResponseWriter, r *http.Request) {
	s.fresh(w.Header(), time.Now())
	source := s.source(r)
	if wait, ok := s.carried.take(source); !ok {
		s.refuse(w, tooMany{wait})
		return
	}
	if err := s.registerSealed(r.Context(), r.PathValue("blob"), source); err != nil {
		s.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// registerSealed opens a blob and stores what is in it, once.
func (s *Server) registerSealed(ctx context.Context, blob string, source netip.Addr) error {
	now := time.Now()
	reg, sealed, err := s.cfg.Key.Open(blob, now)
	if err == nil {
		err = s.check(reg)
	}
	if err != nil {
		return badRequest{err}
	}
	id := idOf(blob)
	if err := s.seen.add(id, sealed, now); err != nil {
		return err
	}
	if err := s.store(ctx, reg, source); err != nil {
		s.seen.forget(id)
		return err
	}
	return nil
}

// check tells whether all endpoints are such as this facilitator hands out.
// Each has a line of its own in every wire form, so its number is the line's.
func (s *Server) check(reg registration.Registration) error {
	for i, e := range reg.Endpoints {
		if !s.outers[e.Transport.Outer] {
			return &registration.LineError{Line: i + 1, Err: fmt.Errorf(
				"client-transport: the outer transport is none of those known here: %s", s.knownOuters())}
		}
		if !s.cfg.AllowPrivate && !registration.IsGlobal(e.Addr.Addr()) {
			return &registration.LineError{Line: i + 1, Err: errNotGlobal}
		}
	}
	return nil
}

func (s *Server) knownOuters() string {
	return strings.Join(slices.Sorted(slices.Values(s.cfg.Outers)), ", ")
}

func (s *Server) store(ctx context.Context, reg registration.Registration, source netip.Addr) error {
	if s.done.Err() != nil {
		return pool.ErrClosed
	}
	b := newBounded(ctx, storeTimeout)
	defer b.stop()
	if err := s.pool.Register(b, reg); err != nil {
		return err
	}
	if s.log.Enabled(ctx, slog.LevelDebug) {
		s.log.Debug("registered", "from", source, slog.Any("endpoints", addrs(reg)))
	}
	return nil
}

// addrs are a registration's addresses as package scrub knows them.
func addrs(reg registration.Registration) []netip.AddrPort {
	a := make([]netip.AddrPort, len(reg.Endpoints))
	for i, e := range reg.Endpoints {
		a[i] = e.Addr
	}
	return a
}
