#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian's piuparts: each package into a clean Debian 12 of its own, with what it
# depends on, and out again; purged, it has left and changed nothing.  It is the
# opposite of debian.sh: nothing runs in there, and no host has been used.
#
# What systemd itself leaves behind when it is purged is not ours (LEAVINGS).
#
# Mutation that makes it fail: let the postinst of the collector touch a file of
# /etc that its postrm does not remove.
. "$(dirname "$0")/lib.sh"

command -v piuparts >/dev/null ||
    skip_all "no piuparts: apt-get install piuparts"
test "$(id -u)" = 0 || skip_all "not root"
packages_start
need "there are packages to test" packages_debs

LEAVINGS='/root/.ssh/ /var/cache/private/ /var/lib/private/ /var/log/private/
    /var/lib/systemd/coredump/ /var/lib/systemd/pstore/'
base=$WORK/base.tar.gz
set -- --distribution=bookworm --no-eatmydata --log-level=info \
    --mirror="${DEBIAN_MIRROR:-http://deb.debian.org/debian} main"
for path in $LEAVINGS; do
    set -- "$@" --ignore="$path"
done

# clean PACKAGE...: what each says of itself is in TAP_OUT.
clean() {
    local p debs=()
    for p in $1; do
        debs+=("$DEBS/${p}"_*.deb)
    done
    shift
    if test -e "$base"; then set -- "$@" --basetgz="$base"
    else set -- "$@" --save="$base"
    fi
    TMPDIR=$WORK piuparts "$@" "${debs[@]}"
}
for p in ovs-inspect-probe ovs-ext-doc ovs-inspect-collector \
    "ovs-inspect-tools openvswitch-switch-inspect" \
    "ovs-inspect-tools openvswitch-switch-inspect openvswitch-switch-inspect-dpdk"
do
    check "${p##* }: in, out, nothing left" clean "$p" "$@"
done
done_testing
