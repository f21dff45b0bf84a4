package registration

import (
	"crypto/hpke"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func newKey(t testing.TB) PrivateKey {
	t.Helper()
	k, err := NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealOpen(t *testing.T) {
	key, now := newKey(t), time.Unix(1_700_000_000, 0)
	reg := Registration{[]Endpoint{
		{ap("1.2.3.4:9000"), Transport{"", "websocket"}},
		{ap("[2001:db8::1]:9001"), Transport{"obfs4", "websocket"}},
	}}
	pub, err := ParsePublicKey(key.Public().String())
	if err != nil {
		t.Fatal(err)
	}
	blob, err := pub.Seal(reg, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []string{blob, blob + strings.Repeat("=", (4-len(blob)%4)%4)} {
		got, at, err := key.Open(b, now.Add(SealedMaxAge))
		if err != nil || !reflect.DeepEqual(got, reg) || !at.Equal(now) {
			t.Errorf("Open: %+v, %v, %v", got, at, err)
		}
	}
	if other, err := pub.Seal(reg, now); err != nil || other == blob {
		t.Errorf("sealing twice gave the same blob (%v)", err)
	}
	text, err := key.Encode()
	if err != nil || len(text) != 43 || len(pub.String()) != 43 {
		t.Fatalf("keys of %d and %d characters, %v; want 43", len(text), len(pub.String()), err)
	}
	back, err := ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := back.Open(blob, now); err != nil {
		t.Errorf("Open with the key read back: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	key, now := newKey(t), time.Unix(1_700_000_000, 0)
	good := []byte("client=1.2.3.4:9000")
	sealed := func(version byte, at time.Time, body []byte) string {
		plain := binary.BigEndian.AppendUint64([]byte{version}, uint64(at.Unix()))
		b, err := hpke.Seal(key.Public().key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(sealInfo), append(plain, body...))
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	ok := sealed(1, now, good)
	if _, _, err := key.Open(ok, now); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	flipped := []byte(ok)
	flipped[60] ^= 1
	for name, tt := range map[string]struct {
		blob string
		want error
	}{
		"empty":      {"", ErrSealed},
		"line end":   {ok[:10] + "\n" + ok[10:], ErrSealed},
		"short":      {ok[:43], ErrSealed},
		"cut":        {ok[:len(ok)-4], ErrSealed},
		"flipped":    {string(flipped), ErrSealed},
		"not base64": {"!" + ok, ErrSealed},
		"long":       {strings.Repeat("A", MaxSealed+1), ErrSealed},
		"version":    {sealed(2, now, good), ErrSealed},
		"old":        {sealed(1, now.Add(-SealedMaxAge-time.Second), good), ErrTooOld},
		"ancient":    {sealed(1, time.Unix(0, 0), good), ErrTooOld},
		"early":      {sealed(1, now.Add(SealedMaxAhead+time.Second), good), ErrTooEarly},
		"far future": {sealed(1, time.Unix(-1, 0), good), ErrTooEarly},
		"no host":    {sealed(1, now, []byte("client=:9000")), errNoHost},
		"nothing":    {sealed(1, now, nil), ErrEmpty},
		"port":       {sealed(1, now, []byte("client=1.2.3.4:0")), errPort},
	} {
		if _, _, err := key.Open(tt.blob, now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v; want %v", name, err, tt.want)
		}
	}
	if _, _, err := newKey(t).Open(ok, now); !errors.Is(err, ErrSealed) {
		t.Errorf("another key: %v", err)
	}
}

func TestSealRefuses(t *testing.T) {
	key := newKey(t).Public()
	noHost := Registration{[]Endpoint{{netip.AddrPortFrom(netip.Addr{}, 9000), Transport{"", "websocket"}}}}
	if _, err := key.Seal(noHost, time.Now()); !errors.Is(err, errNoHost) {
		t.Errorf("no host: %v", err)
	}
	for _, s := range []string{"", "x", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("!", 43)} {
		if _, err := ParsePublicKey(s); err == nil {
			t.Errorf("ParsePublicKey(%q): no error", s)
		}
		if _, err := ParsePrivateKey(s); err == nil {
			t.Errorf("ParsePrivateKey(%q): no error", s)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key, now := newKey(f), time.Unix(1_700_000_000, 0)
	blob, err := key.Public().Seal(Registration{[]Endpoint{{ap("1.2.3.4:9000"), Transport{"", "websocket"}}}}, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(blob)
	f.Add("AAAA====")
	f.Fuzz(func(t *testing.T, s string) {
		reg, _, err := key.Open(s, now)
		if err == nil && len(reg.Endpoints) == 0 {
			t.Fatalf("Open(%q) gave no endpoint and no error", s)
		}
	})
}
