package daemon

import (
	"errors"
	"fmt"
	"testing"
)

func TestPrefixes(t *testing.T) {
	got, err := Prefixes("f", []string{"192.0.2.1", "192.0.2.77/24", "2001:db8::1", "::ffff:192.0.2.1", "0.0.0.0/0"})
	want := "[192.0.2.1/32 192.0.2.0/24 2001:db8::1/128 192.0.2.1/32 0.0.0.0/0]"
	if fmt.Sprint(got) != want || err != nil {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
	for _, bad := range []string{"", "x", "192.0.2.1/33", "192.0.2.1:80", "fe80::1%eth0", "::ffff:192.0.2.0/120", "192.0.2.0/"} {
		var usage *UsageError
		if _, err := Prefixes("f", []string{bad}); !errors.As(err, &usage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
