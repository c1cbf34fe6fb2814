# SPDX-License-Identifier: Apache-2.0
# CUnit, one program a room, each from the one .c file of its name.
UNIT_LIBS = lib/libinsp.a $(OPENSSL_LIBS) $(UNWIND_LIBS) $(CUNIT_LIBS) -lm
LDADD = $(UNIT_LIBS)

unit_programs = \
	tests/unit/test-app-data \
	tests/unit/test-app-lines \
	tests/unit/test-app-names \
	tests/unit/test-app-tls \
	tests/unit/test-app-tunnels \
	tests/unit/test-app-web \
	tests/unit/test-app-windows \
	tests/unit/test-base \
	tests/unit/test-config \
	tests/unit/test-cursor \
	tests/unit/test-delivery \
	tests/unit/test-dialog \
	tests/unit/test-engine \
	tests/unit/test-finish \
	tests/unit/test-flight \
	tests/unit/test-flow \
	tests/unit/test-frame \
	tests/unit/test-ipfix \
	tests/unit/test-journal \
	tests/unit/test-json \
	tests/unit/test-inventory \
	tests/unit/test-judge \
	tests/unit/test-metadata \
	tests/unit/test-overload \
	tests/unit/test-packet \
	tests/unit/test-plain \
	tests/unit/test-policy \
	tests/unit/test-purity \
	tests/unit/test-record \
	tests/unit/test-redirect \
	tests/unit/test-refuse \
	tests/unit/test-rule \
	tests/unit/test-sizing \
	tests/unit/test-spool \
	tests/unit/test-stream \
	tests/unit/test-tls \
	tests/unit/test-tls-refused \
	tests/unit/test-token \
	tests/unit/test-uplink \
	tests/unit/stress-flight \
	tests/unit/stress-table
EXTRA_PROGRAMS += $(unit_programs)
CLEANFILES += $(unit_programs) $(unit_programs:=.log)

noinst_HEADERS += \
	tests/unit/frames.h \
	tests/unit/hellos.h \
	tests/unit/judge-cases.h \
	tests/unit/judge-reference.h \
	tests/unit/meet.h \
	tests/unit/pcap.h \
	tests/unit/pki.h \
	tests/unit/records.h \
	tests/unit/rig.h \
	tests/unit/specs.h \
	tests/unit/talk.h \
	tests/unit/unit.h \
	tests/unit/uplink-rig.h \
	tests/unit/windows.h

tests_unit_test_policy_SOURCES = \
	tests/unit/judge-reference.c \
	tests/unit/test-policy.c

# The collector's, as far as it needs nothing of Open vSwitch.
tests_unit_test_journal_SOURCES = \
	tests/unit/test-journal.c \
	utilities/collector/block.c \
	utilities/collector/intervals.c \
	utilities/collector/journal-recover.c \
	utilities/collector/journal.c \
	utilities/collector/streams.c
tests_unit_test_journal_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/utilities

# Captures that others made, when a folder of them stands beside the tree.
PCAPS = $(firstword $(wildcard $(abs_top_srcdir)/../*/pcaps))

UNIT_SUITE = unit
if HAVE_CUNIT
check-unit:
	@$(MAKE) --no-print-directory -k $(unit_programs) || :
	@s=0; for p in $(unit_programs); do \
	    if $(MAKE) $$p >$$p.log 2>&1; then \
	        INSP_PCAPS='$(PCAPS)' $(TALLY) $(UNIT_SUITE) -- $$p || s=1; \
	    else \
	        $(TALLY) $(UNIT_SUITE) --name "building $${p##*/}" -- \
	            sh -c "cat $$p.log; exit 1" || s=1; \
	    fi; \
	done; exit $$s
else
check-unit:
	@$(TALLY) $(UNIT_SUITE) --skip "no CUnit: apt-get install libcunit1-dev"
endif
.PHONY: check-unit

tests_unit_test_purity_CPPFLAGS = $(AM_CPPFLAGS) \
	-DINPUTS='"$(abs_top_srcdir)/tests/fuzz/corpus"'
tests_unit_test_dialog_CPPFLAGS = $(AM_CPPFLAGS) \
	-DINPUTS='"$(abs_top_srcdir)/tests/fuzz/corpus"'
tests_unit_test_sizing_CPPFLAGS = $(AM_CPPFLAGS) \
	-DSIZING='"$(abs_top_srcdir)/Documentation/sizing.md"'
