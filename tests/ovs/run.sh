#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One run of a testsuite of Open vSwitch in a tree that is built.
#
#     run.sh TREE TARGET FLAGS [ARGUMENT OF MAKE]...
#
# TARGET is check or check-system-userspace.  The latter is for root and has a
# host of its own for it: process ids, mounts, network and the names of
# network namespaces are private, so that what a test leaves behind goes with
# it, and what runs on this host is not touched.  The former needs no root,
# and with root has a network of its own, because each run of it adds a link
# named veth0 and deletes it, whosever it is.  What failed is run once more: a
# tool that the machine let wait says so where a test expects silence.

tree=$1
target=$2
flags=$3
shift 3

run() {
    make --no-print-directory -C "$tree" "$target" RECHECK=yes \
        TESTSUITEFLAGS="$flags" "$@" </dev/null
}

# Inside: process 1 of the new namespaces, or the first in a new network.
case $OVSEXT_IN_NAMESPACE in
host)
    mount -t tmpfs tmpfs /run && mkdir /run/netns &&
        mount -t sysfs sysfs /sys && ip link set dev lo up || exit 1
    run "$@"
    exit
    ;;
network)
    ip link set dev lo up || exit 1
    run "$@"
    exit
    ;;
esac

# What is not made yet is made by the owner of the tree, outside.
case $target in
check-system-*)
    if test "$(id -u)" != 0; then
        echo "1..0 # SKIP not root: Open vSwitch's system tests make network" \
            "namespaces"
        exit 77
    fi
    export OVSEXT_IN_NAMESPACE=host
    exec unshare --fork --kill-child --pid --mount --net --mount-proc \
        -- "$BASH" "$0" "$tree" "$target" "$flags" "$@"
    ;;
*)
    # Root in a container may be allowed neither.
    if test "$(id -u)" = 0 && unshare --net true 2>/dev/null; then
        export OVSEXT_IN_NAMESPACE=network
        exec unshare --net -- "$BASH" "$0" "$tree" "$target" "$flags" "$@"
    fi
    run "$@"
    ;;
esac
