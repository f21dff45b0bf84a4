package certs

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often the files are looked at, if there are handshakes: often
// enough that who renewed a certificate can see the new one work.
const lookEvery = 10 * time.Second

// Pair is a certificate with its chain and its private key, in two PEM files that
// are read again when they have changed.
type Pair struct {
	certFile, keyFile string
	log               *slog.Logger

	cert  atomic.Pointer[tls.Certificate]
	looks atomic.Int64 // when next, in Unix nanoseconds

	mu   sync.Mutex // of the fields below, and of reading
	read [2]os.FileInfo
	told string // the last warning
}

// LoadPair reads the files. Its error says what is wrong with which; a certificate
// that has expired is none, since it may be renewed: the log says so.
func LoadPair(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	p := &Pair{certFile: certFile, keyFile: keyFile, log: log}
	p.looks.Store(time.Now().Add(lookEvery).UnixNano())
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(); err != nil {
		return nil, err
	}
	p.checkDates()
	return p, nil
}

// Config is for a server.
func (p *Pair) Config() *tls.Config {
	return config(func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		p.look()
		return p.cert.Load(), nil
	})
}

// Reload reads the files now, changed or not. What can't be read leaves the old
// pair in use, and is logged.
func (p *Pair) Reload() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = "" // who asks wants an answer
	p.renew()
}

// look reads the files again if it is time to and they have changed. One
// handshake does it; the others go on with what there is.
func (p *Pair) look() {
	now, at := time.Now(), p.looks.Load()
	if now.UnixNano() < at || !p.looks.CompareAndSwap(at, now.Add(lookEvery).UnixNano()) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, name := range []string{p.certFile, p.keyFile} {
		info, err := os.Stat(name)
		if err != nil || !same(info, p.read[i]) {
			p.renew()
			return
		}
	}
	p.checkDates()
}

// same tells whether a file is the one that was read. Those who renew write a new
// file and rename it, or change a symbolic link, or write in place.
func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// renew needs p.mu. A pair that is half written will be whole soon: what fails is
// tried again at the next look, and said once.
func (p *Pair) renew() {
	if err := p.load(); err != nil {
		p.warn("the new certificate can't be used, the old one stays; it is looked at again", "err", err)
		return
	}
	p.told = ""
	p.log.Info("the certificate was read anew", "expires", p.cert.Load().Leaf.NotAfter)
	p.checkDates()
}

// load needs p.mu, and changes nothing when it fails.
func (p *Pair) load() error {
	var read [2]os.FileInfo
	var pem [2][]byte
	for i, name := range []string{p.certFile, p.keyFile} {
		var err error
		// Before it is read: what is written meanwhile is then seen as a change.
		if read[i], err = os.Stat(name); err != nil {
			return err
		}
		if pem[i], err = os.ReadFile(name); err != nil {
			return err
		}
	}
	cert, err := tls.X509KeyPair(pem[0], pem[1])
	if err != nil {
		return fmt.Errorf("%s and %s: %w", p.certFile, p.keyFile, err)
	}
	p.read = read
	p.cert.Store(&cert)
	return nil
}

// checkDates needs p.mu.
func (p *Pair) checkDates() {
	if t := trouble(p.cert.Load().Leaf, time.Now()); t != "" {
		p.warn("the certificate in " + p.certFile + " " + t)
	}
}

// warn needs p.mu. It says a thing once.
func (p *Pair) warn(text string, args ...any) {
	if all := fmt.Sprint(text, args); all != p.told {
		p.told = all
		p.log.Warn(text, args...)
	}
}
