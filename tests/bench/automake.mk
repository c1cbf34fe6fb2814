# SPDX-License-Identifier: Apache-2.0
# What inspection costs.  "make bench" measures, and takes minutes of a machine
# that should have nothing else to do; "check-bench" counts instructions, which
# are the same each time, and holds them against instructions.json.  README.md
# says how to read it all.
bench_programs = \
	tests/bench/bench-policy \
	tests/bench/micro \
	tests/bench/uplink-rate
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)
tests_bench_bench_policy_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_bench_micro_SOURCES = \
	tests/bench/bench.c \
	tests/bench/bench.h \
	tests/bench/micro.c
tests_bench_micro_LDADD = lib/libinsp.a $(OPENSSL_LIBS)
tests_bench_uplink_rate_LDADD = lib/libinsp.a $(OPENSSL_LIBS)

# What "less the reading" is: see probes.sh.
if HAVE_PCAP
read_capture = tests/bench/read-capture
EXTRA_PROGRAMS += tests/bench/read-capture
CLEANFILES += tests/bench/read-capture
tests_bench_read_capture_LDADD = $(PCAP_LIBS)
endif

EXTRA_DIST += \
	tests/bench/README.md \
	tests/bench/instructions.json \
	tests/bench/instructions.py \
	tests/bench/probes.sh \
	tests/bench/switch.py \
	tests/bench/switch.sh \
	tests/bench/switch_traffic.py \
	tests/bench/uplink-cost.sh \
	tests/bench/uplink-rate.sh

COUNT_INSTRUCTIONS = env CC='$(CC)' CFLAGS='$(CFLAGS)' \
	SANITIZE='$(SANITIZE_CFLAGS)' \
	$(PYTHON3) $(srcdir)/tests/bench/instructions.py \
	--micro=tests/bench/micro --probe=utilities/ovs-inspect-probe
counted_programs = tests/bench/micro utilities/ovs-inspect-probe

# The last part needs root and an Open vSwitch with DPDK, and says so where
# these are not to be had.
BENCH_FLAGS =
SWITCH_FLAGS =
bench: $(counted_programs) $(read_capture) tests/bench/uplink-rate
	tests/bench/micro --json=tests/bench/micro.json $(BENCH_FLAGS)
	@cat tests/bench/micro.json
	$(COUNT_INSTRUCTIONS) --report
	INSP_PCAPS='$(PCAPS)' READER='$(read_capture)' \
	    $(srcdir)/tests/bench/probes.sh \
	    --probe=utilities/ovs-inspect-probe
	$(srcdir)/tests/bench/uplink-rate.sh \
	    --program=tests/bench/uplink-rate \
	    --collector=utilities/ovs-inspect-collector
	INSP_PCAPS='$(PCAPS)' OVSEXT_BUILD='$(abs_top_builddir)' \
	    $(srcdir)/tests/bench/switch.sh --json=tests/bench/switch.json \
	    $(SWITCH_FLAGS) || test $$? = 77
CLEANFILES += tests/bench/micro.json tests/bench/switch.json

bench-baseline: $(counted_programs)
	$(COUNT_INSTRUCTIONS) --update

check-bench:
	@l=tests/bench/micro.log; $(MKDIR_P) tests/bench; \
	if $(MAKE) --no-print-directory $(counted_programs) >$$l 2>&1; then \
	    $(TALLY) bench --name instructions -- $(COUNT_INSTRUCTIONS); \
	else \
	    $(TALLY) bench --name "building what is counted" -- \
	        sh -c "cat $$l; exit 1"; \
	fi
CLEANFILES += tests/bench/micro.log
.PHONY: bench bench-baseline check-bench
