# SPDX-License-Identifier: Apache-2.0
# Open vSwitch with the extension.
#
# Its source is copied and extended in $(builddir)/ovs, where its own build
# system compiles ovs-ext/*.c into its programs (see ovs-tree.mk) and links
# ovs-vswitchd with lib/libinsp.a.  Three stamps, each made by one step:
#
#    ovs.source      copied, edited, our files in place     (seconds)
#    ovs.configured  autoreconf and configure               (a minute)
#    ovs.built       make                                   (minutes, or less)
ovs_ext_FILES = \
	ovs-ext/action-codec.c \
	ovs-ext/action-codec.h \
	ovs-ext/action-run.c \
	ovs-ext/action-run.h \
	ovs-ext/answer.c \
	ovs-ext/answer.h \
	ovs-ext/appctl-command.h \
	ovs-ext/appctl-coverage.c \
	ovs-ext/appctl-explain.c \
	ovs-ext/appctl-flows.c \
	ovs-ext/appctl-listeners.c \
	ovs-ext/appctl-packet.c \
	ovs-ext/appctl-packet.h \
	ovs-ext/appctl-policy.c \
	ovs-ext/appctl-show.c \
	ovs-ext/appctl-state.c \
	ovs-ext/appctl.c \
	ovs-ext/appctl.h \
	ovs-ext/crash.c \
	ovs-ext/crash.h \
	ovs-ext/datapaths.c \
	ovs-ext/datapaths.h \
	ovs-ext/encap.c \
	ovs-ext/encap.h \
	ovs-ext/hooks.h \
	ovs-ext/host.c \
	ovs-ext/host.h \
	ovs-ext/inside-ofp-actions.h \
	ovs-ext/inside-xlate.h \
	ovs-ext/integrate \
	ovs-ext/ofpact-inspect.h \
	ovs-ext/out.c \
	ovs-ext/out.h \
	ovs-ext/ovs-compat.h \
	ovs-ext/ovs-tree.mk \
	ovs-ext/port-use.c \
	ovs-ext/port-use.h \
	ovs-ext/ports.c \
	ovs-ext/ports.h \
	ovs-ext/probe.c \
	ovs-ext/probe.h \
	ovs-ext/rest.c \
	ovs-ext/rest.h \
	ovs-ext/row-function.c \
	ovs-ext/row-function.h \
	ovs-ext/row-inspector.c \
	ovs-ext/row-inspector.h \
	ovs-ext/row-policy.c \
	ovs-ext/row-policy.h \
	ovs-ext/row-rule.c \
	ovs-ext/row-rule.h \
	ovs-ext/row-settings.c \
	ovs-ext/row-settings.h \
	ovs-ext/row-shared.c \
	ovs-ext/row-shared.h \
	ovs-ext/row-view.c \
	ovs-ext/row-view.h \
	ovs-ext/rows.c \
	ovs-ext/rows.h \
	ovs-ext/schema/inspect.ovsschema.json \
	ovs-ext/schema/inspect.xml \
	ovs-ext/status-function.c \
	ovs-ext/status-part.h \
	ovs-ext/status-row.c \
	ovs-ext/status.c \
	ovs-ext/status.h \
	ovs-ext/view.c \
	ovs-ext/view.h \
	ovs-ext/worker-map.c \
	ovs-ext/worker-map.h \
	ovs-ext/xlate.c \
	ovs-ext/xlate.h

# Cases for the testsuite of Open vSwitch.
ovs_at_FILES = \
	tests/inspect-ovsdb.at \
	tests/inspect.at

EXTRA_DIST += $(ovs_ext_FILES) $(ovs_at_FILES) \
	build-aux/ovs-sources.sh \
	tests/ovs/compare.py \
	tests/ovs/differences.txt \
	tests/ovs/gate-3.1.0.txt \
	tests/ovs/pristine.sh \
	tests/ovs/run.sh \
	tests/ovs/test-compare.sh \
	tests/ovs/test-integrate.sh \
	tests/ovs/test-run.sh \
	tests/versions.sh

