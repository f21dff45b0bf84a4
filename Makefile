# make demo    a real Tor client fetches a page through a flash proxy, on this machine
# make test    everything: format, vet, staticcheck, race detector, end to end, fuzzing
# make bench   what it costs, as ratios measured side by side, within 10 minutes;
#              bench-quick, within one, is to see that this works
# make build   the four programs, in bin/
# make man     the manual pages in doc/, from the programs
# make install the same in $(DESTDIR)$(PREFIX)/bin, and man pages
#
# demo and test install what they need when run as root on a Debian system, and
# otherwise say what to install.

GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=
PROGRAMS = flashproxy-client flashproxy-server facilitator proxy-headless
# A number of runs, not a time: a fuzz target that is stopped by the clock can
# fail for that alone.
FUZZ    ?= 3000x

.PHONY: demo test check js fuzz bench bench-quick build man install clean need-demo need-test

build:
	$(GO) build -o bin/ ./cmd/...

demo: need-demo
	@$(GO) run ./internal/demo

# The last step is the one with the summary.
test: need-test check js fuzz bench-quick
	$(GO) test -race -timeout 15m ./...

check:
	@files=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l) && \
	 if [ -n "$$files" ]; then echo "run gofmt -w on: $$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	GOOS=windows $(GO) vet ./cmd/...
	GOOS=darwin $(GO) vet ./cmd/...

# The browser proxy's modules: their types, and their tests beside them.
js:
	@cd internal/browserproxy && npm ci --no-audit --no-fund --loglevel=error >/dev/null && npx --no-install tsc && \
	 node --test --test-reporter=dot test/*.test.js

# Every fuzz target there is, each for a short while.
fuzz:
	@for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' internal cmd | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -rho --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' $$dir/*_test.go | cut -d' ' -f2 | sort -u); do \
	    echo "fuzz $$dir $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) ./$$dir >.fuzz.out 2>&1 || { cat .fuzz.out; rm -f .fuzz.out; exit 1; }; \
	  done; \
	done; rm -f .fuzz.out

bench:
	@$(GO) run ./internal/bench

# Its figures gate nothing, only that there are any.
bench-quick:
	@$(GO) run ./internal/bench --quick

# The manual pages are what the programs say of themselves.
man: build
	for p in flashproxy-client proxy-headless; do bin/$$p --man >doc/$$p.1; done
	for p in facilitator flashproxy-server; do bin/$$p --man >doc/$$p.8; done

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8
	for p in $(PROGRAMS); do install -m 755 bin/$$p $(DESTDIR)$(PREFIX)/bin/; done
	install -m 644 doc/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 doc/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/

clean:
	rm -rf bin

# The Debian package of each program that is not there.
need-demo: MISSING = $(foreach p,tor,$(if $(shell command -v $(p)),,$(p)))
need-test: MISSING = $(foreach p,tor obfs4proxy curl git chromium firefox-esr pebble,$(if $(shell command -v $(p)),,$(p))) \
	$(if $(shell command -v nginx /usr/sbin/nginx),,nginx-light) \
	$(if $(shell command -v node),,nodejs npm) \
	$(if $(shell command -v systemd-analyze),,systemd) \
	$(if $(shell command -v gcc),,gcc libc6-dev)

need-demo need-test:
	@set -- $(strip $(MISSING)); [ $$# = 0 ] || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing $$*"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$$@" >/dev/null; \
	  else echo "missing: sudo apt-get install $$*"; exit 1; fi; }
