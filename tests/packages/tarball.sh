#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# "make dist" of one commit gives the same bytes wherever and whenever it runs.
#
#   git clone -> a/          umask 022, today
#   git clone -> b/long.../  umask 077, another locale and time zone, older files
#
# It is about what is committed: changes that are not are said and left out.
# Mutation that makes it fail: take "--sort=name" or "--mode" out of
# OVSEXT_SAME_TARBALL.
. "$(dirname "$0")/../system/lib.sh"

top=$(cd "$(dirname "$0")/../.." && pwd)
if ! test -e "$top/.git" || ! command -v git >/dev/null; then
    skip_all "not a git tree: there is nothing to clone"
fi
SANDBOX_DIR=$(mktemp -d /tmp/ovs-ext-tarball.XXXXXX) || exit 1
trap 'rm -rf "$SANDBOX_DIR"' EXIT
mkdir "$SANDBOX_DIR/out"

commit=$(git -c safe.directory='*' -C "$top" rev-parse HEAD)
# tarball DIR: clones, and makes DIR.tar.gz.
tarball() {
    git -c safe.directory='*' clone -q --no-hardlinks "$top" "$1" &&
    cd "$1" && git checkout -q --detach "$commit" && ./boot.sh && ./configure -q --without-ovs &&
    make -C _build dist && cp _build/ovs-ext-*.tar.gz "$1.tar.gz"
}
other() {
    umask 077
    export TZ=Pacific/Auckland LC_ALL=C
    tarball "$1"
}
version=$(sed -n 's/^AC_INIT(\[ovs-ext\], \[\(.*\)\])$/\1/p' "$top/configure.ac")
a=$SANDBOX_DIR/a
b=$SANDBOX_DIR/a-folder-with-another-length
# A subshell each, so that folder and environment are its own.
one() ( tarball "$a" )
two() ( other "$b" )
need "make dist in a clone" one
need "make dist in another clone" two
is "the same bytes" "$(sha256sum <"$b.tar.gz")" "$(sha256sum <"$a.tar.gz")"
list() { tar -tvzf "$a.tar.gz"; }
is "one time in all of it" \
    "$(list | awk '{ print $4, $5 }' | sort -u | wc -l)" 1
is "of nobody" "$(list | awk '{ print $2 }' | sort -u)" 0/0
check "it holds the spec" tar -xOzf "$a.tar.gz" \
    "ovs-ext-$version/rhel/ovs-ext.spec"
is "with the version" "$(tar -xOzf "$a.tar.gz" \
    "ovs-ext-$version/rhel/ovs-ext.spec" |
    sed -n 's/^Version: *//p')" "$version"
unpacked() (
    mkdir "$SANDBOX_DIR/u" && cd "$SANDBOX_DIR/u" && tar -xzf "$a.tar.gz" &&
    cd ovs-ext-* && ./configure -q --without-ovs && make -C _build dist &&
    cmp "$a.tar.gz" _build/ovs-ext-*.tar.gz
)
check "unpacked, it makes itself once more" unpacked
done_testing
