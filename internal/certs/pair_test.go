package certs

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashproxy/internal/testca"
)

const hour = time.Hour

// files is a pair in a directory of its own, and the log of who loads it.
type files struct {
	ca  *testca.CA
	dir string
	log bytes.Buffer
}

func newFiles(t *testing.T) *files {
	t.Helper()
	ca, err := testca.New()
	must(t, err)
	return &files{ca: ca, dir: t.TempDir()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *files) issue(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	cert, key, err := f.ca.Issue(time.Now().Add(-hour), time.Now().Add(11*hour), name)
	must(t, err)
	return cert, key
}

// put writes what is not nil.
func (f *files) put(t *testing.T, cert, key []byte) {
	t.Helper()
	for name, data := range map[string][]byte{"cert.pem": cert, "key.pem": key} {
		if data != nil {
			must(t, os.WriteFile(filepath.Join(f.dir, name), data, 0o600))
		}
	}
}

func (f *files) load() (*Pair, error) {
	return LoadPair(filepath.Join(f.dir, "cert.pem"), filepath.Join(f.dir, "key.pem"), slog.New(slog.NewTextHandler(&f.log, nil)))
}

// loaded is a pair for one.example, and its files.
func loaded(t *testing.T) (*files, *Pair) {
	t.Helper()
	f := newFiles(t)
	cert, key := f.issue(t, "one.example")
	f.put(t, cert, key)
	p, err := f.load()
	must(t, err)
	return f, p
}

// serves tells for which name the server has a certificate.
func serves(t *testing.T, c *tls.Config) string {
	t.Helper()
	a, b := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tls.Server(b, c).Handshake()
	}()
	client := tls.Client(a, &tls.Config{InsecureSkipVerify: true})
	must(t, client.Handshake())
	name := client.ConnectionState().PeerCertificates[0].DNSNames[0]
	a.Close()
	<-done
	b.Close()
	return name
}

func TestPairRefused(t *testing.T) {
	f := newFiles(t)
	cert, key := f.issue(t, "one.example")
	_, otherKey := f.issue(t, "two.example")
	for name, tt := range map[string]struct {
		cert, key []byte
		want      string
	}{
		"key of another":  {cert, otherKey, "private key does not match"},
		"no certificate":  {key, key, "PEM inputs may have been switched"},
		"switched":        {key, cert, "certificate"},
		"no key":          {cert, cert, "private key"},
		"empty":           {[]byte{}, key, "certificate"},
		"garbage":         {[]byte("x\x00y"), key, "certificate"},
		"half a key":      {cert, key[:len(key)/2], "PEM data in key"},
		"half the DER":    {append(bytes.Clone(cert[:len(cert)/2]), cert[len(cert)/2+64:]...), key, ""},
		"key unreadable":  {cert, nil, "no such file"},
		"nothing to read": {nil, nil, "no such file"},
	} {
		os.RemoveAll(f.dir)
		must(t, os.MkdirAll(f.dir, 0o700))
		f.put(t, tt.cert, tt.key)
		if _, err := f.load(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// A new pair is served from the next look on, without a word to anybody.
func TestPairRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := loaded(t)
		c := p.Config()
		if got := serves(t, c); got != "one.example" {
			t.Errorf("serves %s", got)
		}
		cert, key := f.issue(t, "two.example")
		_, _, err := testca.Write(f.dir, cert, key)
		must(t, err)
		if got := serves(t, c); got != "one.example" {
			t.Errorf("the files were looked at too early: serves %s", got)
		}
		time.Sleep(lookEvery)
		if got := serves(t, c); got != "two.example" {
			t.Errorf("renewed: serves %s; log:\n%s", got, f.log.String())
		}
		if n := strings.Count(f.log.String(), "read anew"); n != 1 {
			t.Errorf("log:\n%s", f.log.String())
		}
	})
}