if WITH_OVS
# The library and what the compiler of Open vSwitch must know of it.
OVS_MAKE_ARGS = \
	INSP_LIBS='$(abs_builddir)/lib/libinsp.a $(OPENSSL_LIBS) $(UNWIND_LIBS)' \
	INSP_ARCHIVE='$(abs_builddir)/lib/libinsp.a' \
	INSP_CPPFLAGS='-I$(abs_top_srcdir)/lib'

ovs.source: $(ovs_ext_FILES) $(ovs_at_FILES)
	$(AM_V_GEN)$(PYTHON3) $(srcdir)/ovs-ext/integrate \
	    --source '$(OVS_SOURCE)' --dest $(abs_builddir)/ovs
	@touch $@

# Configured again only for other arguments: what else changes, the rules of
# Open vSwitch's own Makefile notice.
OVS_CONFIGURE = ./configure $(OVS_CONFIGURE_ARGS) \
	--prefix='$(prefix)' --exec-prefix='$(exec_prefix)' \
	--bindir='$(bindir)' --sbindir='$(sbindir)' \
	--sysconfdir='$(sysconfdir)' --localstatedir='$(localstatedir)' \
	--datarootdir='$(datarootdir)' --mandir='$(mandir)' \
	--libdir='$(libdir)' --includedir='$(includedir)' \
	PYTHON3='$(PYTHON3)' CC='$(OVS_CC)' \
	CFLAGS='$(OVS_CFLAGS) $(SANITIZE_CFLAGS) -Werror=switch-enum' \
	LDFLAGS='$(SANITIZE_CFLAGS) $(LDFLAGS)'
ovs.configured: ovs.source Makefile
	$(file >ovs.arguments.new,$(OVS_CONFIGURE))
	@if test ! -e ovs/config.status || \
	    ! cmp -s ovs.arguments ovs.arguments.new; then \
	    echo "  OVS      autoreconf"; \
	    (cd ovs && autoreconf --install --force) >ovs.log 2>&1 || \
	        { cat ovs.log; exit 1; }; \
	    echo "  OVS      configure"; \
	    (cd ovs && $(OVS_CONFIGURE)) >>ovs.log 2>&1 || \
	        { tail -n 40 ovs.log; exit 1; }; \
	    mv ovs.arguments.new ovs.arguments; \
	fi
	@touch $@

ovs.built: ovs.configured lib/libinsp.a $(lib_libinsp_a_SOURCES)
	+@$(MAKE) --no-print-directory -C ovs $(OVS_MAKE_ARGS)
	@touch $@
ALL_LOCAL += ovs.built

INSTALL_EXEC_LOCAL += install-ovs
install-ovs: ovs.built
	+@$(MAKE) --no-print-directory -C ovs $(OVS_MAKE_ARGS) install
UNINSTALL_LOCAL += uninstall-ovs
uninstall-ovs:
	+@$(MAKE) --no-print-directory -C ovs $(OVS_MAKE_ARGS) uninstall
CLEAN_LOCAL += clean-ovs
clean-ovs:
	test ! -e ovs/Makefile || $(MAKE) -C ovs clean
	rm -f ovs.built
DISTCLEANFILES += ovs.source ovs.configured ovs.arguments \
	ovs.arguments.new ovs.log
distclean-local:
	rm -rf ovs ovs-pristine versions

# Open vSwitch's own testsuite with our cases in it.
OVS_AT = $(TALLY) --many --timeout 7200 --at-dir ovs/tests
OVS_RUN = $(abs_top_srcdir)/tests/ovs/run.sh $(abs_builddir)/ovs
OVS_JOBS = -j2
INSPECT_SUITE = inspect
INSPECT_NAME = inspect.at
check-inspect: ovs.built
	@$(OVS_AT) --name '$(INSPECT_NAME)' $(INSPECT_SUITE) -- \
	    $(OVS_RUN) check '$(OVS_JOBS) -k inspect' $(OVS_MAKE_ARGS)

