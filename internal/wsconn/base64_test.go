package wsconn

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"flashproxy/internal/netwait"
)

// decodeIn decodes text in pieces whose sizes are the bytes of cuts, then in the
// largest there are.
func decodeIn(text string, cuts []byte) (out []byte, err error) {
	d := new(decoder)
	for {
		space := d.space()
		if len(cuts) > 0 {
			space, cuts = space[:min(len(space), int(cuts[0]))], cuts[1:]
		}
		n := copy(space, text)
		text = text[n:]
		data, err := d.decode(n, text == "")
		if err != nil {
			return nil, err
		}
		out = append(out, data...)
		if text == "" {
			return out, nil
		}
	}
}

// The decoder accepts what the standard library accepts, except line ends, and
// gives the same, whatever the pieces.
func FuzzDecode(f *testing.F) {
	for _, tt := range hostile {
		if tt.base64 {
			f.Add(string(tt.input), []byte{1, 2, 3})
		}
	}
	f.Add("", []byte{})
	f.Add("eHh4eA==", []byte{5})
	f.Add(strings.Repeat("QUJD", 500), []byte{255, 0, 7})
	f.Fuzz(func(t *testing.T, text string, cuts []byte) {
		want, wrong := base64.StdEncoding.DecodeString(text)
		bad := wrong != nil || strings.ContainsAny(text, "\r\n")
		got, err := decodeIn(text, cuts)
		if (err != nil) != bad || !bad && !bytes.Equal(got, want) {
			t.Errorf("decode %q: %q, %v; want %q, %v", text, got, err, want, wrong)
		}
	})
}

// What is encoded decodes to the same.
func FuzzBase64RoundTrip(f *testing.F) {
	f.Add([]byte("data"), []byte{3})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		data = data[:min(len(data), maxSent/4*3)]
		var fr frames
		fr.add(opText, &netwait.Parts{data}, len(data), true)
		_, text, err := readFrame(bytes.NewReader(fr.buf[:fr.n]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeIn(string(text), cuts)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%q: %q, %v", data, got, err)
		}
	})
}
