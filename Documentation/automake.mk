# SPDX-License-Identifier: Apache-2.0
manual_pages = \
	Documentation/ovs-inspect-actions.7 \
	Documentation/ovs-inspect-appctl.8 \
	Documentation/ovs-inspect-collector.8 \
	Documentation/ovs-inspect-probe.8 \
	Documentation/ovs-inspectctl.8
man_MANS += $(manual_pages)

EXTRA_DIST += $(manual_pages) \
	Documentation/README.md \
	Documentation/house.md \
	Documentation/howto-protocol.md \
	Documentation/install.md \
	Documentation/inventory.md \
	Documentation/operators.md \
	Documentation/install-rpm.md \
	Documentation/overload.md \
	Documentation/performance.md \
	Documentation/protocols.md \
	Documentation/quickstart.md \
	Documentation/records.md \
	Documentation/rules.md \
	Documentation/security.md \
	Documentation/sizing.md \
	Documentation/testing.md \
	Documentation/threads.md \
	Documentation/troubleshooting.md \
	Documentation/upgrade.md \
	Documentation/uplink.md \
	Documentation/versions.md

# Our part of ovs-vswitchd.conf.db(5), by Open vSwitch's own program.
if WITH_OVS
man_MANS += Documentation/ovs-inspect.conf.db.5
ALL_LOCAL += Documentation/ovs-inspect.conf.db.5
CLEANFILES += \
	Documentation/inspect.conf.db.xml \
	Documentation/inspect.ovsschema \
	Documentation/ovs-inspect.conf.db.5
Documentation/ovs-inspect.conf.db.5: ovs-ext/schema/inspect.xml \
	ovs-ext/schema/inspect.ovsschema.json build-aux/conf-db.py | ovs.built
	$(AM_V_GEN)$(MKDIR_P) Documentation && \
	$(PYTHON3) $(srcdir)/build-aux/conf-db.py \
	    $(srcdir)/ovs-ext/schema/inspect.ovsschema.json \
	    $(srcdir)/ovs-ext/schema/inspect.xml Documentation && \
	PYTHONPATH=ovs/python $(PYTHON3) ovs/ovsdb/ovsdb-doc \
	    --version=$(VERSION) Documentation/inspect.ovsschema \
	    Documentation/inspect.conf.db.xml >$@.new && mv $@.new $@
endif
