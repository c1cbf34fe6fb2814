# SPDX-License-Identifier: Apache-2.0
# The probe has the library and nothing of Open vSwitch.
bin_PROGRAMS += utilities/ovs-inspect-probe

utilities_ovs_inspect_probe_SOURCES = \
	utilities/probe/file.c \
	utilities/probe/file.h \
	utilities/probe/link.c \
	utilities/probe/live.c \
	utilities/probe/live.h \
	utilities/probe/main.c \
	utilities/probe/options.c \
	utilities/probe/options.h \
	utilities/probe/output.c \
	utilities/probe/output.h \
	utilities/probe/packet.h \
	utilities/probe/progress.c \
	utilities/probe/progress.h \
	utilities/probe/session.c \
	utilities/probe/session.h \
	utilities/probe/summary.c \
	utilities/probe/summary.h
utilities_ovs_inspect_probe_LDADD = lib/libinsp.a $(PCAP_LIBS) \
	$(OPENSSL_LIBS)

# Beside those of Open vSwitch.
bashcompdir = $(sysconfdir)/bash_completion.d
bashcomp_DATA = utilities/completion/ovs-inspect-bashcomp.bash
EXTRA_DIST += $(bashcomp_DATA)

# Programs of our own, on Open vSwitch's library (daemon, unixctl, vlog, IDL)
# and ours.  Its headers are the system's for us: our warnings are not theirs.
if WITH_OVS
OVS_CPPFLAGS = -isystem $(abs_builddir)/ovs/include \
	-isystem $(abs_builddir)/ovs/lib -isystem $(abs_builddir)/ovs
OVS_LIBS = $(abs_builddir)/ovs/lib/libopenvswitch.la

bin_PROGRAMS += \
	utilities/ovs-inspect-collector \
	utilities/ovs-inspectctl

utilities_ovs_inspect_collector_SOURCES = \
	utilities/collector/block.c \
	utilities/collector/block.h \
	utilities/collector/copy.c \
	utilities/collector/copy.h \
	utilities/collector/credentials.c \
	utilities/collector/credentials.h \
	utilities/collector/dial.c \
	utilities/collector/dial.h \
	utilities/collector/intervals.c \
	utilities/collector/intervals.h \
	utilities/collector/journal-private.h \
	utilities/collector/journal-recover.c \
	utilities/collector/journal.c \
	utilities/collector/journal.h \
	utilities/collector/listen.c \
	utilities/collector/listen.h \
	utilities/collector/main.c \
	utilities/collector/options.c \
	utilities/collector/options.h \
	utilities/collector/output.c \
	utilities/collector/output.h \
	utilities/collector/ovs-compat.h \
	utilities/collector/peer-frames.c \
	utilities/collector/peer-private.h \
	utilities/collector/peer-records.c \
	utilities/collector/peer.c \
	utilities/collector/peer.h \
	utilities/collector/peers.c \
	utilities/collector/peers.h \
	utilities/collector/sensors.c \
	utilities/collector/sensors.h \
	utilities/collector/show.c \
	utilities/collector/show.h \
	utilities/collector/sink.h \
	utilities/collector/streams.c \
	utilities/collector/streams.h
utilities_ovs_inspect_collector_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
utilities_ovs_inspect_collector_DEPENDENCIES = lib/libinsp.a ovs.built
utilities_ovs_inspect_collector_LDADD = lib/libinsp.a $(OVS_LIBS) \
	$(OPENSSL_LIBS)

utilities_ovs_inspectctl_SOURCES = \
	utilities/inspectctl/ask.c \
	utilities/inspectctl/database.c \
	utilities/inspectctl/doctor-host.c \
	utilities/inspectctl/doctor-rows.c \
	utilities/inspectctl/doctor-uplinks.c \
	utilities/inspectctl/doctor.c \
	utilities/inspectctl/doctor.h \
	utilities/inspectctl/functions.c \
	utilities/inspectctl/generic.c \
	utilities/inspectctl/greeting.c \
	utilities/inspectctl/greeting.h \
	utilities/inspectctl/inspectctl.h \
	utilities/inspectctl/main.c \
	utilities/inspectctl/member.c \
	utilities/inspectctl/ovs-compat.h \
	utilities/inspectctl/rows.c \
	utilities/inspectctl/rules.c \
	utilities/inspectctl/sets.c \
	utilities/inspectctl/size.c \
	utilities/inspectctl/switch.c \
	utilities/inspectctl/top.c \
	utilities/inspectctl/uplink-test.c \
	utilities/inspectctl/uplinks.c \
	utilities/inspectctl/words.c
utilities_ovs_inspectctl_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
utilities_ovs_inspectctl_DEPENDENCIES = lib/libinsp.a ovs.built
utilities_ovs_inspectctl_LDADD = lib/libinsp.a $(OVS_LIBS) $(OPENSSL_LIBS)

# Headers that Open vSwitch generates come first.
$(utilities_ovs_inspect_collector_OBJECTS) \
$(utilities_ovs_inspectctl_OBJECTS): | ovs.built
endif

# Running the collector as a service: for both kinds of packages.  AppArmor,
# and a switch between versions: for those of Debian.
EXTRA_DIST += \
	utilities/apparmor/ovs-inspect-collector \
	utilities/switch/ovs-inspect-switch \
	utilities/systemd/ovs-inspect-collector.default \
	utilities/systemd/ovs-inspect-collector.logrotate \
	utilities/systemd/ovs-inspect-collector.service \
	utilities/systemd/ovs-inspect-collector.sysusers \
	utilities/systemd/ovs-inspect-collector.tmpfiles
