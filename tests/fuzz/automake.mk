# SPDX-License-Identifier: Apache-2.0
# One program a parser.  With gcc, tests/fuzz/replay.c is the main() and runs
# the corpus; "make fuzz" builds the same with clang's libFuzzer.
fuzz_programs = \
	tests/fuzz/fuzz-capture \
	tests/fuzz/fuzz-frame \
	tests/fuzz/fuzz-ipfix \
	tests/fuzz/fuzz-journal \
	tests/fuzz/fuzz-parse \
	tests/fuzz/fuzz-refuse \
	tests/fuzz/fuzz-rule \
	tests/fuzz/fuzz-spool \
	tests/fuzz/fuzz-token
EXTRA_PROGRAMS += \
	tests/fuzz/fuzz-capture \
	tests/fuzz/fuzz-frame \
	tests/fuzz/fuzz-ipfix \
	tests/fuzz/fuzz-journal \
	tests/fuzz/fuzz-parse \
	tests/fuzz/fuzz-refuse \
	tests/fuzz/fuzz-rule \
	tests/fuzz/fuzz-spool \
	tests/fuzz/fuzz-token
CLEANFILES += $(fuzz_programs) $(fuzz_programs:=.log)

if FUZZER
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
endif

# The only parser outside of lib/: the probe's, of capture files.
tests_fuzz_fuzz_capture_SOURCES = \
	$(FUZZ_MAIN) \
	tests/fuzz/fuzz-capture.c \
	tests/fuzz/fuzz.h \
	utilities/probe/file.c \
	utilities/probe/link.c
tests_fuzz_fuzz_capture_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/utilities
tests_fuzz_fuzz_capture_LDADD =
tests_fuzz_fuzz_capture_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_frame_SOURCES = \
	$(FUZZ_MAIN) \
	tests/fuzz/fuzz-frame.c \
	tests/fuzz/fuzz.h
tests_fuzz_fuzz_frame_LDADD = lib/libinsp.a
tests_fuzz_fuzz_frame_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_ipfix_SOURCES = \
	$(FUZZ_MAIN) \
	tests/fuzz/fuzz-ipfix.c \
	tests/fuzz/fuzz.h
tests_fuzz_fuzz_ipfix_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_ipfix_LDFLAGS = $(FUZZ_LINK)

# The collector's, as far as it needs nothing of Open vSwitch.
tests_fuzz_fuzz_journal_SOURCES = \
	$(FUZZ_MAIN) \
	tests/fuzz/fuzz-journal.c \
	tests/fuzz/fuzz.h \
	utilities/collector/block.c \
	utilities/collector/intervals.c
tests_fuzz_fuzz_journal_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/utilities
tests_fuzz_fuzz_journal_LDADD = lib/libinsp.a
tests_fuzz_fuzz_journal_LDFLAGS = $(FUZZ_LINK)

# Nothing but libc: a parser that needs more has lost its way.
tests_fuzz_fuzz_parse_SOURCES = \
	$(FUZZ_MAIN) \
	tests/fuzz/fuzz-parse.c \
	tests/fuzz/fuzz.h
tests_fuzz_fuzz_parse_LDADD = lib/libinsp.a
tests_fuzz_fuzz_parse_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_refuse_SOURCES = \
	$(FUZZ_MAIN) \
	tests/fuzz/fuzz-refuse.c \
	tests/fuzz/fuzz.h
tests_fuzz_fuzz_refuse_LDADD = lib/libinsp.a
tests_fuzz_fuzz_refuse_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_rule_SOURCES = \
	$(FUZZ_MAIN) \
	tests/fuzz/fuzz-rule.c \
	tests/fuzz/fuzz.h \
	tests/unit/judge-cases.h \
	tests/unit/judge-reference.c \
	tests/unit/judge-reference.h
tests_fuzz_fuzz_rule_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit
tests_fuzz_fuzz_rule_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_rule_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_token_SOURCES = \
	$(FUZZ_MAIN) \
	tests/fuzz/fuzz-token.c \
	tests/fuzz/fuzz.h
tests_fuzz_fuzz_token_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_token_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_spool_SOURCES = \
	$(FUZZ_MAIN) \
	tests/fuzz/fuzz-spool.c \
	tests/fuzz/fuzz.h
tests_fuzz_fuzz_spool_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_fuzz_fuzz_spool_LDFLAGS = $(FUZZ_LINK)

include tests/fuzz/apps.mk

EXTRA_DIST += \
	tests/fuzz/campaign.py \
	tests/fuzz/corpus \
	tests/fuzz/make-corpus.py \
	tests/fuzz/make-corpus-data.py \
	tests/fuzz/make-corpus-frame.py \
	tests/fuzz/make-corpus-journal.py \
	tests/fuzz/make-corpus-lines.py \
	tests/fuzz/make-corpus-names.py \
	tests/fuzz/make-corpus-rule.py \
	tests/fuzz/make-corpus-tls.py \
	tests/fuzz/make-corpus-token.py \
	tests/fuzz/make-corpus-web.py \
	tests/fuzz/make-corpus-windows.py

