package main

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/daemon"
)

func TestOptions(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/state:/other")
	o, err := parseOptions([]string{
		"-r", "x", "--trusted-proxies", "10.1.2.3/8,::1", "--trusted-proxies=::ffff:1.2.3.4",
		"--outer-transports", "websocket,webrtc", "--max-wait=0s",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.trustedProxies, []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("1.2.3.4/32"),
	}) {
		t.Errorf("trusted: %v", o.trustedProxies)
	}
	if !slices.Equal(o.outers, []string{"websocket", "webrtc"}) || !slices.Equal(o.listen, []string{":9002"}) || o.listenSet {
		t.Errorf("%+v", o)
	}
	if o.maxWait != 0 || o.pool.TTL != 10*time.Minute || o.pool.Uses != 1 {
		t.Errorf("%+v", o)
	}
	if want := filepath.Join("/state", "facilitator.key"); o.keyFile != want {
		t.Errorf("key file %s, want %s", o.keyFile, want)
	}
}

func TestBadOptions(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/state")
	for args, want := range map[string]string{
		"":                                    "--relay-file is required",
		"-r x y":                              `unexpected argument "y"`,
		"-r x --bogus":                        "unknown flag",
		"-r x --listen 9002":                  "--listen: want [HOST]:PORT",
		"-r x --listen :9002 --listen 1.2":    "--listen: want [HOST]:PORT",
		"-r x --outer-transports obfs4|tcp":   "--outer-transports:",
		"-r x --outer-transports a,,b":        "--outer-transports:",
		"-r x --outer-transports=":            "--outer-transports: want one",
		"-r x --trusted-proxies nginx":        "--trusted-proxies:",
		"-r x --trusted-proxies 1.2.3.4/33":   "--trusted-proxies:",
		"-r x --trusted-proxies fe80::1%eth0": "--trusted-proxies:",
		"-r x --poll-interval 9s":             "--poll-interval: want 10s to 24h",
		"-r x --poll-interval 25h":            "--poll-interval: want 10s to 24h",
		"-r x --registration-ttl 0s":          "--registration-ttl:",
		"-r x --max-wait -1s":                 "--max-wait:",
		"-r x --max-wait 50":                  "missing unit",
		"-r x --proxies-per-client 0":         "--proxies-per-client:",
		"-r x --max-waiting 0":                "--max-waiting:",
		"-r x --max-registrations -5":         "--max-registrations:",
		"-r x --trusted-pages embed,page":     "--trusted-pages: no page \"page\"",
		"-r x --no-pages --trusted-pages x":   "--trusted-pages: there are none",
	} {
		_, err := parseOptions(strings.Fields(args), io.Discard)
		if _, ok := errors.AsType[*daemon.UsageError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

func TestNoPlaceForTheKey(t *testing.T) {
	for _, name := range []string{"STATE_DIRECTORY", "HOME", "XDG_CONFIG_HOME", "AppData"} {
		t.Setenv(name, "")
	}
	if _, err := parseOptions([]string{"-r", "x"}, io.Discard); err == nil || !strings.Contains(err.Error(), "--key-file") {
		t.Errorf("%v", err)
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if _, err := parseOptions([]string{"--help"}, &out); !errors.Is(err, daemon.ErrPrinted) {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("more than 80 columns: %s", line)
		}
	}
	for _, part := range []string{
		"--relay-file FILE", "--key-file FILE", "--listen [HOST]:PORT", "--proxies-per-client N", "--registration-ttl TIME", "--max-registrations N",
		"--max-waiting N", "--max-wait TIME", "--poll-interval TIME", "--outer-transports NAMES", "--trusted-proxies PREFIXES",
		"--allow-private-addresses", "--no-pages", "--trusted-pages NAMES", "--unsafe-logging", "SIGHUP", "X-Forwarded-For",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no word of %s", part)
		}
	}
}
