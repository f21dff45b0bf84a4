// Package scrub removes addresses from what is logged, so that a log can be
// kept, and shown to somebody, without telling who used the system.
//
// It works in two nets. The first is typed: attribute values that are addresses
// (netip, net.Addr, net.IP, URLs, also inside slices, structs and groups), and
// errors of the standard library that carry an address or a host name, lose it
// by their type. The second reads every string that remains (messages, string
// attributes, error texts, the lines of http.Server's ErrorLog) and removes what
// looks like an address; it would rather remove too much than too little.
//
// Removed from strings: IPv4 and IPv6 addresses with their brackets, zone, port
// and prefix length, also inside a word or percent-encoded; URLs; the names and
// addresses in the phrases of the standard library's errors ("lookup NAME: no
// such host"); the arguments in a stack trace, which hold addresses in
// hexadecimal. Four or more numbers with dots between are always taken for an
// address: a version such as 0.4.9.11 is lost too. So are seven or more
// hexadecimal groups with colons between, such as a certificate's fingerprint.
//
// Kept, because a log without them is of no use and they tell no address: times
// (12:34:56), durations, numbers, versions of up to three parts, hexadecimal
// identifiers, ports that stand alone, file names, source lines (server.go:12).
// Kept because nothing tells them from other words: host names in a sentence of
// our own, addresses that are encoded (base64, hexadecimal) or written as words.
// Log those as typed values, or not at all.
//
// It is not a filter for files or streams: each record is scrubbed whole.
package scrub

import (
	"context"
	"log/slog"
)

// mark stands where an address was.
const mark = "[scrubbed]"

// NewHandler returns a handler that gives next each record without addresses:
// message, keys, groups, values. A value of any other type than slog's own is
// passed on as text, since only text can be checked.
func NewHandler(next slog.Handler) slog.Handler {
	return &handler{next: next}
}

type handler struct{ next slog.Handler }

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, String(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{next: h.next.WithAttrs(scrubAttrs(attrs))}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{next: h.next.WithGroup(String(name))}
}

func scrubAttrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = attr(a)
	}
	return clean
}

func attr(a slog.Attr) slog.Attr {
	return slog.Attr{Key: String(a.Key), Value: value(a.Value)}
}

func value(v slog.Value) slog.Value {
	v = v.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(String(v.String()))
	case slog.KindGroup:
		return slog.GroupValue(scrubAttrs(v.Group())...)
	case slog.KindAny:
		if v.Any() == nil {
			return v
		}
		return slog.StringValue(text(v.Any()))
	default: // numbers, booleans, times, durations
		return v
	}
}