FUZZ_SUITE = fuzz
check-fuzz:
	@$(MAKE) --no-print-directory -k $(fuzz_programs) || :
	@s=0; for p in $(fuzz_programs); do \
	    if $(MAKE) $$p >$$p.log 2>&1; then \
	        $(TALLY) $(FUZZ_SUITE) -- $$p \
	            $(srcdir)/tests/fuzz/corpus/$${p##*/fuzz-} || s=1; \
	    else \
	        $(TALLY) $(FUZZ_SUITE) --name "building $${p##*/}" -- \
	            sh -c "cat $$p.log; exit 1" || s=1; \
	    fi; \
	done; exit $$s

# For FUZZ_SECONDS each; or, with FUZZ_RUNS, until each target has had that
# many executions in all, as tests/fuzz/ledger has them: interrupted, it goes
# on where it was (campaign.py).  FUZZ_ONLY names targets.  What is found stays
# in tests/fuzz/build/findings.
FUZZ_SECONDS = 60
FUZZ_RUNS =
FUZZ_JOBS = 1
FUZZ_ONLY = $(patsubst tests/fuzz/fuzz-%,%,$(fuzz_programs))
FUZZ_LEDGER = tests/fuzz/ledger
# The dearest part of the instrumentation, which the fast build is without.
FUZZ_FAST = -fno-sanitize-coverage=trace-cmp,trace-div,trace-gep
FUZZ_CONFIGURE = $(abs_top_srcdir)/configure -q --without-ovs \
	--enable-sanitize=fuzzer-no-link,address,undefined CFLAGS='-O1 -g'
fuzz_names = $(FUZZ_ONLY:%=tests/fuzz/fuzz-%)
FUZZ_CAMPAIGN = $(PYTHON3) $(srcdir)/tests/fuzz/campaign.py \
	--ledger=$(FUZZ_LEDGER) --guided=tests/fuzz/build \
	--fast=tests/fuzz/build-fast --corpus=$(srcdir)/tests/fuzz/corpus \
	--jobs=$(FUZZ_JOBS)

fuzz: fuzz-build
	@if test -n '$(FUZZ_RUNS)'; then \
	    $(MAKE) --no-print-directory fuzz-build-fast && \
	    exec $(FUZZ_CAMPAIGN) --runs=$(FUZZ_RUNS) $(FUZZ_ONLY); \
	else \
	    $(MAKE) --no-print-directory -C tests/fuzz/build run-fuzz \
	        FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_ONLY='$(FUZZ_ONLY)'; \
	fi

fuzz-build fuzz-build-fast:
	@test '$(CLANG)' != no || { \
	    echo "make fuzz needs clang: apt-get install clang" >&2; exit 1; }
	@$(MKDIR_P) tests/fuzz/$(@:fuzz-%=%)
	@test -e tests/fuzz/$(@:fuzz-%=%)/Makefile || { \
	    cd tests/fuzz/$(@:fuzz-%=%) && $(FUZZ_CONFIGURE) \
	    CC='$(CLANG)$(FUZZ_FLAGS)'; }
	@$(MAKE) --no-print-directory -C tests/fuzz/$(@:fuzz-%=%) $(fuzz_names)
fuzz-build-fast: FUZZ_FLAGS = $(EMPTY) $(FUZZ_FAST)
EMPTY =

run-fuzz:
	@for name in $(FUZZ_ONLY); do \
	    $(MKDIR_P) found/$$name findings; \
	    tests/fuzz/fuzz-$$name -max_total_time=$(FUZZ_SECONDS) \
	        -print_final_stats=1 \
	        -artifact_prefix=findings/$$name- found/$$name \
	        $(srcdir)/tests/fuzz/corpus/$$name || exit 1; \
	done

# The nightly part: so many executions of each more than before.
FUZZ_NIGHTLY = 1000000
check-fuzzing:
	@if test '$(CLANG)' = no; then \
	    $(TALLY) fuzzing --skip "no clang: apt-get install clang"; \
	else \
	    $(MAKE) --no-print-directory fuzz-build fuzz-build-fast \
	        >tests/fuzz/campaign.log 2>&1 || \
	    { cat tests/fuzz/campaign.log; exit 1; }; \
	    $(TALLY) fuzzing --name campaign --many --timeout 36000 -- \
	        $(FUZZ_CAMPAIGN) --add --runs=$(FUZZ_NIGHTLY) $(FUZZ_ONLY); \
	fi
CLEANFILES += tests/fuzz/campaign.log
.PHONY: check-fuzz check-fuzzing fuzz fuzz-build fuzz-build-fast run-fuzz
