package registration

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// The sealed form (doc/protocol.md, "Registration by URL, sealed"): HPKE, RFC
// 9180, base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
const (
	sealInfo    = "flashproxy registration v1"
	sealVersion = 1
	sealHeader  = 1 + 8 // version, Unix seconds, big-endian

	// MaxSealed is the longest sealed blob that is looked at, in bytes: well
	// within what web servers and CDNs take as a path.
	MaxSealed = 4096
	// SealedMaxAge and SealedMaxAhead bound the time that a blob carries.
	SealedMaxAge   = time.Hour
	SealedMaxAhead = 5 * time.Minute
)

// Reasons why a blob is refused. ErrSealed is deliberately the only word on
// anything cryptographic.
var (
	ErrSealed   = errors.New("cannot be opened: it was not sealed to this facilitator's key, or was damaged")
	ErrTooOld   = errors.New("sealed more than an hour ago: seal it anew, and check the clock")
	ErrTooEarly = errors.New("sealed in the future: check the clock")
)

// PublicKey is what a client needs to seal a registration to a facilitator.
type PublicKey struct {
	key hpke.PublicKey
}

// PrivateKey opens what was sealed to its public half.
type PrivateKey struct {
	key hpke.PrivateKey
}

func kem() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// NewPrivateKey makes a key.
func NewPrivateKey() (PrivateKey, error) {
	k, err := kem().GenerateKey()
	return PrivateKey{k}, err
}

// ParsePrivateKey reads what (PrivateKey).Encode wrote.
func ParsePrivateKey(s string) (PrivateKey, error) {
	b, err := decodeKey(s)
	if err != nil {
		return PrivateKey{}, err
	}
	k, err := kem().NewPrivateKey(b)
	return PrivateKey{k}, err
}

// Encode gives the key as 43 base64url characters. It is secret.
func (k PrivateKey) Encode() (string, error) {
	b, err := k.key.Bytes()
	return base64.RawURLEncoding.EncodeToString(b), err
}

// Public gives the half to publish.
func (k PrivateKey) Public() PublicKey { return PublicKey{k.key.PublicKey()} }

// ParsePublicKey reads 43 base64url characters.
func ParsePublicKey(s string) (PublicKey, error) {
	b, err := decodeKey(s)
	if err != nil {
		return PublicKey{}, err
	}
	k, err := kem().NewPublicKey(b)
	return PublicKey{k}, err
}

// String gives the key as 43 base64url characters.
func (k PublicKey) String() string {
	return base64.RawURLEncoding.EncodeToString(k.key.Bytes())
}

func decodeKey(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
	if err != nil || len(b) != 32 {
		return nil, errors.New("not a key: want 43 base64url characters")
	}
	return b, nil
}

// Seal seals reg, each of whose endpoints must have an address and a port, as
// of now. Each call gives another blob, and a facilitator takes each blob once.
func (k PublicKey) Seal(reg Registration, now time.Time) (string, error) {
	for _, e := range reg.Endpoints {
		if !e.Addr.IsValid() {
			return "", errNoHost
		}
	}
	plain := make([]byte, sealHeader, 256)
	plain[0] = sealVersion
	binary.BigEndian.PutUint64(plain[1:], uint64(now.Unix()))
	plain = append(plain, reg.Encode()...)
	b, err := hpke.Seal(k.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(sealInfo), plain)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	s := base64.RawURLEncoding.EncodeToString(b)
	if len(s) > MaxSealed {
		return "", fmt.Errorf("the sealed registration is longer than %d bytes: offer fewer endpoints", MaxSealed)
	}
	return s, nil
}

// Open opens a blob and gives the registration and the time of its sealing.
// Errors: ErrSealed, ErrTooOld, ErrTooEarly, or those of Parse. That it is seen for the first
// time is for the caller to check.
func (k PrivateKey) Open(blob string, now time.Time) (Registration, time.Time, error) {
	none := func(err error) (Registration, time.Time, error) { return Registration{}, time.Time{}, err }
	// Decoders of base64 skip line ends; one blob must have one spelling, but for
	// its padding, or it could be used again in another.
	if len(blob) > MaxSealed || strings.ContainsAny(blob, "\r\n") {
		return none(ErrSealed)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(blob, "="))
	if err != nil {
		return none(ErrSealed)
	}
	plain, err := hpke.Open(k.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(sealInfo), b)
	if err != nil || len(plain) < sealHeader || plain[0] != sealVersion {
		return none(ErrSealed)
	}
	seconds := binary.BigEndian.Uint64(plain[1:])
	if seconds > uint64(now.Add(SealedMaxAhead).Unix()) {
		return none(ErrTooEarly)
	}
	sealed := time.Unix(int64(seconds), 0)
	if now.Sub(sealed) > SealedMaxAge {
		return none(ErrTooOld)
	}
	reg, err := Parse(plain[sealHeader:], netip.Addr{})
	if err != nil {
		return none(err)
	}
	return reg, sealed, nil
}
