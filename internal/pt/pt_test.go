package pt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
)

// setEnv gives the test an environment with these TOR_PT_ variables alone.
func setEnv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, kv := range os.Environ() {
		if key, _, _ := strings.Cut(kv, "="); strings.HasPrefix(key, "TOR_PT_") {
			t.Setenv(key, "")
			os.Unsetenv(key)
		}
	}
	for k, v := range env {
		t.Setenv("TOR_PT_"+k, v)
	}
}

// secret is an address that no line for Tor may have; fakeScrub stands for the
// real scrubber.
const secret = "192.0.2.77"

func fakeScrub(s string) string { return strings.ReplaceAll(s, secret, "[scrubbed]") }

func addrOf(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

// listenError is what net.Listen gives for an address in use.
func listenError() error {
	return &net.OpError{Op: "listen", Net: "tcp", Addr: addrOf(secret + ":80"), Err: errors.New("in\nuse é")}
}

func TestManaged(t *testing.T) {
	setEnv(t, nil)
	if Managed() {
		t.Error("managed without Tor")
	}
	setEnv(t, map[string]string{"MANAGED_TRANSPORT_VER": "1"})
	if !Managed() {
		t.Error("not managed by Tor")
	}
}

func TestRefuse(t *testing.T) {
	why := errors.New("--listen " + secret + ": bad\nport")
	for _, managed := range []bool{false, true} {
		env, want := map[string]string(nil), ""
		if managed {
			env, want = map[string]string{"MANAGED_TRANSPORT_VER": "1"}, "ENV-ERROR --listen [scrubbed]: bad port\n"
		}
		setEnv(t, env)
		var out bytes.Buffer
		if err := New(&out, fakeScrub).Refuse(why); err != why || out.String() != want {
			t.Errorf("managed %v: %v, %q; want %q", managed, err, out.String(), want)
		}
	}
}

func TestClient(t *testing.T) {
	open := func(method string) (net.Addr, error) {
		switch method {
		case "flashproxy":
			return addrOf("127.0.0.1:1001"), nil
		case "websocket":
			return addrOf("[::1]:1002"), nil
		}
		return nil, listenError()
	}
	ours := func(proxy netip.AddrPort) bool { return proxy.String() == "127.0.0.1:9003" }
	const proxyError = "PROXY-ERROR an upstream proxy is not supported, because flash proxies connect to this computer: " +
		"take Socks4Proxy, Socks5Proxy or HTTPSProxy out of torrc\n"
	for _, c := range []struct {
		name   string
		env    map[string]string
		stdout string
		err    string // part of it; "" is none
	}{
		{"both", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "flashproxy,websocket"},
			"VERSION 1\nCMETHOD flashproxy socks5 127.0.0.1:1001\nCMETHOD websocket socks5 [::1]:1002\nCMETHODS DONE\n", ""},
		{"a later version too", map[string]string{"MANAGED_TRANSPORT_VER": "2,1", "CLIENT_TRANSPORTS": "flashproxy"},
			"VERSION 1\nCMETHOD flashproxy socks5 127.0.0.1:1001\nCMETHODS DONE\n", ""},
		{"one is unknown, one fails, one is there twice", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "obfs4,broken,flashproxy,flashproxy"},
			"VERSION 1\nCMETHOD-ERROR obfs4 no such method\nCMETHOD-ERROR broken listen tcp [scrubbed]:80: in use ?\n" +
				"CMETHOD flashproxy socks5 127.0.0.1:1001\nCMETHODS DONE\n", ""},
		{"all fail", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "broken"},
			"VERSION 1\nCMETHOD-ERROR broken listen tcp [scrubbed]:80: in use ?\nCMETHODS DONE\n", "none of the transports"},
		{"none is known", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "obfs4"},
			"VERSION 1\nCMETHOD-ERROR obfs4 no such method\nCMETHODS DONE\n", "none of the transports"},
		{"another version", map[string]string{"MANAGED_TRANSPORT_VER": "2", "CLIENT_TRANSPORTS": "flashproxy"},
			"VERSION-ERROR no-version\n", "no-version"},
		{"no transports", map[string]string{"MANAGED_TRANSPORT_VER": "1"},
			"VERSION 1\nENV-ERROR no TOR_PT_CLIENT_TRANSPORTS environment variable\n", "no TOR_PT_CLIENT_TRANSPORTS"},
		{"proxy", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "flashproxy", "PROXY": "socks5://" + secret + ":80"},
			"VERSION 1\n" + proxyError, "not supported"},
		{"proxy that is ours", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "flashproxy", "PROXY": "socks5://127.0.0.1:9003"},
			"VERSION 1\nPROXY DONE\nCMETHOD flashproxy socks5 127.0.0.1:1001\nCMETHODS DONE\n", ""},
		{"proxy that is almost ours", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "flashproxy", "PROXY": "socks5://127.0.0.1:9004"},
			"VERSION 1\n" + proxyError, "not supported"},
		{"proxy by name", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "flashproxy", "PROXY": "socks5://localhost:9003"},
			"VERSION 1\n" + proxyError, "not supported"},
		{"proxy that is no URL", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "flashproxy", "PROXY": secret},
			"VERSION 1\n" + proxyError, "not supported"},
		{"bytes that no line can have", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "flashproxy,\xff"},
			"ENV-ERROR TOR_PT_CLIENT_TRANSPORTS has bytes that are not printable ASCII\n", "not printable"},
		{"a state folder with any name", map[string]string{"MANAGED_TRANSPORT_VER": "1", "CLIENT_TRANSPORTS": "flashproxy", "STATE_LOCATION": "/tmp/é"},
			"VERSION 1\nCMETHOD flashproxy socks5 127.0.0.1:1001\nCMETHODS DONE\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			setEnv(t, c.env)
			var stdout bytes.Buffer
			err := New(&stdout, fakeScrub).Client([]string{"flashproxy", "websocket", "broken"}, ours, open)
			check(t, &stdout, c.stdout, err, c.err)
		})
	}
}

