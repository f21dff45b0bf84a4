package main

import (
	"maps"
	"slices"
	"strings"

	"flashproxy/internal/daemon"
	"flashproxy/internal/proxy"
)

// names lists the transports for a message.
func names(all map[string]proxy.Dialer) string {
	return strings.Join(slices.Sorted(maps.Keys(all)), ", ")
}

// offered are the dialers of the transports that the user named, all of them where
// none was. Errors are usage errors.
func (o *options) offered(all map[string]proxy.Dialer) (map[string]proxy.Dialer, error) {
	if o.transports == nil {
		return all, nil
	}
	some := make(map[string]proxy.Dialer)
	for _, name := range o.transports {
		dial, ok := all[name]
		if !ok {
			return nil, daemon.Usagef("--transports: there is no %q, want some of %s", name, names(all))
		}
		some[name] = dial
	}
	if len(some) == 0 {
		return nil, daemon.Usagef("--transports: want one at least of %s", names(all))
	}
	return some, nil
}
