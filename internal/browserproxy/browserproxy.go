// Package browserproxy is the browser flash proxy, the twin of package proxy in
// JavaScript: its ES modules and its pages, in web/, and a handler that serves
// them. A volunteer opens one page, or a page with the badge in it, and is a
// proxy as long as it stays open.
//
// The files are served as they are written, less their comments: no build step, no
// other library. They work from any static web host, too, where web/config.js is
// edited instead of generated. Tests of the modules are in test/.
//
// It is not a facilitator: one serves these pages because a proxy needs both.
package browserproxy

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed web
var web embed.FS

// Pages are the names of the pages, as in Config.TrustedPages.
var Pages = []string{"proxy", "embed", "options"}

// Config is what the operator of the site decides; web/config.js is its form in
// JavaScript.
type Config struct {
	// Facilitator is whom the pages poll; nil is the one that serves them, which is
	// at the parent of /proxy/.
	Facilitator *url.URL
	// AllowPrivate lets the facilitator send visitors to addresses that are not
	// on the public Internet, for tests on one machine.
	AllowPrivate bool
	// TrustedPages are those of Pages that take the query parameters facilitator,
	// client and relay. They choose where the browser of a visitor connects, so
	// that on such a page a link can aim it at anybody.
	TrustedPages []string
	// OptOut runs the proxy without asking, until the visitor turns it off.
	OptOut bool
}

// Handler serves the pages and modules below /proxy/, and the pages /embed.html
// and /options.html. The paths must have been cleaned. Errors are of cfg.
func Handler(cfg Config) (http.Handler, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	files, err := read()
	if err != nil {
		return nil, err
	}
	if files["config.js"], err = cfg.script(); err != nil {
		return nil, err
	}
	z, err := gzip.NewWriterLevel(nil, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	version := versionOf(files)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /proxy", redirect)
	for name, data := range files {
		isPage := path.Ext(name) == ".html"
		if isPage {
			data = versioned(data, "", version)
		}
		c, err := newContent(z, data)
		if err != nil {
			return nil, err
		}
		policy := cfg.policy(name)
		switch {
		case name == "index.html":
			mux.Handle("GET /proxy/{$}", newFile(name, c, askAnew, policy))
			continue
		case isPage:
			atRoot, err := newContent(z, versioned(files[name], "proxy/", version))
			if err != nil {
				return nil, err
			}
			mux.Handle("GET /"+name, newFile(name, atRoot, askAnew, policy))
		default:
			mux.Handle("GET /proxy/"+version+"/"+name, newFile(name, c, keepForever, policy))
		}
		mux.Handle("GET /proxy/"+name, newFile(name, c, askAnew, policy))
	}
	return mux, nil
}

// redirect goes from /proxy to /proxy/, relatively: a reverse proxy may have us
// below another path.
func redirect(w http.ResponseWriter, r *http.Request) {
	to := url.URL{Path: "proxy/", RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", to.String())
	w.WriteHeader(http.StatusFound)
}

func (cfg *Config) check() error {
	for _, name := range cfg.TrustedPages {
		if !slices.Contains(Pages, name) {
			return fmt.Errorf("no page %q: there are %s", name, strings.Join(Pages, ", "))
		}
	}
	if u := cfg.Facilitator; u != nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return errors.New("a facilitator's URL begins with http:// or https://, and has a host")
	}
	return nil
}

// script is config.js.
func (cfg *Config) script() ([]byte, error) {
	consent, facilitator := "ask", "../"
	if cfg.OptOut {
		consent = "optout"
	}
	if cfg.Facilitator != nil {
		facilitator = cfg.Facilitator.String()
	}
	fields, err := json.MarshalIndent(map[string]any{
		"facilitator":         facilitator,
		"allowPrivate":        cfg.AllowPrivate,
		"trustedPages":        append([]string{}, cfg.TrustedPages...),
		"consent":             consent,
		"maxClients":          10,
		"rateLimit":           "off",
		"initialPollInterval": 0,
		"wssOnly":             false,
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "export const config = %s;\n", fields), nil
}

// policy is the Content-Security-Policy of a file. That of a worker is the one of
// its script; other scripts and styles are subject to that of who loads them.
func (cfg *Config) policy(name string) string {
	if ext := path.Ext(name); name != "worker.js" && (ext == ".js" || ext == ".css") {
		return ""
	}
	connect := "'self' ws: wss:"
	if cfg.Facilitator != nil {
		connect += " " + cfg.Facilitator.Scheme + "://" + cfg.Facilitator.Host
	}
	if len(cfg.TrustedPages) > 0 {
		connect += " http: https:"
	}
	ancestors := "'none'"
	if name == "embed.html" {
		ancestors = "*"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " + connect +
		"; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors " + ancestors
}

// reference is what a page loads or links to, which is beside it in web/.
var reference = regexp.MustCompile(`="\./([^"]*)"`)

// versioned is a page with its references made those of a page at prefix from
// /proxy/: to other pages as they are, and to all else with the version.
func versioned(page []byte, prefix, version string) []byte {
	return reference.ReplaceAllFunc(page, func(match []byte) []byte {
		name := string(reference.FindSubmatch(match)[1])
		switch at := prefix + name; {
		case name != "" && path.Ext(name) != ".html":
			return fmt.Appendf(nil, `="%s%s/%s"`, prefix, version, name)
		case at == "":
			return []byte(`="./"`)
		default:
			return fmt.Appendf(nil, `="%s"`, at)
		}
	})
}

// versionOf is the hash of all files, with their names.
func versionOf(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d\n", name, len(files[name]))
		_, _ = h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
