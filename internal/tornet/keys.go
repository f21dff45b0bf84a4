package tornet

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// keyBits is the least that crypto/rsa makes, and what a relay's identity has in
// any case (tor-spec.txt, section 1.1). An authority's keys are longer; to make
// those, as tor-gencert does, takes seconds of CPU, and half a minute on a busy
// machine.
const keyBits = 1024

// certLifetime is far more than a test network lives.
const certLifetime = 30 * 24 * time.Hour

// Find returns the path of tor. Its error says how to install it.
func Find() (string, error) {
	// Debian puts it where an ordinary user's PATH does not look.
	return findProgram("tor", "/usr/sbin/tor", "/usr/local/sbin/tor", "/usr/local/bin/tor")
}

func findProgram(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: sudo apt-get install tor", names[0])
}

// authority is what every node must know about the directory authority.
type authority struct {
	host        netip.Addr
	dirPort     uint16
	orPort      uint16
	v3ident     string // of the key that vouches for the one that signs the consensus
	fingerprint string // of the relay that the authority is too
}

// makeKeys makes the authority's keys in dir, its DataDirectory, so that they are
// known before tor starts.
func (a *authority) makeKeys(dir string) error {
	var keys [3]*rsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, keyBits); err != nil {
			return fmt.Errorf("make keys: %w", err)
		}
	}
	relay, identity, signing := keys[0], keys[1], keys[2]
	a.fingerprint, a.v3ident = fingerprint(relay), fingerprint(identity)
	certificate, err := certify(identity, signing, time.Now())
	if err != nil {
		return fmt.Errorf("make the authority's certificate: %w", err)
	}
	dir = filepath.Join(dir, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"secret_id_key":         pemPrivate(relay),
		"authority_signing_key": pemPrivate(signing),
		"authority_certificate": certificate,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// certify returns the certificate by which an authority's identity vouches for
// its signing key (dir-spec.txt, section 3.1).
func certify(identity, signing *rsa.PrivateKey, now time.Time) ([]byte, error) {
	cross, err := sign(signing, x509.MarshalPKCS1PublicKey(&identity.PublicKey))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "dir-key-certificate-version 3\nfingerprint %s\n", fingerprint(identity))
	fmt.Fprintf(&b, "dir-key-published %s\n", now.UTC().Format(time.DateTime))
	fmt.Fprintf(&b, "dir-key-expires %s\n", now.UTC().Add(certLifetime).Format(time.DateTime))
	fmt.Fprintf(&b, "dir-identity-key\n%s", pemPublic(identity))
	fmt.Fprintf(&b, "dir-signing-key\n%s", pemPublic(signing))
	fmt.Fprintf(&b, "dir-key-crosscert\n%s", pemBlock("ID SIGNATURE", cross))
	fmt.Fprintf(&b, "dir-key-certification\n")
	certification, err := sign(identity, []byte(b.String()))
	if err != nil {
		return nil, err
	}
	b.Write(pemBlock("SIGNATURE", certification))
	return []byte(b.String()), nil
}

// sign signs as the directory protocol does: PKCS #1 v1.5 over the bare SHA-1
// digest, without the identifier of the hash.
func sign(key *rsa.PrivateKey, text []byte) ([]byte, error) {
	digest := sha1.Sum(text)
	return rsa.SignPKCS1v15(nil, key, crypto.Hash(0), digest[:])
}

func fingerprint(key *rsa.PrivateKey) string {
	return fmt.Sprintf("%X", sha1.Sum(x509.MarshalPKCS1PublicKey(&key.PublicKey)))
}

func pemPublic(key *rsa.PrivateKey) []byte {
	return pemBlock("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey))
}

func pemPrivate(key *rsa.PrivateKey) []byte {
	return pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func pemBlock(kind string, b []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
}
