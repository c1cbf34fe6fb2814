# SPDX-License-Identifier: Apache-2.0
# Suites.  Each target runs one through build-aux/tally.py, which shows what
# failed, says why anything was skipped, and adds its counts to
# tests/totals, so that "make check" and check.sh end with one sum.
TOTALS = tests/totals
TALLY = $(PYTHON3) $(srcdir)/build-aux/tally.py \
	--totals $(TOTALS) --logs tests/logs
# The same, for what runs in another folder.  (A variable, since a line that goes
# on within quotes in a recipe would keep its backslash.)
TALLY_FROM_ANYWHERE = $(PYTHON3) $(abs_top_srcdir)/build-aux/tally.py \
	--totals $(abs_builddir)/$(TOTALS) --logs $(abs_builddir)/tests/logs

include tests/unit/automake.mk
include tests/fuzz/automake.mk
include tests/pcap/automake.mk
include tests/bench/automake.mk

# "make check": no root, minutes.  ARG_MAX of sub-makes: "totals" begins anew.
CHECK_LOCAL += check-quick
check-quick:
	@rm -f $(TOTALS)
	@$(MAKE) --no-print-directory $(CHECK_TARGETS)
	@$(TALLY) --sum
CHECK_TARGETS = check-static check-unit check-fuzz check-pcap check-bench
if WITH_OVS
CHECK_TARGETS += check-inspect
endif

check-static:
	@$(TALLY) static --name layers -- \
	    $(PYTHON3) $(srcdir)/build-aux/check-layers.py $(srcdir)/lib
	@$(TALLY) static --name signs -- \
	    $(PYTHON3) $(srcdir)/build-aux/check-signs.py $(srcdir)
	@$(TALLY) static --name columns -- \
	    $(PYTHON3) $(srcdir)/build-aux/check-columns.py $(srcdir)
	@$(TALLY) static --name records -- \
	    $(PYTHON3) $(srcdir)/build-aux/gen-records.py $(srcdir) --check
	@$(TALLY) static --name tiers -- \
	    $(PYTHON3) $(srcdir)/build-aux/check-tiers.py $(srcdir)
	@$(TALLY) static --name documents -- \
	    $(PYTHON3) $(srcdir)/build-aux/documents.py $(srcdir) --check
	@$(TALLY) static --name manuals -- \
	    $(PYTHON3) $(srcdir)/build-aux/check-manuals.py $(srcdir) \
	    $(abs_builddir)
	@$(TALLY) static --name comparison -- \
	    $(srcdir)/tests/ovs/test-compare.sh
	@$(TALLY) static --name 'runs to compare' -- \
	    $(srcdir)/tests/ovs/test-run.sh
	@$(TALLY) static --name format -- env CLANG_FORMAT=$(CLANG_FORMAT) \
	    $(srcdir)/build-aux/check-format.sh
	@$(TALLY) static --name distribution -- \
	    $(MAKE) --no-print-directory check-dist
	@$(TALLY) static --name licence -- \
	    $(PYTHON3) $(srcdir)/build-aux/check-licence.py $(srcdir)
	@$(TALLY) static --name commit -- \
	    sh -c 'cd $(srcdir) && $(PYTHON3) build-aux/check-commit.py'
	@$(TALLY) static --name habits -- $(srcdir)/tests/static/habits.sh

# Does every file say its licence?  With --fix the script says it.
check-licence:
	@$(PYTHON3) $(srcdir)/build-aux/check-licence.py $(srcdir)

# Sanitizers: the library and its tests once more, in a build of their own.
check-asan: SANITIZE = address,undefined
check-tsan: SANITIZE = thread
check-asan check-tsan:
	@$(MKDIR_P) tests/$@
	@test -e tests/$@/Makefile || { \
	  echo "configuring for -fsanitize=$(SANITIZE)"; \
	  cd tests/$@ && $(abs_top_srcdir)/configure -q --without-ovs \
	    --enable-sanitize=$(SANITIZE) CC='$(OVS_CC)' CFLAGS='-O1 -g' \
	    >configure.out 2>&1 || { cat configure.out; exit 1; }; }
	@$(MAKE) --no-print-directory -C tests/$@ check-sanitized \
	    SUITE=$(@:check-%=%) \
	    TALLY='$(TALLY_FROM_ANYWHERE)'

# In the build above: every program, under the suite's name.
check-sanitized:
	@$(MAKE) --no-print-directory check-unit UNIT_SUITE=$(SUITE)
	@$(MAKE) --no-print-directory check-fuzz FUZZ_SUITE=$(SUITE)
	@test $(SUITE) = tsan || $(MAKE) --no-print-directory check-pcap \
	    PCAP_SUITE=$(SUITE) PCAP_FLAGS=--once

# What runs at night, in a build of its own: every suite of check.sh.
CHECK_ALL_BUILD = $(abs_builddir)/nightly
CHECK_ALL_FLAGS =
check-all:
	@exec env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
	    $(abs_top_srcdir)/check.sh --all --build-dir=$(CHECK_ALL_BUILD) \
	    $(CHECK_ALL_FLAGS)

