package browserproxy

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// How long an answer may be kept. What a page loads has the hash of all files in
// its path, so that it never changes, never comes from two versions, and needs no
// ETag. A page itself is asked for anew each time, for the price of a 304; one that
// stays open looks for a new version by itself (web/update.js).
const (
	keepForever = "max-age=31536000, immutable"
	askAnew     = "no-cache"
)

// types are the content types of what is embedded; mime.TypeByExtension asks the
// system, and systems differ.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript", // modules are UTF-8
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is one file as it is served at one path.
type file struct {
	content
	header http.Header // what is the same in every answer
}

// content is what is in a file, in each encoding that there is.
type content struct {
	plain  variant
	packed variant // no data if it would be longer than plain
}

// variant is one encoding of a file, with its own ETag (RFC 9110, section
// 8.8.3.3).
type variant struct {
	data []byte
	etag string
}

// newContent packs data with z, which it resets.
func newContent(z *gzip.Writer, data []byte) (content, error) {
	c := content{plain: newVariant(data)}
	var packed bytes.Buffer
	z.Reset(&packed)
	if _, err := z.Write(data); err != nil {
		return content{}, err
	}
	if err := z.Close(); err != nil {
		return content{}, err
	}
	if packed.Len() < len(data) {
		c.packed = newVariant(packed.Bytes())
	}
	return c, nil
}

func newVariant(data []byte) variant {
	sum := sha256.Sum256(data)
	return variant{data: data, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// newFile makes a file of c. What makes an environment for scripts has a policy,
// which is that of all that it loads. The others need no header against guessing
// at their type: modules and styles of another type are refused in any case.
func newFile(name string, c content, cacheControl, policy string) *file {
	header := http.Header{}
	header.Set("Content-Type", types[path.Ext(name)])
	header.Set("Cache-Control", cacheControl)
	header.Set("Vary", "Accept-Encoding")
	if policy != "" {
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	}
	return &file{content: c, header: header}
}

// ServeHTTP answers GET and HEAD.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := f.plain
	h := w.Header()
	for name, values := range f.header {
		h[name] = values
	}
	if f.packed.data != nil && acceptsGzip(r.Header.Values("Accept-Encoding")) {
		v = f.packed
		h.Set("Content-Encoding", "gzip")
	}
	if h.Get("Cache-Control") == askAnew {
		h.Set("ETag", v.etag)
		if matches(r.Header.Values("If-None-Match"), v.etag) {
			h.Del("Content-Type")
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(v.data)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(v.data)
	}
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3). A list with "*"
// but without gzip gets no gzip, which is always allowed.
func acceptsGzip(lists []string) bool {
	for _, list := range lists {
		for item := range strings.SplitSeq(list, ",") {
			coding, weight, _ := strings.Cut(item, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			q, has := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
			if !has {
				return true
			}
			n, err := strconv.ParseFloat(q, 64)
			return err == nil && n > 0
		}
	}
	return false
}

// matches reads If-None-Match (RFC 9110, section 13.1.2).
func matches(lists []string, etag string) bool {
	for _, list := range lists {
		for item := range strings.SplitSeq(list, ",") {
			item = strings.TrimSpace(item)
			if item == "*" || strings.TrimPrefix(item, "W/") == etag {
				return true
			}
		}
	}
	return false
}

// withoutComments leaves out comments, nearly half of what a page would weigh, and
// what indents a line; each line stays where it was. Of comments behind code only
// those go that are plainly such. It knows no strings: none may have several lines,
// which a test makes sure of.
func withoutComments(source []byte) []byte {
	var out bytes.Buffer
	within := false // a comment of several lines
	for line := range bytes.Lines(source) {
		text := bytes.TrimSpace(line)
		end := bytes.Index(text, []byte("*/"))
		switch {
		case within:
			if end >= 0 {
				out.Write(text[end+len("*/"):])
			}
			within = end < 0
		case bytes.HasPrefix(text, []byte("/*")) && end < 0:
			within = true
		case bytes.HasPrefix(text, []byte("/*")) && end == len(text)-len("*/"), bytes.HasPrefix(text, []byte("//")):
		default:
			// Before this there is no string and no regular expression that it could be in.
			if i := bytes.Index(text, []byte(" // ")); i >= 0 && !bytes.ContainsAny(text[:i], "\"'`/") {
				text = bytes.TrimSpace(text[:i])
			}
			out.Write(text)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// read gives each file under web by its path there.
func read() (map[string][]byte, error) {
	files := make(map[string][]byte)
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(web, name)
		if ext := path.Ext(name); ext == ".js" || ext == ".css" {
			data = withoutComments(data)
		}
		files[strings.TrimPrefix(name, "web/")] = data
		return err
	})
	return files, err
}
