
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