# What of the library the tests run, by room: unit tests, fuzz corpora and
# captures, in a build of their own (gcovr).  What was optimised away was not
# run, hence -O0, for which warnings are not meant.
coverage:
	@$(MKDIR_P) tests/coverage
	@test -e tests/coverage/Makefile || { \
	  echo "configuring for --coverage"; \
	  cd tests/coverage && $(abs_top_srcdir)/configure -q --without-ovs \
	    --disable-werror CC='$(OVS_CC)' \
	    CFLAGS='-O0 -g --coverage -fprofile-update=atomic' \
	    LDFLAGS=--coverage >configure.out 2>&1 || \
	    { cat configure.out; exit 1; }; }
	@find tests/coverage \( -name '*.gcda' -o -name '*conftest.gcno' \) \
	    -exec rm -f {} +
	@$(MAKE) --no-print-directory -C tests/coverage check-unit check-fuzz \
	    check-pcap PCAP_FLAGS=--once
	@$(PYTHON3) $(srcdir)/build-aux/coverage.py $(srcdir) tests/coverage

EXTRA_DIST += \
	tests/packages/installed.bash \
	tests/packages/rpm-host.sh \
	tests/packages/rpm.sh \
	tests/packages/tarball.sh \
	tests/static/habits.sh \
	tests/tap.sh
EXTRA_DIST += \
	tests/system/atomicity.sh \
	tests/system/budget.sh \
	tests/system/collector-restart.sh \
	tests/system/collector.sh \
	tests/system/completion.sh \
	tests/system/conservation.sh \
	tests/system/documents.sh \
	tests/system/dpdk-quickstart.sh \
	tests/system/doctor.sh \
	tests/system/dpdk.sh \
	tests/system/e2e.sh \
	tests/system/firewall.sh \
	tests/system/function.py \
	tests/system/functions.bash \
	tests/system/insertion.sh \
	tests/system/guest.py \
	tests/system/inventory.sh \
	tests/system/ipfix-interop.sh \
	tests/system/lib.sh \
	tests/system/lifecycle.sh \
	tests/system/liveness.sh \
	tests/system/off.sh \
	tests/system/openstack-neutron.sh \
	tests/system/openstack.bash \
	tests/system/openstack.sh \
	tests/system/os-vif.py \
	tests/system/overload.sh \
	tests/system/peer.py \
	tests/system/policy-load.sh \
	tests/system/policy.py \
	tests/system/protocols.sh \
	tests/system/quickstart.sh \
	tests/system/redirect-encap.sh \
	tests/system/redirect-misbehaviour.sh \
	tests/system/redirect-paths.sh \
	tests/system/redirect.sh \
	tests/system/relay.py \
	tests/system/security.sh \
	tests/system/sensor.py \
	tests/system/stream.py \
	tests/system/talk.py \
	tests/system/tenants.sh \
	tests/system/throughput.sh \
	tests/system/tools.sh \
	tests/system/traffic.py \
	tests/system/uplink-ack.sh \
	tests/system/uplink-cut.sh \
	tests/system/uplink-frames.sh \
	tests/system/uplink-interop.sh \
	tests/system/uplink-pull.sh \
	tests/system/uplink-refusals.sh \
	tests/system/uplink-tool.sh \
	tests/system/vm.sh \
	tests/system/version.sh \
	tests/system/wire.py \
	tests/system/workers.sh

# Messages for receivers that others wrote.
EXTRA_PROGRAMS += tests/system/ipfix-sample
CLEANFILES += tests/system/ipfix-sample
tests_system_ipfix_sample_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit
tests_system_ipfix_sample_LDADD = lib/libinsp.a $(OPENSSL_LIBS)

# Numbered packets, and a function that marks them: no library.
system_programs = \
	tests/system/forward \
	tests/system/windowed
EXTRA_PROGRAMS += $(system_programs)
CLEANFILES += $(system_programs)
noinst_HEADERS += tests/system/windowed.h
tests_system_forward_LDADD =
tests_system_windowed_LDADD =

# Root: network namespaces.
check-system: all tests/system/ipfix-sample $(system_programs)
	@top_srcdir=$(abs_top_srcdir) OVSEXT_BUILD=$(abs_builddir) \
	    IPFIX_SAMPLE=$(abs_builddir)/tests/system/ipfix-sample \
	    TALLY='$(TALLY)' $(srcdir)/build-aux/run-system.sh

# By name only: programs of others, which check.sh unpacks.
unpacked_env = env OVSEXT_BUILD=$(abs_builddir) \
	UNPACKED=$(abs_builddir)/unpacked
check-vm: all
	@$(TALLY) vm --timeout 2000 -- $(unpacked_env) $(srcdir)/tests/system/vm.sh
check-openstack: all
	@status=0; for t in openstack openstack-neutron; do \
	    $(TALLY) openstack --timeout 2000 -- $(unpacked_env) \
		$(srcdir)/tests/system/$$t.sh || status=1; \
	done; exit $$status

# Packages, out of "make dist"; root for all but building them.
EXTRA_DIST += \
	build-aux/run-packages.sh \
	tests/packages/debian-build.sh \
	tests/packages/debian.sh \
	tests/packages/host.sh \
	tests/packages/lib.sh \
	tests/packages/piuparts.sh \
	tests/packages/traffic.py
check-packages:
	@top_srcdir=$(abs_top_srcdir) OVSEXT_BUILD=$(abs_builddir) \
	    TALLY='$(TALLY)' $(srcdir)/build-aux/run-packages.sh

CLEAN_LOCAL += clean-tests
clean-tests:
	rm -rf tests/logs tests/totals tests/check-asan tests/check-tsan \
	    tests/coverage tests/fuzz/build packages

.PHONY: check-all check-quick check-static check-asan check-tsan check-sanitized \
	check-system check-vm check-openstack check-packages clean-tests
.PHONY: check-licence coverage
