#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian packages out of "make dist": they build from the tarball alone, lintian
# has nothing to say, a second build gives the same bytes, and what is said
# about versions, confinement and folders agrees.
#
# The second build is in a folder with another name and without the package
# with DPDK; the cache gives it nothing.  It still passes through ccache, which
# makes paths of headers relative: debug information names them as it was given
# them.
#
# Mutations that make it fail: __DATE__ in a program, or __FILE__ by its full
# name; a file of debian/ that is not in EXTRA_DIST; another version in
# debian/changelog.
#
#     debian-build.sh [--only-build]     # into packages/debs of OVSEXT_BUILD
. "$(dirname "$0")/lib.sh"

export LIMIT=5400
for tool in dpkg-buildpackage dh lintian; do
    command -v $tool >/dev/null ||
        skip_all "no $tool: apt-get install debhelper dpkg-dev lintian"
done
test -e "$OVSEXT_BUILD/Makefile" ||
    skip_all "nothing is configured in $OVSEXT_BUILD"

version=$(sed -n 's/^AC_INIT(\[ovs-ext\], \[\(.*\)\])$/\1/p' "$TOP/configure.ac")
tarball=$STORE/ovs-ext-$version.tar.gz
source=$STORE/source/ovs-ext-$version
# The second Open vSwitch, on DPDK, takes as long as the first: DPDK=no for none.
test "$DPDK" != no || export DEB_BUILD_PROFILES=pkg.ovs-ext.nodpdk

needs_met() {
    (cd "$TOP" && dpkg-checkbuilddeps ${DEB_BUILD_PROFILES:+-P"$DEB_BUILD_PROFILES"})
}

# dist: a new tarball.
dist() {
    make -C "$OVSEXT_BUILD" dist &&
    mkdir -p "$STORE" && cp "$OVSEXT_BUILD/${tarball##*/}" "$tarball"
}

# unpack: it becomes $source.
unpack() {
    local parent=${source%/*}
    rm -rf "$parent" && mkdir -p "$parent" &&
    tar -xzf "$tarball" -C "$parent"
}

# What the packages are made of, as one number.
fingerprint() {
    { (cd "$source" && find . -type f -print0 | LC_ALL=C sort -z |
        xargs -0 sha256sum)
      dpkg-query -W openvswitch-source
      echo "$DEB_BUILD_PROFILES"; } | sha256sum
}

# The compiler's cache serves here as well.
build() {
    (cd "$source" &&
     CCACHE_DIR=${CCACHE_DIR:-$HOME/.cache/ccache} CCACHE_BASEDIR=$source \
        CCACHE_NOHASHDIR=1 DEB_BUILD_OPTIONS="$1" \
        dpkg-buildpackage -b -us -uc -j"${JOBS:-$(nproc)}")
}

collect() {
    rm -rf "$1" && mkdir -p "$1" &&
    mv "${source%/*}"/*.deb "${source%/*}"/*.changes \
        "${source%/*}"/*.buildinfo "$1"
}

first_build() {
    dist && unpack || return
    test -e "$STORE/debs/made-from" &&
        test "$(cat "$STORE/debs/made-from")" = "$(fingerprint)" && return
    local from
    from=$(fingerprint)
    build "$OPTIONS" && collect "$STORE/debs" &&
    echo "$from" >"$STORE/debs/made-from"
}

# Another time, another place on the globe, another language, another folder.
second_build() {
    local source=$STORE/source-once-more/ovs-ext-$version
    export DEB_BUILD_PROFILES=pkg.ovs-ext.nodpdk CCACHE_RECACHE=1
    export TZ=Pacific/Kiritimati LC_ALL=C.UTF-8
    unpack && build nocheck && collect "$STORE/again" && rm -rf "${source%/*}"
}

# same_bytes: each package of the second build is that of the first.
same_bytes() {
    cd "$STORE/again" || return
    set -- *.deb
    sha256sum -- "$@"
    test $# -ge 5 || return
    diff <(cd "$STORE/debs" && sha256sum -- "$@") <(sha256sum -- "$@")
}

packages_start
if test "$1" = --only-build; then
    OPTIONS=nocheck
    first_build
    exit
fi

need "what building needs is installed" needs_met
OPTIONS=
need "packages are built from the tarball" first_build
is "debian/changelog has the version of configure.ac" \
    "$(cd "$source" && dpkg-parsechangelog -S Version)" "$version"
check "lintian says nothing" lintian --fail-on error,warning \
    --tag-display-limit 0 "$STORE"/debs/*.changes
for p in openvswitch-switch-inspect ovs-inspect-collector; do
    check "$p says what it was built from" sh -c \
        "dpkg-deb -f '$STORE'/debs/${p}_*.deb Built-Using | grep '^openvswitch (= '"
done
# Of what the tarball has, and not of a tree that was built.
source_package() {
    mkdir -p "$WORK/source" && tar -xzf "$tarball" -C "$WORK/source" &&
    (cd "$WORK/source" && dpkg-source --build "ovs-ext-$version")
}
check "a source package is made" source_package
check "of which lintian says nothing, either" \
    lintian --fail-on error,warning "$WORK"/source/*.dsc

# A process of its own, which the environment of the second build ends with.
again() ( second_build )
check "a second build" again
check "has the same bytes" same_bytes
diag "$(cat "$TAP_OUT")"

unpacked=$WORK/collector
dpkg-deb -x "$STORE"/debs/ovs-inspect-collector_*.deb "$unpacked"
if command -v apparmor_parser >/dev/null; then
    check "AppArmor reads the profile" apparmor_parser --skip-kernel-load \
        --skip-cache \
        "$unpacked/etc/apparmor.d/ovs-inspect-collector"
else
    skip "AppArmor reads the profile" "no apparmor_parser: apt-get install apparmor"
fi
skip "AppArmor confines the collector" \
    "$(test -d /sys/kernel/security/apparmor && echo "not tried" ||
       echo "this kernel has no AppArmor")"
done_testing
