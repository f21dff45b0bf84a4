package facilitator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"flashproxy/internal/registration"
)

// LoadRelays reads a relay file. Unless allowPrivate, each numeric address must
// be on the public Internet: a proxy refuses to connect to others. Errors say which line.
func LoadRelays(path string, allowPrivate bool) ([]registration.Relay, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read relays: %w", err)
	}
	relays, err := registration.ParseRelays(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("relay file %s: %w", path, err)
	}
	for _, r := range relays {
		if !allowPrivate && r.Addr.IP.IsValid() && !registration.IsGlobal(r.Addr.IP) {
			return nil, fmt.Errorf("relay file %s: %w", path, &registration.LineError{
				Line: r.Line,
				Err:  errors.New("the address is not one on the public Internet, no proxy would connect to it"),
			})
		}
	}
	return relays, nil
}

// maxKeyFile is more than any key file has, which is 43 characters and a line end.
const maxKeyFile = 1024

// LoadKey reads the private key in a file, or makes one there, with its
// directory, if there is no file. What others can read is no private key: an error.
func LoadKey(path string) (registration.PrivateKey, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createKey(path)
	}
	if err != nil {
		return registration.PrivateKey{}, fmt.Errorf("read key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return registration.PrivateKey{}, fmt.Errorf("read key: %w", err)
	}
	// Windows has no such modes, and Go makes them up.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return registration.PrivateKey{}, fmt.Errorf("others can read the key file (mode %04o): chmod 600 %s", mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return registration.PrivateKey{}, fmt.Errorf("read key: %w", err)
	}
	key, err := registration.ParsePrivateKey(strings.TrimSpace(string(text)))
	if err != nil {
		return registration.PrivateKey{}, fmt.Errorf("key file %s: %w; move it away to have a new key made", path, err)
	}
	return key, nil
}

// createKey makes a key and a file for it, which must not be there yet.
func createKey(path string) (registration.PrivateKey, error) {
	key, err := registration.NewPrivateKey()
	if err != nil {
		return registration.PrivateKey{}, fmt.Errorf("make key: %w", err)
	}
	text, err := key.Encode()
	if err != nil {
		return registration.PrivateKey{}, fmt.Errorf("make key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return registration.PrivateKey{}, fmt.Errorf("make key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return registration.PrivateKey{}, fmt.Errorf("make key: %w", err)
	}
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		// Half a key must not be found by the next start.
		return registration.PrivateKey{}, errors.Join(fmt.Errorf("make key: %w", err), os.Remove(path))
	}
	return key, nil
}
