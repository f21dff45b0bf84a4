package scrub

import (
	"crypto/x509"
	"encoding"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNodes bounds the walk through one value or one tree of errors. What is
// larger is not worth a line in a log, and counts as an address.
const maxNodes = 1000

// text returns what may be logged of a value that is none of slog's own kinds.
func text(x any) (s string) {
	defer func() {
		// A method of the value itself panicked. slog's handlers survive that.
		if recover() != nil {
			s = fmt.Sprintf("[%T: panic while it was logged]", x)
		}
	}()
	v := reflect.ValueOf(x)
	if isAddress(v.Type()) {
		return mark
	}
	if err, ok := x.(error); ok {
		return Error(err)
	}
	if b, ok := x.([]byte); ok {
		return bytesText(b)
	}
	if k := v.Kind(); (k == reflect.Slice || k == reflect.Array) && v.Type().Elem().Kind() != reflect.Uint8 {
		return listText(v)
	}
	budget := maxNodes
	if holdsAddress(v, &budget) {
		return mark
	}
	if m, ok := x.(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		if err != nil {
			return Error(err)
		}
		return String(string(b))
	}
	return String(fmt.Sprintf("%+v", x))
}

// bytesText shows bytes that are text, as slog does, and only the length of
// others: net.IP is four or sixteen of them.
func bytesText(b []byte) string {
	for _, r := range string(b) {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return fmt.Sprintf("[%d bytes]", len(b))
		}
	}
	return String(string(b))
}

// listText cleans each element by its own type, so that one address does not
// take the whole list with it.
func listText(v reflect.Value) string {
	n := min(v.Len(), maxNodes)
	parts := make([]string, n)
	for i := range n {
		e := v.Index(i)
		if e.Kind() == reflect.Interface && e.IsNil() {
			parts[i] = "<nil>"
			continue
		}
		parts[i] = text(e.Interface())
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// isAddress reports whether every value of type t, or what it points to, is an
// address. A net.Addr of whatever package is one.
func isAddress(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer && !implements[net.Addr](t) {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[netip.Prefix](),
		reflect.TypeFor[net.IP](), reflect.TypeFor[net.HardwareAddr](), reflect.TypeFor[url.URL]():
		return true
	}
	return implements[net.Addr](t) || implements[net.Addr](reflect.PointerTo(t))
}

// holdsAddress looks for an address anywhere inside v, in unexported fields
// too, since %+v prints those, and prints them as bare numbers. An error counts as
// one there, and a certificate does: the names in them are ordinary strings.
func holdsAddress(v reflect.Value, budget *int) bool {
	*budget--
	if !v.IsValid() {
		return false
	}
	if *budget < 0 || isAddress(v.Type()) || v.Type() == reflect.TypeFor[x509.Certificate]() {
		return true
	}
	if implements[error](v.Type()) && !v.IsZero() {
		return true
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return holdsAddress(v.Elem(), budget)
	case reflect.Struct:
		for i := range v.NumField() {
			if holdsAddress(v.Field(i), budget) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return isRawAddress(v)
		}
		for i := range v.Len() {
			if holdsAddress(v.Index(i), budget) {
				return true
			}
		}
	case reflect.Map:
		for iter := v.MapRange(); iter.Next(); {
			if holdsAddress(iter.Key(), budget) || holdsAddress(iter.Value(), budget) {
				return true
			}
		}
	}
	return false
}

// isRawAddress takes 4 or 16 bytes for an address, as in syscall.SockaddrInet4,
// unless their type says how to print them.
func isRawAddress(v reflect.Value) bool {
	if v.Len() != net.IPv4len && v.Len() != net.IPv6len {
		return false
	}
	return !implements[fmt.Stringer](v.Type()) && !implements[encoding.TextMarshaler](v.Type())
}

func implements[I any](t reflect.Type) bool { return t.Implements(reflect.TypeFor[I]()) }
