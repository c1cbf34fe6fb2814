#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One run of a testsuite of Open vSwitch in a tree that is built.
#
#     run.sh TREE TARGET FLAGS [ARGUMENT OF MAKE]...
#
# TARGET is check or check-system-userspace.  With root it has a host of its
# own for it: process ids, mounts, network and the names of network namespaces
# are private, so that what a test leaves behind goes with it, also when it is
# stopped, and what runs on this host is not touched: even "check", which needs
# no root, adds a link named veth0 and deletes it, whosever it is.  What failed
# is run once more: a tool that the machine let wait says so where a test
# expects silence.

tree=$1
target=$2
flags=$3
shift 3

run() {
    make --no-print-directory -C "$tree" "$target" RECHECK=yes \
        TESTSUITEFLAGS="$flags" "$@" </dev/null
}

# Inside: process 1 of the new namespaces.
if test -n "$OVSEXT_IN_NAMESPACE"; then
    unset OVSEXT_IN_NAMESPACE
    mount -t tmpfs tmpfs /run && mkdir /run/netns &&
        mount -t sysfs sysfs /sys && ip link set dev lo up || exit 1
    run "$@"
    exit
fi

# What is not made yet is made by the owner of the tree, outside.
own=(unshare --fork --kill-child --pid --mount --net --mount-proc --)
if test "$(id -u)" = 0 && "${own[@]}" true 2>/dev/null; then
    export OVSEXT_IN_NAMESPACE=1
    exec "${own[@]}" "$BASH" "$0" "$tree" "$target" "$flags" "$@"
fi
case $target in
check-system-*)
    echo "1..0 # SKIP no root that may make namespaces, which Open vSwitch's" \
        "system tests need"
    exit 77
    ;;
*) run "$@" ;;
esac