// What can't be used leaves the old pair in place and is said once; when it is whole
// it is taken.
func TestPairRenewedBadly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := loaded(t)
		c := p.Config()
		newCert, newKey := f.issue(t, "two.example")
		for _, step := range []struct {
			name      string
			cert, key []byte
			gone      bool
		}{
			{"the certificate alone", newCert, nil, false},
			{"half the key", nil, newKey[:len(newKey)/2], false},
			{"garbage", []byte("not PEM"), []byte("not PEM"), false},
			{"files gone", nil, nil, true},
		} {
			before := strings.Count(f.log.String(), "level=WARN")
			f.put(t, step.cert, step.key)
			if step.gone {
				os.Remove(filepath.Join(f.dir, "cert.pem"))
			}
			for range 5 {
				time.Sleep(lookEvery)
				if got := serves(t, c); got != "one.example" {
					t.Errorf("%s: serves %s", step.name, got)
				}
			}
			if n := strings.Count(f.log.String(), "level=WARN") - before; n != 1 {
				t.Errorf("%s: %d warnings, want one; log:\n%s", step.name, n, f.log.String())
			}
		}
		f.put(t, newCert, newKey)
		time.Sleep(lookEvery)
		if got := serves(t, c); got != "two.example" {
			t.Errorf("whole again: serves %s; log:\n%s", got, f.log.String())
		}
	})
}

// Who asks is answered at once, and again each time.
func TestPairReload(t *testing.T) {
	f, p := loaded(t)
	f.put(t, []byte("not PEM"), nil)
	p.Reload()
	p.Reload()
	if n := strings.Count(f.log.String(), "can't be used"); n != 2 {
		t.Errorf("%d answers to two questions; log:\n%s", n, f.log.String())
	}
	cert, key := f.issue(t, "two.example")
	f.put(t, cert, key)
	p.Reload()
	if got := serves(t, p.Config()); got != "two.example" {
		t.Errorf("serves %s", got)
	}
}

// An open connection goes on with what it began with, and new ones come at the same
// time as the files change.
func TestPairRenewedInUse(t *testing.T) {
	f, p := loaded(t)
	c := p.Config()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	server, client := tls.Server(b, c), tls.Client(a, &tls.Config{InsecureSkipVerify: true})
	go server.Handshake()
	must(t, client.Handshake())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			p.Reload()
		}
	}()
	for range 20 {
		if got := serves(t, c); got != "one.example" && got != "two.example" {
			t.Errorf("serves %s", got)
		}
		cert, key := f.issue(t, "two.example")
		f.put(t, cert, key)
	}
	<-done
	go server.Write([]byte("x"))
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// Dates that are wrong, or soon will be, are said once.
func TestDates(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to time.Duration
		want     string
	}{
		{"fresh", -hour, 89 * 24 * hour, ""},
		{"30 days left, of 90", -60 * 24 * hour, 30 * 24 * hour, ""},
		{"8 days left, of 365", -357 * 24 * hour, 8 * 24 * hour, ""},
		{"6 days left, of 90", -84 * 24 * hour, 6 * 24 * hour, "has not been renewed"},
		{"2 days left, of 6", -4 * 24 * hour, 2 * 24 * hour, ""},
		{"half a day left, of 6", -132 * hour, 12 * hour, "has not been renewed"},
		{"expired", -90 * 24 * hour, -hour, "expired"},
		{"not yet", hour, 90 * 24 * hour, "clock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFiles(t)
				cert, key, err := f.ca.Issue(time.Now().Add(tt.from), time.Now().Add(tt.to), "one.example")
				must(t, err)
				f.put(t, cert, key)
				p, err := f.load()
				must(t, err)
				for range 3 {
					time.Sleep(lookEvery)
					p.look()
				}
				got := strings.Count(f.log.String(), "level=WARN")
				if tt.want == "" && got > 0 || tt.want != "" && (got != 1 || !strings.Contains(f.log.String(), tt.want)) {
					t.Errorf("want %q once; log:\n%s", tt.want, f.log.String())
				}
			})
		})
	}
}

func TestVersions(t *testing.T) {
	_, p := loaded(t)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	go tls.Client(a, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
	if err := tls.Server(b, p.Config()).Handshake(); err == nil {
		t.Error("TLS 1.1 was agreed on")
	}
}
