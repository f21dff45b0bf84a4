package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"flashproxy/internal/pt"
)

// toTor is a log whose warnings Tor's own log has too: there an operator looks, and
// of what a transport writes to stderr it shows nothing by default. It is for
// what seldom happens, and takes no attributes of its own.
type toTor struct {
	slog.Handler
	tor *pt.Tor
}

func (h toTor) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		var text strings.Builder
		text.WriteString(r.Message)
		r.Attrs(func(a slog.Attr) bool {
			fmt.Fprintf(&text, "; %s: %v", a.Key, a.Value)
			return true
		})
		h.tor.Log(pt.Warning, text.String())
	}
	return h.Handler.Handle(ctx, r)
}
