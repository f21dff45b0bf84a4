package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"flashproxy/internal/daemon"
	"flashproxy/internal/proxy"
)

func TestTransports(t *testing.T) {
	all := map[string]proxy.Dialer{"websocket": nil, "pigeon": nil, "tcp": nil}
	for _, tt := range []struct {
		args []string
		want string // the names, or a part of the error
	}{
		{nil, "pigeon tcp websocket"},
		{[]string{"--transports", "tcp"}, "tcp"},
		{[]string{"--transports", "websocket,tcp"}, "tcp websocket"},
		{[]string{"--transports", "websocket", "--transports", "tcp,tcp"}, "tcp websocket"},
		{[]string{"--transports", "webrtc"}, `there is no "webrtc", want some of pigeon, tcp, websocket`},
		{[]string{"--transports", "tcp,"}, `there is no "", want some of pigeon, tcp, websocket`},
		{[]string{"--transports", "TCP"}, `there is no "TCP"`},
		{[]string{"--transports="}, "want one at least of pigeon, tcp, websocket"},
	} {
		o, err := parseOptions(append(tt.args, "-f", "http://f.example/"), io.Discard)
		if err != nil {
			t.Fatalf("%q: %v", tt.args, err)
		}
		switch some, err := o.offered(all); {
		case err == nil:
			if got := strings.Join(slices.Sorted(maps.Keys(some)), " "); got != tt.want {
				t.Errorf("%q: %s, want %s", tt.args, got, tt.want)
			}
		case !strings.Contains(err.Error(), tt.want):
			t.Errorf("%q: %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestTransportsAreChecked(t *testing.T) {
	err := run(context.Background(), []string{"-f", "http://f.example/", "--transports", "webrtc"}, nil, io.Discard, io.Discard)
	if _, usage := errors.AsType[*daemon.UsageError](err); !usage || !strings.Contains(err.Error(), `"webrtc"`) {
		t.Errorf("a transport that there is not: %v, want a usage error", err)
	}
}

func TestPollsOfferTheTransports(t *testing.T) {
	for _, tt := range []struct{ names, want string }{
		{"tcp", "tcp"},
		{"wss,websocket", "websocket wss"},
		{"", "tcp websocket wss"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		offered := make(chan string, 1)
		f := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case offered <- strings.Join(r.URL.Query()["transport"], " "):
			default: // what it offers does not change
			}
			cancel()
		}))
		args := []string{"-f", f.URL}
		if tt.names != "" {
			args = append(args, "--transports", tt.names)
		}
		if err := run(ctx, args, nil, io.Discard, io.Discard); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		f.Close()
		if got := <-offered; got != tt.want {
			t.Errorf("--transports %q: polls offer %q, want %q", tt.names, got, tt.want)
		}
	}
}
