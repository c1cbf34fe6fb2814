# Packages of Debian: "dpkg-buildpackage -b".
EXTRA_DIST += \
	debian/50-inspect.conf \
	debian/changelog \
	debian/clean \
	debian/control \
	debian/copyright \
	debian/openvswitch-switch-inspect-dpdk.install \
	debian/openvswitch-switch-inspect-dpdk.postinst \
	debian/openvswitch-switch-inspect-dpdk.prerm \
	debian/openvswitch-switch-inspect.default \
	debian/openvswitch-switch-inspect.install \
	debian/openvswitch-switch-inspect.lintian-overrides \
	debian/openvswitch-switch-inspect.postinst \
	debian/openvswitch-switch-inspect.postrm \
	debian/openvswitch-switch-inspect.preinst \
	debian/openvswitch-switch-inspect.prerm \
	debian/ovs-appctl.bash \
	debian/ovs-ext-doc.docs \
	debian/ovs-ext-doc.install \
	debian/ovs-inspect-collector.install \
	debian/ovs-inspect-collector.postrm \
	debian/ovs-inspect-probe.install \
	debian/ovs-inspect-tools.install \
	debian/rules \
	debian/source/format \
	debian/source/options \
	debian/tests/control \
	debian/tests/inspect
