man_MANS += \
	Documentation/ovs-inspect-probe.8 \
	Documentation/ovs-inspect-collector.8 \
	Documentation/ovs-inspectctl.8

EXTRA_DIST += $(man_MANS) \
	Documentation/house.md \
	Documentation/performance.md \
	Documentation/quickstart.md \
	Documentation/records.md \
	Documentation/rules.md \
	Documentation/testing.md \
	Documentation/threads.md \
	Documentation/troubleshooting.md \
	Documentation/uplink.md