func check(t *testing.T, stdout *bytes.Buffer, want string, err error, part string) {
	t.Helper()
	if stdout.String() != want {
		t.Errorf("Tor reads\n%s\nwant\n%s", stdout, want)
	}
	if part == "" && err != nil || part != "" && (err == nil || !strings.Contains(err.Error(), part)) {
		t.Errorf("error %v; want %q", err, part)
	}
}

func TestServer(t *testing.T) {
	open := func(b Bind) (net.Addr, error) {
		switch {
		case b.Method == "broken":
			return nil, listenError()
		case b.Addr.Port() == 0:
			return net.TCPAddrFromAddrPort(netip.AddrPortFrom(b.Addr.Addr(), 9902)), nil
		case fmt.Sprint(b.Options) == "map[key:[a:b] n:[1 2]]":
			return net.TCPAddrFromAddrPort(b.Addr), nil
		}
		return nil, fmt.Errorf("unexpected bind %v %v", b.Addr, b.Options)
	}
	with := func(more map[string]string) map[string]string {
		env := map[string]string{"MANAGED_TRANSPORT_VER": "1", "ORPORT": "127.0.0.1:9001"}
		for k, v := range more {
			env[k] = v
		}
		return env
	}
	for _, c := range []struct {
		name, stdout, err string
		env               map[string]string
	}{
		{"both", "VERSION 1\nSMETHOD flashproxy 127.0.0.1:9902\nSMETHOD websocket [2001:db8::1]:9903\nSMETHODS DONE\n", "",
			with(map[string]string{"SERVER_TRANSPORTS": "flashproxy,websocket", "SERVER_BINDADDR": "flashproxy-127.0.0.1:0,websocket-[2001:db8::1]:9903",
				"SERVER_TRANSPORT_OPTIONS": `websocket:key=a\:b;websocket:n=1;websocket:n=2`})},
		{"one fails, one has no address, one is unknown", "VERSION 1\nSMETHOD-ERROR broken listen tcp [scrubbed]:80: in use ?\n" +
			"SMETHOD-ERROR websocket no address in TOR_PT_SERVER_BINDADDR\nSMETHOD-ERROR obfs4 no such method\nSMETHOD flashproxy 127.0.0.1:9902\nSMETHODS DONE\n", "",
			with(map[string]string{"SERVER_TRANSPORTS": "broken,websocket,obfs4,flashproxy", "SERVER_BINDADDR": "broken-127.0.0.1:1,obfs4-127.0.0.1:2,flashproxy-127.0.0.1:0"})},
		{"all fail", "VERSION 1\nSMETHOD-ERROR broken listen tcp [scrubbed]:80: in use ?\nSMETHODS DONE\n", "none of the transports",
			with(map[string]string{"SERVER_TRANSPORTS": "broken", "SERVER_BINDADDR": "broken-127.0.0.1:1"})},
		{"malformed address", "VERSION 1\nENV-ERROR TOR_PT_SERVER_BINDADDR: \"flashproxy-[scrubbed]\": address [scrubbed]: missing port in address\n", "missing port",
			with(map[string]string{"SERVER_TRANSPORTS": "flashproxy", "SERVER_BINDADDR": "flashproxy-" + secret})},
		{"no address", "VERSION 1\nENV-ERROR no TOR_PT_SERVER_BINDADDR environment variable\n", "no TOR_PT_SERVER_BINDADDR",
			with(map[string]string{"SERVER_TRANSPORTS": "flashproxy"})},
		{"another version", "VERSION-ERROR no-version\n", "no-version", map[string]string{"MANAGED_TRANSPORT_VER": "9"}},
		{"no Tor", "VERSION 1\nENV-ERROR need TOR_PT_ORPORT or TOR_PT_EXTENDED_SERVER_PORT environment variable\n", "need TOR_PT_ORPORT",
			map[string]string{"MANAGED_TRANSPORT_VER": "1", "SERVER_TRANSPORTS": "flashproxy", "SERVER_BINDADDR": "flashproxy-127.0.0.1:0"}},
		{"options that no line can have", "ENV-ERROR TOR_PT_SERVER_TRANSPORT_OPTIONS has bytes that are not printable ASCII\n", "not printable",
			with(map[string]string{"SERVER_TRANSPORTS": "flashproxy", "SERVER_BINDADDR": "flashproxy-127.0.0.1:0", "SERVER_TRANSPORT_OPTIONS": "é"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			setEnv(t, c.env)
			var stdout bytes.Buffer
			info, err := New(&stdout, fakeScrub).Server([]string{"flashproxy", "websocket", "broken"}, open)
			check(t, &stdout, c.stdout, err, c.err)
			if (info == nil) == (err == nil) {
				t.Errorf("info %v, error %v", info, err)
			}
		})
	}
}

func TestLogAndStatus(t *testing.T) {
	setEnv(t, map[string]string{"MANAGED_TRANSPORT_VER": "1"})
	var stdout bytes.Buffer
	tor := New(&stdout, fakeScrub)
	tor.Log(Debug, "d")
	tor.Log(Info, "i")
	tor.Log(Warning, "w")
	tor.Log(Error, "two\nlines, \"quoted\" \\ é")
	tor.Notice("a proxy from %s connected after %d s", secret, 3)
	tor.Status("flashproxy", map[string]string{"WAITING": `for "a" \ proxy`, "ADDRESS": secret})
	const want = `LOG SEVERITY=debug MESSAGE="d"
LOG SEVERITY=info MESSAGE="i"
LOG SEVERITY=warning MESSAGE="w"
LOG SEVERITY=error MESSAGE="two lines, \042quoted\042 \134 ?"
LOG SEVERITY=notice MESSAGE="a proxy from [scrubbed] connected after 3 s"
STATUS TRANSPORT=flashproxy ADDRESS="[scrubbed]" WAITING="for \"a\" \\ proxy"
`
	if stdout.String() != want {
		t.Errorf("Tor reads\n%s", &stdout)
	}
}

func TestExternalModeSaysNothing(t *testing.T) {
	setEnv(t, nil)
	var stdout bytes.Buffer
	tor := New(&stdout, fakeScrub)
	tor.Notice("hello")
	tor.Status("flashproxy", nil)
	if stdout.Len() > 0 {
		t.Errorf("stdout has %q", &stdout)
	}
}

// oneWriter fails the test when two writes overlap, or one is not a whole line.
type oneWriter struct {
	t     *testing.T
	busy  sync.Mutex
	lines int
}

func (w *oneWriter) Write(p []byte) (int, error) {
	if !w.busy.TryLock() {
		w.t.Error("two writes at the same time")
		return len(p), nil
	}
	defer w.busy.Unlock()
	w.lines++
	if bytes.IndexByte(p, '\n') != len(p)-1 {
		w.t.Errorf("not one line: %q", p)
	}
	return len(p), nil
}

func TestLinesStayWhole(t *testing.T) {
	setEnv(t, map[string]string{"MANAGED_TRANSPORT_VER": "1"})
	w := &oneWriter{t: t}
	tor := New(w, fakeScrub)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				tor.Notice("notice")
				tor.Status("flashproxy", nil)
			}
		})
	}
	wg.Wait()
	if w.lines != 1600 {
		t.Errorf("%d lines; want 1600", w.lines)
	}
}

func TestUntilStdinCloses(t *testing.T) {
	for _, asked := range []string{"1", "0", ""} {
		setEnv(t, map[string]string{"EXIT_ON_STDIN_CLOSE": asked})
		r, w := io.Pipe()
		ctx, stop := UntilStdinCloses(t.Context(), r)
		if asked == "1" {
			io.WriteString(w, "ignored")
			if ctx.Err() != nil {
				t.Error("ended before stdin did")
			}
			w.Close()
			<-ctx.Done()
			if context.Cause(ctx) != ErrStdinClosed {
				t.Errorf("cause %v", context.Cause(ctx))
			}
		} else {
			w.Close()
			if ctx.Err() != nil {
				t.Errorf("%q: ended by stdin, which Tor did not ask for", asked)
			}
		}
		stop()
		if <-ctx.Done(); ctx.Err() != context.Canceled {
			t.Errorf("%v", ctx.Err())
		}
	}
}
