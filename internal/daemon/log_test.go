package daemon

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestLogToStderr(t *testing.T) {
	addr := netip.MustParseAddrPort("192.0.2.1:80")
	for _, c := range []struct {
		o             LogOptions
		want, refused string
	}{
		{LogOptions{}, "level=INFO msg=connected peer=[scrubbed]\n", "detail"},
		{LogOptions{Unsafe: true}, "level=INFO msg=connected peer=192.0.2.1:80\n", "detail"},
		{LogOptions{Verbose: true}, "level=DEBUG msg=detail peer=[scrubbed]\n", "192.0.2.1"},
	} {
		var b bytes.Buffer
		logger, f, err := c.o.Open(&b)
		if err != nil {
			t.Fatal(err)
		}
		logger.Debug("detail", "peer", addr)
		logger.Info("connected", "peer", addr)
		if err := f.Reopen(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(b.String(), "time=") || !strings.Contains(b.String(), c.want) || strings.Contains(b.String(), c.refused) {
			t.Errorf("%+v: %q", c.o, &b)
		}
	}
}

func TestLogFile(t *testing.T) {
	dir := t.TempDir()
	path, moved := filepath.Join(dir, "log"), filepath.Join(dir, "log.1")
	logger, f, err := LogOptions{File: path}.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi, err)
	}
	logger.Info("one")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	logger.Info("two")
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	logger.Info("three")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	logger.Info("four") // at the start, not after a hole
	again, g, err := LogOptions{File: path}.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	again.Info("five") // appended
	for file, want := range map[string]string{moved: "msg=one msg=two", path: "msg=four msg=five"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range strings.Fields(string(b)) {
			if strings.HasPrefix(w, "msg=") {
				got = append(got, w)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q; want %q", file, got, want)
		}
	}
}

func TestLogFileThatCannotBeOpened(t *testing.T) {
	if _, _, err := (LogOptions{File: t.TempDir()}).Open(nil); err == nil {
		t.Error("a folder was opened as a log")
	}
	path := filepath.Join(t.TempDir(), "folder", "log")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	logger, f, err := LogOptions{File: path}.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	moved := filepath.Dir(path) + ".moved"
	if err := os.Rename(filepath.Dir(path), moved); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); err == nil {
		t.Error("reopened without its folder")
	}
	logger.Info("kept")
	if b, err := os.ReadFile(filepath.Join(moved, "log")); !strings.Contains(string(b), "msg=kept") {
		t.Errorf("the old file has %q, %v", b, err)
	}
}

// Lines of many goroutines stay whole while the file is reopened.
func TestLogFileConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	logger, f, err := LogOptions{File: path}.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				logger.Info("line")
			}
		})
	}
	for range 10 {
		if err := f.Reopen(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	f.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "level=INFO msg=line\n"); n != 800 {
		t.Errorf("%d lines; want 800", n)
	}
}
