package tornet

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

// The certificate's own claims hold: each key signed what it must. Whether tor
// takes it, TestNetwork shows.
func TestCertify(t *testing.T) {
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, keyBits); err != nil {
			t.Fatal(err)
		}
	}
	identity, signing := keys[0], keys[1]
	cert, err := certify(identity, signing, time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600)))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"dir-key-certificate-version 3\nfingerprint " + fingerprint(identity) + "\n",
		"\ndir-key-published 2026-02-03 03:05:06\n",
		"\ndir-key-expires 2026-03-05 03:05:06\n",
	} {
		if !strings.Contains(string(cert), line) {
			t.Errorf("no %q in\n%s", line, cert)
		}
	}
	var blocks []*pem.Block
	for rest := cert; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks = append(blocks, block)
	}
	if len(blocks) != 4 {
		t.Fatalf("%d blocks in\n%s", len(blocks), cert)
	}
	signed, _, _ := strings.Cut(string(cert), "-----BEGIN SIGNATURE")
	for _, check := range []struct {
		name string
		key  []byte
		text []byte
		sig  []byte
	}{
		{"dir-key-crosscert", blocks[1].Bytes, blocks[0].Bytes, blocks[2].Bytes},
		{"dir-key-certification", blocks[0].Bytes, []byte(signed), blocks[3].Bytes},
	} {
		key, err := x509.ParsePKCS1PublicKey(check.key)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha1.Sum(check.text)
		if err := rsa.VerifyPKCS1v15(key, crypto.Hash(0), digest[:], check.sig); err != nil {
			t.Errorf("%s: %v", check.name, err)
		}
	}
}
