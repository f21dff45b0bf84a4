package main

import (
	"log/slog"
	"maps"
	"slices"

	"flashproxy/internal/registration"
)

// outers are the outer transports that our proxies open, and whether clients may
// register them where --outer-transports does not say.
func outers() map[string]bool {
	return map[string]bool{
		registration.DefaultOuter: true,
		"tcp":                     true,
		"wss":                     false, // wants a certificate, which a home computer has not
	}
}

// defaultOuters are those that clients may register.
func defaultOuters() []string {
	all := outers()
	maps.DeleteFunc(all, func(_ string, client bool) bool { return !client })
	return slices.Sorted(maps.Keys(all))
}

// warnOfUnknown tells of relays that probably no proxy ever reaches. It is no error: proxies
// of another make may open what ours do not.
func (o *options) warnOfUnknown(log *slog.Logger, relays []registration.Relay) {
	known := outers()
	for _, r := range relays {
		outer := r.Transport.Outer
		if _, ok := known[outer]; !ok && !slices.Contains(o.outers, outer) {
			log.Warn("no proxy of this version opens the transport of a relay, so nobody is given it: is it misspelt?",
				"line", r.Line, "transport", outer, "known", slices.Sorted(maps.Keys(known)))
		}
	}
}
