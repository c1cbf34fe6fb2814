# SPDX-License-Identifier: Apache-2.0
# RPM packages: Documentation/install-rpm.md.
EXTRA_DIST += \
	rhel/50-ovs-ext-hold.conf \
	rhel/50-ovs-ext.conf \
	rhel/ovs-ext.sh \
	rhel/ovs-ext.spec.in \
	rhel/rpmlint.toml \
	rhel/selinux/ovs_ext.fc \
	rhel/selinux/ovs_ext.if \
	rhel/selinux/ovs_ext.te

# The tarball holds the spec itself, so that "rpmbuild -ta" takes it.
RPM_SPEC = $(SED) 's/@[V]ERSION@/$(VERSION)/' $(srcdir)/rhel/ovs-ext.spec.in
dist-spec:
	@$(MKDIR_P) $(distdir)/rhel
	@$(RPM_SPEC) >$(distdir)/rhel/ovs-ext.spec
dist-hook: dist-spec

# "make rpm": source and binary packages, in rpm/.  RPM_FLAGS: more for
# rpmbuild, such as --nodeps where this host is no RPM distribution.
RPM_FLAGS =
if WITH_OVS
rpm: dist
	rm -rf rpm
	@$(MKDIR_P) rpm/SOURCES
	cp $(distdir).tar.gz rpm/SOURCES/
	cp '$(OVS_SOURCE)' rpm/SOURCES/openvswitch-$(OVS_VERSION).tar.gz
	rpmbuild -ta --define '_topdir $(abs_builddir)/rpm' \
	    --define 'ovs_version $(OVS_VERSION)' $(RPM_FLAGS) \
	    rpm/SOURCES/$(distdir).tar.gz
endif
CLEAN_LOCAL += clean-rpm
clean-rpm:
	rm -rf rpm
.PHONY: dist-spec rpm clean-rpm
