//go:build linux

package daemon

import (
	"net"
	"path/filepath"
	"regexp"
	"testing"
)

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, c := range []struct {
		name string
		say  func() error
		want string
	}{
		{"ready", Ready, `^READY=1$`},
		{"stopping", Stopping, `^STOPPING=1$`},
		{"reloading", Reloading, `^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*\n$`},
		{"status", func() error { return Status("3 clients,\nlast 192.0.2.1\nREADY=0") }, `^STATUS=3 clients, last \[scrubbed\] READY=0$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("NOTIFY_SOCKET", "")
			if err := c.say(); err != nil {
				t.Errorf("outside systemd: %v", err)
			}
			t.Setenv("NOTIFY_SOCKET", path)
			if err := c.say(); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 1000)
			n, err := conn.Read(b)
			if err != nil || !regexp.MustCompile(c.want).Match(b[:n]) {
				t.Errorf("systemd reads %q, %v", b[:n], err)
			}
			t.Setenv("NOTIFY_SOCKET", path+".gone")
			if err := c.say(); err == nil {
				t.Error("no error without systemd's socket")
			}
		})
	}
}