# The rest of it, test by test against what the pristine tree makes of it.
# For the quick gate that stands in the repository ("make ovs-results" writes
# it anew); else a pristine tree is built and run, once for each source and set
# of options.
OVS_COMPARE_DIR = $(abs_top_srcdir)/tests/ovs
OVS_PRISTINE_ARGS = '$(OVS_SOURCE)' $(abs_builddir)/ovs-pristine \
	$(OVS_CONFIGURE_ARGS) PYTHON3='$(PYTHON3)' CC='$(OVS_CC)' \
	CFLAGS='$(OVS_CFLAGS) $(SANITIZE_CFLAGS)' \
	LDFLAGS='$(SANITIZE_CFLAGS) $(LDFLAGS)'
OVS_PRISTINE = $(OVS_COMPARE_DIR)/pristine.sh
OVS_COMPARED = $(TALLY) --timeout 14400 ovs
OVS_COMPARE = $(PYTHON3) $(OVS_COMPARE_DIR)/compare.py \
	--differences $(OVS_COMPARE_DIR)/differences.txt --at-dir ovs/tests

# What an edit to Open vSwitch would break first; minutes.
OVS_GATE = -k ofp-actions -k odp-execute -k dpif-netdev -k pmd -k bridge \
	-k ovs-vsctl -k ofproto-dpif,clone -k ofproto-dpif,mirror \
	-k ofproto-dpif,trace
OVS_GATE_RESULTS = tests/ovs/gate-$(OVS_VERSION).txt
check-ovs-gate: ovs.built
	@$(OVS_COMPARED) --name 'quick gate' -- sh -c '"$$@" | \
	    $(OVS_COMPARE) --part --optional --source \
	        "$$($(OVS_PRISTINE) --id "$(OVS_SOURCE)")" \
	        --pristine $(srcdir)/$(OVS_GATE_RESULTS)' - \
	    $(OVS_RUN) check '$(OVS_JOBS) $(OVS_GATE)' $(OVS_MAKE_ARGS)
ovs-results:
	@file=`$(OVS_PRISTINE) --results=gate --anew \
	    --flags='$(OVS_JOBS) $(OVS_GATE)' $(OVS_PRISTINE_ARGS)` && \
	    cp "$$file" $(srcdir)/$(OVS_GATE_RESULTS) && \
	    echo '$(OVS_GATE_RESULTS) is written'

# In every version of Open vSwitch that is supported.
check-versions: all
	@TALLY='$(TALLY_FROM_ANYWHERE)' OVS_JOBS='$(OVS_JOBS)' \
	    $(abs_top_srcdir)/tests/versions.sh $(abs_builddir) $(VERSIONS)

# All 2,500 of them, on both trees: an hour.
check-ovs: ovs.built
	@file=`$(OVS_PRISTINE) --results=all --flags='$(OVS_JOBS)' \
	    $(OVS_PRISTINE_ARGS)` && \
	    $(OVS_COMPARED) --name 'all of Open vSwitch' -- sh -c '"$$@" | \
	        $(OVS_COMPARE) --pristine '"$$file" - \
	        $(OVS_RUN) check '$(OVS_JOBS)' $(OVS_MAKE_ARGS)

# Its system tests on the userspace datapath, on both trees; root, and a
# network of their own.
OVS_SYSTEM_FLAGS =
check-ovs-system: ovs.built
	@if test "`id -u`" != 0; then \
	    exec $(OVS_COMPARED) --name 'system tests of Open vSwitch' \
	        --skip 'not root: they make network namespaces'; \
	fi; \
	file=`$(OVS_PRISTINE) --results=system \
	    --target=check-system-userspace --flags='$(OVS_SYSTEM_FLAGS)' \
	    $(OVS_PRISTINE_ARGS)` && \
	    $(OVS_COMPARED) --name 'system tests of Open vSwitch' -- sh -c \
	        '"$$@" | $(OVS_COMPARE) --part --pristine '"$$file" - \
	        $(OVS_RUN) check-system-userspace '$(OVS_SYSTEM_FLAGS)' \
	        $(OVS_MAKE_ARGS)
endif

.PHONY: install-ovs uninstall-ovs clean-ovs check-inspect check-ovs-gate \
	check-ovs check-ovs-system check-versions ovs-results
