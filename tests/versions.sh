#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The extension in each version of Open vSwitch that it supports: in the one
# that is built already, and in those of other releases of Debian, which are
# downloaded and built in folders of their own.  Nothing of these is
# installed on this machine.
#
#     tests/versions.sh BUILD [SUITE]...
#
# BUILD is a build directory whose "make install" has been run; SUITE a release
# of Debian, or "-" for BUILD itself (default: - trixie sid).  For each:
# warnings are errors in the build, switches over Open vSwitch's enumerations
# included; our cases in its testsuite; sources that do not fit are refused;
# and tests/system with real packets.
#
# In: TALLY (build-aux/tally.py and its options), OVS_JOBS (-jN), V.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=build-aux/build.sh
. "$top/build-aux/build.sh"

# What stands on the edits and on ovs-compat.h, of tests/system.
SYSTEM="version e2e insertion firewall redirect redirect-paths redirect-encap"

build=$(realpath "$1")
shift
test $# -gt 0 || set -- - trixie sid
: "${OVS_JOBS:=-j2}"
: "${TALLY:=/usr/bin/python3 $top/build-aux/tally.py}"
# Builds for other versions compile the same files of ours once more.
cc=gcc
test ! -x /usr/lib/ccache/gcc || cc=/usr/lib/ccache/gcc

tally() {
    # shellcheck disable=SC2086
    $TALLY versions "$@"
}

# try FOLDER PREFIX: all tests of one version.
try() {
    local folder=$1 prefix=$2 release source t
    release=$(sed -n 's/^OVS_VERSION = //p' "$folder/Makefile")
    source=$(sed -n 's/^OVS_SOURCE = //p' "$folder/Makefile")
    tally --name "$release: sources that do not fit" -- \
        "$top/tests/ovs/test-integrate.sh" "$source" --configure
    make --no-print-directory -C "$folder" check-inspect \
        OVS_JOBS="$OVS_JOBS" TALLY="$TALLY" INSPECT_SUITE=versions \
        INSPECT_NAME="$release: inspect.at"
    for t in $SYSTEM; do
        PREFIX=$prefix tally --name "$release: $t.sh" -- \
            "$top/tests/system/$t.sh"
    done
}

# other SUITE: fetched, built, tried.
other() {
    local suite=$1 folder=$build/versions/$1 source
    if ! source=$("$top/build-aux/ovs-sources.sh" \
                  --dir="$build/versions/sources" "$suite" \
                  2>"$build/versions/$suite.log"); then
        cat "$build/versions/$suite.log"
        tally --name "$suite" --skip "Open vSwitch of Debian $suite cannot be \
had: $(tail -n 1 "$build/versions/$suite.log")"
        return
    fi
    cat "$build/versions/$suite.log"
    export OVSEXT_CONFIGURE="--with-ovs-source=$source --enable-werror CC=$cc"
    if ! JOBS=${OVS_JOBS#-j} ovsext_build "$folder/prefix" "$folder"; then
        tally --name "$suite: builds" -- false
        return
    fi
    tally --name "$suite: builds" -- true
    try "$folder" "$folder/prefix"
}

mkdir -p "$build/versions" || exit 1
for suite; do
    if test "$suite" = -; then
        prefix=$(sed -n 's/^prefix = //p' "$build/Makefile")
        try "$build" "$prefix"
    else
        other "$suite"
    fi
done
