package browserproxy

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	elsewhere := &url.URL{Scheme: "https", Host: "f.example:8443", Path: "/x/"}
	for _, tt := range []struct {
		cfg     Config
		script  []string
		connect string
	}{
		{Config{}, []string{`"facilitator": "../"`, `"allowPrivate": false`, `"trustedPages": []`, `"consent": "ask"`}, "'self' ws: wss:"},
		{Config{AllowPrivate: true, OptOut: true}, []string{`"allowPrivate": true`, `"consent": "optout"`}, "'self' ws: wss:"},
		{Config{Facilitator: elsewhere}, []string{`"facilitator": "https://f.example:8443/x/"`}, "'self' ws: wss: https://f.example:8443"},
		{Config{TrustedPages: []string{"embed"}}, []string{`"embed"`}, "'self' ws: wss: http: https:"},
	} {
		h := newHandler(t, tt.cfg)
		script := ask(h, "GET", "/proxy/config.js").Body.String()
		for _, part := range tt.script {
			if !strings.Contains(script, part) {
				t.Errorf("%+v: no %s in %s", tt.cfg, part, script)
			}
		}
		for _, target := range []string{"/proxy/", "/embed.html", "/proxy/worker.js"} {
			policy := ask(h, "GET", target).Header().Get("Content-Security-Policy")
			if !strings.Contains(policy, "connect-src "+tt.connect+";") {
				t.Errorf("%+v: %s: %s", tt.cfg, target, policy)
			}
		}
	}
	for _, cfg := range []Config{
		{TrustedPages: []string{"proxy", "page"}},
		{TrustedPages: []string{""}},
		{Facilitator: &url.URL{Path: "/x"}},
		{Facilitator: &url.URL{Scheme: "ftp", Host: "f.example"}},
	} {
		if _, err := Handler(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}

// TestConfigFields: what is generated has the fields of the file that is edited
// elsewhere, with the same values by default.
func TestConfigFields(t *testing.T) {
	written, err := web.ReadFile("web/config.js")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{}
	generated, err := cfg.script()
	if err != nil {
		t.Fatal(err)
	}
	field := regexp.MustCompile(`(?m)^  "?(\w+)"?: (.*?),?$`)
	fields := func(script []byte) []string {
		var all []string
		for _, f := range field.FindAllSubmatch(script, -1) {
			all = append(all, string(f[1])+": "+string(f[2]))
		}
		slices.Sort(all)
		return all
	}
	a, b := fields(written), fields(generated)
	if len(a) < 4 || !slices.Equal(a, b) {
		t.Errorf("config.js has %q, and generated it has %q", a, b)
	}
}
