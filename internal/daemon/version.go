package daemon

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// Version returns what the program was built from: the version of the module,
// the revision in version control, and the Go release, such as
// "v0.1.0 (0123456789ab, modified) go1.26.0 linux/amd64".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return version(info)
}

func version(info *debug.BuildInfo) string {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	v := cmp.Or(info.Main.Version, "(devel)")
	if rev := settings["vcs.revision"]; rev != "" {
		const short = 12 // as Go's pseudo-versions have it
		v += " (" + rev[:min(short, len(rev))]
		if settings["vcs.modified"] == "true" {
			v += ", modified"
		}
		v += ")"
	}
	return v + " " + info.GoVersion + " " + runtime.GOOS + "/" + runtime.GOARCH
}
