//go:build unix

package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashproxy/internal/registration"
)

const (
	body  = "client=127.0.0.1:9000\n"
	match = "client=127.0.0.1%3A9000&client-transport=websocket&relay=127.0.0.1%3A9902&relay-transport=websocket&check-back-in="
	none  = "client=&check-back-in="
)

func wantAnswer(t *testing.T, status int, got, prefix string) {
	t.Helper()
	if status != 200 || !strings.HasPrefix(got, prefix) {
		t.Errorf("%d %q, want 200 %q", status, got, prefix)
	}
}

func TestProgram(t *testing.T) {
	p := newProcess(t, "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "-v").start()
	for _, url := range []string{p.url(), p.url()} {
		if status, text := ask(t, "POST", url, body); status != 200 {
			t.Errorf("register: %d %q", status, text)
		}
		status, text := ask(t, "GET", url+"/?r=1", "")
		wantAnswer(t, status, text, match)
		if status, text := ask(t, "GET", url+"/healthz", ""); status != 200 {
			t.Errorf("health: %d %q", status, text)
		}
	}
	p.signal(syscall.SIGTERM)
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, line := range p.seen {
		if strings.Contains(line, "127.0.0.1") {
			t.Errorf("an address in the log: %s", line)
		}
	}
}

func TestKey(t *testing.T) {
	p := newProcess(t, "--listen", "127.0.0.1:0").start()
	logged := p.line(`public-key=(\S+)`)
	url := p.url()
	key, err := registration.ParsePublicKey(logged)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := registration.Parse([]byte(body), netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	blob, err := key.Seal(reg, time.Now().Add(time.Second)) // not in the second of its start
	if err != nil {
		t.Fatal(err)
	}
	if status, text := ask(t, "GET", url+"/reg/"+blob, ""); status != 204 {
		t.Errorf("%d %q", status, text)
	}
	p.signal(os.Interrupt)
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if want := "public-key " + logged + "\n"; p.stdout.String() != want {
		t.Errorf("stdout %q, want %q", p.stdout.String(), want)
	}

	again := newProcess(t, "--listen", "127.0.0.1:0", "--key-file", filepath.Join(p.dir, "facilitator.key")).start()
	if key := again.line(`public-key=(\S+)`); key != logged {
		t.Errorf("key %q, and before %q", key, logged)
	}
}

func TestReload(t *testing.T) {
	p := newProcess(t, "--listen", "127.0.0.1:0")
	p.writeRelays("websocket 127.0.0.1:9902\npigeon 127.0.0.1:1\n")
	p.start()
	p.line("level=WARN msg=.*is it misspelt.*line=2 ")
	url := p.url()
	relay := func(want string) {
		t.Helper()
		if status, text := ask(t, "POST", url, body); status != 200 {
			t.Fatalf("register: %d %q", status, text)
		}
		status, text := ask(t, "GET", url+"/?r=1", "")
		wantAnswer(t, status, text, "client=127.0.0.1%3A9000&client-transport=websocket&relay="+want+"&")
	}
	relay("127.0.0.1%3A9902")
	for _, bad := range []string{"websocket\n", "", "websocket 127.0.0.1:0"} {
		p.writeRelays(bad)
		p.signal(syscall.SIGHUP)
		p.line("level=ERROR msg=.*stays as it was")
		relay("127.0.0.1%3A9902")
	}
	p.writeRelays("websocket 127.0.0.2:1234\nwebsockets 127.0.0.2:1234")
	p.signal(syscall.SIGHUP)
	p.line("relays loaded")
	p.line("level=WARN msg=.*is it misspelt.*line=2 ")
	relay("127.0.0.2%3A1234")
}

// TestPollsAtTheEnd: polls that wait are answered, not cut off.
func TestPollsAtTheEnd(t *testing.T) {
	const polls = 20
	p := newProcess(t, "--listen", "127.0.0.1:0", "--max-wait", "29s", "--max-waiting", strconv.Itoa(polls)).start()
	url := p.url()
	answers := make(chan string)
	for range polls + 1 {
		go func() {
			status, text, err := request("GET", url+"/?r=1&wait=29", "")
			answers <- fmt.Sprintf("%d %s %v", status, text, err)
		}()
	}
	for i := range polls + 1 {
		a := <-answers
		if !strings.HasPrefix(a, "200 "+none) {
			t.Errorf("answer %q", a)
		}
		if i == 0 { // the one too many, so all others wait
			p.signal(syscall.SIGTERM)
		}
	}
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	openKey := filepath.Join(dir, "open.key")
	if err := os.WriteFile(openKey, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	badRelays := filepath.Join(dir, "relays")
	if err := os.WriteFile(badRelays, []byte("websocket 127.0.0.1\nwebsocket 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		code       int
		args       []string
	}{
		{"open key", "chmod 600 " + openKey, 1, []string{"--key-file", openKey}},
		{"bad relays", "line 2: the same relay as in line 1", 1, []string{"-r", badRelays}},
		{"no relay file", "no such file", 1, []string{"-r", filepath.Join(dir, "none")}},
		{"private relays", "line 1: the address is not one on the public Internet", 1, []string{"--allow-private-addresses=false"}},
		{"no such log", "open the log", 1, []string{"-l", filepath.Join(dir, "none", "log")}},
		{"no such address", "listen", 1, []string{"--listen", "[2001:db8::1]:1"}},
		{"usage", "--max-waiting: want 1 or more, not 0; try 'facilitator --help'", 2, []string{"--max-waiting", "0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProcess(t, append([]string{"--listen", "127.0.0.1:0"}, tt.args...)...).start()
			code := p.end()
			if last := p.seen[len(p.seen)-1]; code != tt.code || !strings.HasPrefix(last, "facilitator: ") || !strings.Contains(last, tt.want) {
				t.Errorf("exit code %d, %q; want %d, %q", code, last, tt.code, tt.want)
			}
		})
	}
}

func TestPages(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		path   string
		status int
		part   string
	}{
		{nil, "/proxy/", 200, "<html"},
		{nil, "/embed.html", 200, "<html"},
		{nil, "/proxy/config.js", 200, `"trustedPages": []`},
		{[]string{"--trusted-pages", "proxy,options"}, "/proxy/config.js", 200, `"proxy"`},
		{[]string{"--no-pages"}, "/proxy/", 404, ""},
	} {
		p := newProcess(t, append(tt.args, "--listen", "127.0.0.1:0")...).start()
		status, text := ask(t, "GET", p.url()+tt.path, "")
		if status != tt.status || !strings.Contains(text, tt.part) {
			t.Errorf("%q: %s: %d %.200q", tt.args, tt.path, status, text)
		}
		p.signal(syscall.SIGTERM)
		if code := p.end(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
}
