package main

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"flashproxy/internal/registration"
)

func TestDefaultOuters(t *testing.T) {
	o, err := parseOptions([]string{"-r", "relays"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(o.outers, " "); got != "tcp websocket" {
		t.Errorf("clients may register %s", got)
	}
}

func TestUnknownTransportsOfRelays(t *testing.T) {
	relays, err := registration.ParseRelays(strings.NewReader(
		"websocket 1.1.1.1\n# no relay\nwebsockets 1.1.1.1\ntcp 1.1.1.1\nobfs4|wss relay.example\na|b|pigeon 1.1.1.1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ outers, lines string }{
		{"websocket", "line=3 line=6"},
		{"websocket,pigeon", "line=3"},
	} {
		o, err := parseOptions([]string{"-r", "relays", "--outer-transports", tt.outers}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		o.warnOfUnknown(slog.New(slog.NewTextHandler(&log, nil)), relays)
		var lines []string
		for _, word := range strings.Fields(log.String()) {
			if strings.HasPrefix(word, "line=") {
				lines = append(lines, word)
			}
		}
		if got := strings.Join(lines, " "); got != tt.lines {
			t.Errorf("--outer-transports %s: warns of %s, want %s", tt.outers, got, tt.lines)
		}
	}
}
