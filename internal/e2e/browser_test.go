package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a real browser, driven through a script in Node.
type browser struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{}

	mu      sync.Mutex
	next    int
	waiting map[int]chan answer
	pages   int
}

type answer struct {
	Result json.RawMessage
	Error  string
}

// driverDir has the driver with what it needs installed, once for all tests.
var driverDir = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "flashproxy-browser")
	if err != nil {
		return "", err
	}
	for _, f := range []string{"package.json", "driver.mjs"} {
		b, err := os.ReadFile(filepath.Join("testdata", "browser", f))
		if err != nil {
			return dir, err
		}
		if err := os.WriteFile(filepath.Join(dir, f), b, 0o600); err != nil {
			return dir, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--omit=dev", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("npm install: %w: %s", err, out)
	}
	return dir, nil
})

// startBrowser starts "chromium" or "firefox".
func startBrowser(t testing.TB, which string, args ...string) *browser {
	t.Helper()
	need(t, "node", "nodejs")
	need(t, "npm", "npm")
	need(t, map[string]string{"chromium": "chromium", "firefox": "firefox-esr"}[which], which)
	dir, err := driverDir()
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{done: make(chan struct{}), waiting: make(map[int]chan answer)}
	b.cmd = exec.Command("node", append([]string{filepath.Join(dir, "driver.mjs"), which}, args...)...)
	b.cmd.SysProcAttr = dieWithParent()
	var stderr strings.Builder
	b.cmd.Stderr = &stderr
	if b.stdin, err = b.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go b.read(stdout)
	t.Cleanup(func() {
		b.stdin.Close()
		select {
		case <-b.done:
		case <-time.After(30 * time.Second):
			b.cmd.Process.Kill()
			<-b.done
			t.Error("the browser did not end")
		}
		if err := b.cmd.Wait(); err != nil && t.Failed() {
			t.Logf("driver: %v: %s", err, stderr.String())
		}
	})
	t.Log(b.do(t, "version", nil))
	return b
}

func (b *browser) read(stdout io.Reader) {
	defer close(b.done)
	sc := bufio.NewScanner(stdout)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var a struct {
			ID int
			answer
		}
		if json.Unmarshal(sc.Bytes(), &a) != nil {
			continue
		}
		b.mu.Lock()
		if c := b.waiting[a.ID]; c != nil {
			c <- a.answer
			delete(b.waiting, a.ID)
		}
		b.mu.Unlock()
	}
}

// do gives one order and waits for its answer.
func (b *browser) do(t testing.TB, verb string, args map[string]any) any {
	t.Helper()
	result, err := b.order(within(t, 2*time.Minute), verb, args)
	if err != nil {
		t.Fatalf("browser: %s: %v", verb, err)
	}
	return result
}

func (b *browser) order(ctx context.Context, verb string, args map[string]any) (any, error) {
	order := map[string]any{"do": verb}
	for k, v := range args {
		order[k] = v
	}
	c := make(chan answer, 1)
	b.mu.Lock()
	b.next++
	order["id"] = b.next
	b.waiting[b.next] = c
	line, err := json.Marshal(order)
	if err == nil {
		_, err = b.stdin.Write(append(line, '\n'))
	}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case a := <-c:
		if a.Error != "" {
			return nil, errors.New(a.Error)
		}
		var v any
		err := json.Unmarshal(a.Result, &v)
		return v, err
	case <-b.done:
		return nil, errors.New("the driver has ended")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tab is one page in a browser.
type tab struct {
	b    *browser
	name string
}

func (b *browser) open(t testing.TB, url string) *tab {
	t.Helper()
	b.mu.Lock()
	b.pages++
	p := &tab{b, fmt.Sprint(b.pages)}
	b.mu.Unlock()
	b.do(t, "open", map[string]any{"page": p.name, "url": url})
	return p
}

func (p *tab) click(t testing.TB, selector string) {
	t.Helper()
	p.b.do(t, "click", map[string]any{"page": p.name, "selector": selector})
}

func (p *tab) eval(t testing.TB, script string) any {
	t.Helper()
	return p.b.do(t, "eval", map[string]any{"page": p.name, "script": script})
}

func (p *tab) close(t testing.TB) {
	t.Helper()
	p.b.do(t, "close", map[string]any{"page": p.name})
}

// until asks the page again and again until script gives a true value.
func (p *tab) until(t testing.TB, what, script string, limit time.Duration) {
	t.Helper()
	ctx := within(t, limit)
	for {
		v, err := p.b.order(ctx, "eval", map[string]any{"page": p.name, "script": "!!(" + script + ")"})
		switch {
		case err == nil && v == true:
			return
		case err != nil:
			t.Fatalf("%s: %v; the page says %v", what, err, p.said(t))
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%s: not within %v; the page says %v", what, limit, p.said(t))
		}
	}
}

func (p *tab) said(t testing.TB) any {
	t.Helper()
	return p.b.do(t, "said", map[string]any{"page": p.name})
}
