package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"flashproxy/internal/daemon"
)

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "invalid IP 7",
		":80":                "invalid IP 80",
		":0":                 "invalid IP 0",
		":":                  "error",
		"192.0.2.1":          "192.0.2.1 7",
		"192.0.2.1:80":       "192.0.2.1 80",
		"[2001:db8::1]:80":   "2001:db8::1 80",
		"[2001:db8::1]":      "2001:db8::1 7",
		"2001:db8::1":        "2001:db8::1 7",
		"[::ffff:1.2.3.4]:1": "1.2.3.4 1",
		"localhost:80":       "error",
		"192.0.2.1:99999":    "error",
		"192.0.2.1:x":        "error",
		"[2001:db8::1":       "error",
		"9000":               "error",
	} {
		a := address{port: 7}
		got := "error"
		if err := a.parse(in); err == nil {
			got = strings.TrimSpace(strings.Join([]string{a.host.String(), portText(a.port)}, " "))
		}
		if got != want {
			t.Errorf("parse(%q) = %s, want %s", in, got, want)
		}
	}
}

func portText(p uint16) string {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), p).String()[len("0.0.0.0:"):]
}

func TestOptions(t *testing.T) {
	key := strings.Repeat("A", 43)
	for _, args := range []string{
		"", "--register", "-r -f https://f.example/", "-r -f https://f.example/ :0 :9000", "-r -f http://f.example:80/x -4 --proxies 5 1.2.3.4",
		"--external -r -f https://f.example/ --facilitator-pubkey " + key + " --register-addr 1.2.3.4:5 --register-methods url",
		"--transport obfs4|websocket", "--transport tcp", "--transport a|b|tcp", "--external [::1]:9001 [::]:9000",
		"--alternative obfs4|tcp,:0,:0 --alternative snow|websocket,[::1]:9003,192.0.2.1:9004,:80",
	} {
		if _, err := parseOptions(strings.Fields(args), io.Discard); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
	for args, want := range map[string]string{
		"--external --register":                              "--register needs --facilitator",
		"-f https://f.example/":                              "without --register",
		"-r -f f.example":                                    "--facilitator:",
		"-r -f ftp://f.example":                              "--facilitator:",
		"-r -f https://f.example/ --facilitator-pubkey x":    "--facilitator-pubkey:",
		"-r -f https://f.example/ --register-addr x":         "--register-addr:",
		"-r -f https://f.example/ --register-addr 1.2.3.4":   "--register-addr:",
		"-r -f https://f.example/ --register-methods url":    "public key",
		"-r -f https://f.example/ --register-methods pigeon": "unknown registration method",
		"--transport pigeon":                                 "the known outer transports are tcp, websocket",
		"--transport |":                                      "--transport:",
		"--transport=":                                       "the known outer transports are",
		"--transport obfs4|" + strings.Repeat("x", 300):      "too long",
		"--transport " + strings.Repeat("x", 300) + "|tcp":   "too long",
		"--transport obfs4|tcp\x00":                          "--transport:",
		"--alternative tcp":                                  "want TRANSPORT,LOCAL,REMOTE",
		"--alternative tcp,:1,:2,:3,:4":                      "want TRANSPORT,LOCAL,REMOTE",
		"--alternative obfs4|,:1,:2":                         "empty",
		"--alternative pigeon,:1,:2":                         "the known outer transports are",
		"--alternative tcp,localhost:1,:2":                   "numeric host",
		"--alternative tcp,:1,:x":                            "the port is not a number",
		"--alternative tcp,:1,:2,:0":                         "the port is not",
		strings.Repeat("--alternative tcp,:0,:0 ", 16):       "no room for more than 16",
		"-r -f https://f.example/ --register-methods url --facilitator-pubkey " + strings.Repeat("A", 43) + " --alternative tcp,:1,:2": "own address",
		"--transport obfs4|": "--transport:",
		"-4 -6":              "exclude each other",
		"--proxies 0":        "--proxies:",
		"--refresh -1s":      "--refresh:",
		"a b c":              "at most two",
		"localhost:80":       "numeric host",
		"--bogus":            "unknown flag",
		"--proxies x":        "invalid argument",
	} {
		_, err := parseOptions(strings.Fields(args), io.Discard)
		var usage *daemon.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want a usage error with %q", args, err, want)
		}
	}
}

// The registered port is the one that is really listened on, unless another was
// given, and the address only what was given; of another alternative the first one's.
func TestListensOn(t *testing.T) {
	for args, want := range map[string]string{
		"":                             "invalid IP:1234",
		"--register-addr :80":          "invalid IP:80",
		"--register-addr 1.2.3.4:80":   "1.2.3.4:80",
		"--register-addr [2a00::1]:80": "2a00::1:80",

		"--alternative tcp,:0,:0":                                         "invalid IP:1234",
		"--alternative tcp,:0,:0,:80":                                     "invalid IP:80",
		"--alternative tcp,:0,:0 --register-addr 1.2.3.4:70":              "1.2.3.4:1234",
		"--alternative tcp,:0,:0,:80 --register-addr 1.2.3.4:70":          "1.2.3.4:80",
		"--alternative tcp,:0,:0,5.6.7.8:80 --register-addr 1.2.3.4:70":   "5.6.7.8:80",
		"--alternative tcp,:0,:0,[2a00::1]:80 --register-addr 1.2.3.4:70": "2a00::1:80",
	} {
		o, err := parseOptions(strings.Fields(args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		last := o.alternatives[len(o.alternatives)-1]
		last.listensOn(1234)
		r := last.endpoint.Addr
		if got := r.Addr().String() + ":" + portText(r.Port()); got != want {
			t.Errorf("%q: registers %s, want %s", args, got, want)
		}
	}
}

// One address of two that can't be opened is skipped; none is an error.
func TestListenSkips(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var log bytes.Buffer
	o := daemon.LogOptions{}
	logger, closer, err := o.Open(&log)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	v4, other := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	a := address{port: portOf(taken)}
	open, err := a.listen(logger, "proxies", v4, other)
	if err != nil || len(open) != 1 || portOf(open[0]) != a.port {
		t.Fatalf("%v, %v", open, err)
	}
	closeAll(open)
	if !strings.Contains(log.String(), "skipped one address") || strings.Contains(log.String(), "127.0.0") {
		t.Errorf("log: %s", log.String())
	}
	if _, err := a.listen(logger, "proxies", v4, v4); err == nil || !strings.Contains(err.Error(), "Give another port") {
		t.Errorf("both taken: %v", err)
	}
}

// Outside Tor it says how to be run, and under Tor that --external is wrong,
// in words that Tor takes as final.
func TestHowItIsRun(t *testing.T) {
	var out bytes.Buffer
	err := run(context.Background(), nil, strings.NewReader(""), &out, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "--external") || out.Len() > 0 {
		t.Errorf("outside Tor: %v, %q", err, out.String())
	}
	t.Setenv("TOR_PT_MANAGED_TRANSPORT_VER", "1")
	err = run(context.Background(), []string{"--external"}, strings.NewReader(""), &out, io.Discard)
	if err == nil || !strings.HasPrefix(out.String(), "ENV-ERROR --external is for running by hand") {
		t.Errorf("under Tor: %v, %q", err, out.String())
	}
}
