# SPDX-License-Identifier: Apache-2.0
# The extension inside the build of Open vSwitch.
#
# Included at the end of its Makefile.am.  The caller of make gives, on the
# command line, INSP_CPPFLAGS (-I of our lib/), INSP_LIBS (libinsp.a by its
# absolute path, and what that needs) and INSP_ARCHIVE (that path alone, so
# that a newer one is linked again).  sources.mk, written by the
# integration, lists the files that go into ovs-vswitchd alone.
include ovs-ext/sources.mk

AM_CPPFLAGS += $(INSP_CPPFLAGS)

# Every program that prints or parses actions needs the codec.  Nothing here
# knows the inspector.
lib_libopenvswitch_la_SOURCES += \
	ovs-ext/action-codec.c \
	ovs-ext/action-codec.h \
	ovs-ext/hooks.h \
	ovs-ext/inside-ofp-actions.h \
	ovs-ext/port-use.c \
	ovs-ext/port-use.h

ofproto_libofproto_la_SOURCES += \
	ovs-ext/datapaths.c \
	ovs-ext/datapaths.h \
	ovs-ext/inside-xlate.h \
	ovs-ext/view.c \
	ovs-ext/view.h \
	ovs-ext/xlate.c \
	ovs-ext/xlate.h

vswitchd_ovs_vswitchd_SOURCES += $(OVSEXT_VSWITCHD_SOURCES)
vswitchd_ovs_vswitchd_LDADD += $(INSP_LIBS)
EXTRA_vswitchd_ovs_vswitchd_DEPENDENCIES = $(INSP_ARCHIVE)

# The public header of actions includes it.
ovsextincludedir = $(includedir)/ovs-ext
ovsextinclude_HEADERS = ovs-ext/ofpact-inspect.h

EXTRA_DIST += ovs-ext/ovs-tree.mk ovs-ext/sources.mk
