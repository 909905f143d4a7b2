# SPDX-License-Identifier: BSD-2-Clause
# A thin front to meson and ninja, which build in build/release, build/asan and build/fuzz.

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=
# Where the library is installed from.
BUILD ?= build/release
RELEASE = -Doptimization=3

.PHONY: all library run test conformance bench bench-auth bench-queue bench-filter fuzz install install-library install-sendmail uninstall docs clean

all:
	@tools/install-deps build
	@tools/build build/release $(RELEASE) -- src/cmd/vouch
	@ln -sf release/src/cmd/vouch build/vouch

library:
	@tools/install-deps build
	@tools/build build/release $(RELEASE) -- src/library/libvouch.so.1.0.0 src/library/libvouch.a

# A gateway on high ports with example mail; needs nothing prepared.
run: all
	@tools/run build/vouch

test:
	@tools/test unit fuzz conformance scenario interop

conformance:
	@tools/test --show conformance

# `make bench NAMES="auth dkim"` for some.
bench:
	@tools/bench $(NAMES)

# Authentication against libspf2, pyspf and libopendkim.
bench-auth:
	@tools/bench auth

# Accept and relay against Postfix, and with a million messages in the queue.
bench-queue:
	@tools/bench queue

# The statistical filter against bogofilter, rspamd and SpamAssassin; about a quarter of an hour.
bench-filter:
	@tools/bench filter

# FUZZ_SECONDS for each target; `make fuzz TARGETS="spf address"` for some.
fuzz:
	@tools/fuzz $(TARGETS)

docs:
	@tools/build build/release $(RELEASE) -- src/config/config_doc
	@tools/update-docs build/release/src/config/config_doc

install: all library install-library
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/doc/vouch" "$(DESTDIR)$(UNITDIR)"
	install -m 755 build/release/src/cmd/vouch "$(DESTDIR)$(PREFIX)/bin/vouch"
	for page in doc/man/*.[1-8]; do \
	    section="$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}"; \
	    install -d "$$section" && install -m 644 "$$page" "$$section/" || exit 1; \
	done
	install -m 644 LICENSE CHANGELOG.md doc/*.md "$(DESTDIR)$(PREFIX)/share/doc/vouch/"
	for unit in doc/systemd/*; do \
	    sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' "$$unit" \
	        >"$(DESTDIR)$(UNITDIR)/$${unit##*/}" || exit 1; \
	done

# What was built in BUILD.
install-library:
	install -d "$(DESTDIR)$(INCLUDEDIR)" "$(DESTDIR)$(LIBDIR)/pkgconfig"
	install -m 644 include/vouch.h "$(DESTDIR)$(INCLUDEDIR)/vouch.h"
	install -m 644 $(BUILD)/src/library/libvouch.a "$(DESTDIR)$(LIBDIR)/libvouch.a"
	install -m 755 $(BUILD)/src/library/libvouch.so.1.0.0 "$(DESTDIR)$(LIBDIR)/libvouch.so.1.0.0"
	ln -sf libvouch.so.1.0.0 "$(DESTDIR)$(LIBDIR)/libvouch.so.1"
	ln -sf libvouch.so.1 "$(DESTDIR)$(LIBDIR)/libvouch.so"
	version=$$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build) && \
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	    -e "s|@VERSION@|$$version|" src/library/vouch.pc.in >"$(DESTDIR)$(LIBDIR)/pkgconfig/vouch.pc"

# The program as sendmail, mailq and newaliases, after `make install`. Where there is update-alternatives
# (and no DESTDIR) they become alternatives beside those of other mail systems, else plain links.
SENDMAIL_PREFIX ?= /usr
ALTERNATIVES ?= $(if $(DESTDIR),,$(shell command -v update-alternatives))

install-sendmail:
	if [ -n "$(ALTERNATIVES)" ]; then \
	    "$(ALTERNATIVES)" --install "$(SENDMAIL_PREFIX)/sbin/sendmail" sendmail "$(PREFIX)/bin/vouch" 30 \
	        --slave "$(SENDMAIL_PREFIX)/bin/mailq" mailq "$(PREFIX)/bin/vouch" \
	        --slave "$(SENDMAIL_PREFIX)/bin/newaliases" newaliases "$(PREFIX)/bin/vouch"; \
	else \
	    install -d "$(DESTDIR)$(SENDMAIL_PREFIX)/sbin" "$(DESTDIR)$(SENDMAIL_PREFIX)/bin" && \
	    ln -sf "$(PREFIX)/bin/vouch" "$(DESTDIR)$(SENDMAIL_PREFIX)/sbin/sendmail" && \
	    ln -sf "$(PREFIX)/bin/vouch" "$(DESTDIR)$(SENDMAIL_PREFIX)/bin/mailq" && \
	    ln -sf "$(PREFIX)/bin/vouch" "$(DESTDIR)$(SENDMAIL_PREFIX)/bin/newaliases"; \
	fi

uninstall:
	[ -z "$(ALTERNATIVES)" ] || "$(ALTERNATIVES)" --remove sendmail "$(PREFIX)/bin/vouch"
	for link in sbin/sendmail bin/mailq bin/newaliases; do \
	    [ "$$(readlink "$(DESTDIR)$(SENDMAIL_PREFIX)/$$link")" != "$(PREFIX)/bin/vouch" ] || \
	        rm -f "$(DESTDIR)$(SENDMAIL_PREFIX)/$$link"; \
	done
	rm -f "$(DESTDIR)$(PREFIX)/bin/vouch"
	for page in doc/man/*.[1-8]; do \
	    rm -f "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}"; \
	done
	for unit in doc/systemd/*; do rm -f "$(DESTDIR)$(UNITDIR)/$${unit##*/}"; done
	rm -f "$(DESTDIR)$(INCLUDEDIR)/vouch.h" "$(DESTDIR)$(LIBDIR)/libvouch.a" "$(DESTDIR)$(LIBDIR)/libvouch.so" \
	    "$(DESTDIR)$(LIBDIR)/libvouch.so.1" "$(DESTDIR)$(LIBDIR)/libvouch.so.1.0.0" \
	    "$(DESTDIR)$(LIBDIR)/pkgconfig/vouch.pc"
	rm -rf "$(DESTDIR)$(PREFIX)/share/doc/vouch"

clean:
	rm -rf build
