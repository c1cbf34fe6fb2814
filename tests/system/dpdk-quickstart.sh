#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ./quickstart.sh --dpdk --once: every sum holds on DPDK, too, and this host's
# huge pages are given back; also after kill -9 with --clean.  Runs outside of
# any sandbox.
#
# In: PREFIX, built with DPDK.
# Mutation that makes it fail: leave sandbox_hugepages_back out of
# sandbox_clean.
VM_LINK=virtio
. "$(dirname "$0")/lib.sh"

quickstart=$TESTS_HOME/../../quickstart.sh
if test -z "$PREFIX"; then
    echo "1..0 # SKIP PREFIX is not set: quickstart.sh would build"
    exit 77
elif why=$(sandbox_missing) || why=$(dpdk_missing); then
    echo "1..0 # SKIP $why"
    exit 77
fi
SANDBOX_DIR=$(mktemp -d /tmp/ovs-ext-quickstart.XXXXXX)
mkdir "$SANDBOX_DIR/out"
: >"$SANDBOX_DIR/stderr"
trap 'at_exit; rm -rf "$SANDBOX_DIR"' EXIT
export SANDBOX_PATTERN=$SANDBOX_DIR-sandbox.
once=$SANDBOX_DIR/out/once

pages() {
    cat "$HUGEPAGES/nr_hugepages"
}
before=$(pages)
pages_are_back() {
    equal "$(pages)" "$before"
}
sandboxes() {
    ls -d "$SANDBOX_PATTERN"* 2>/dev/null
}
run() {
    "$quickstart" --dpdk --once >"$once" 2>&1
}
run
status=$?
if grep 'huge pages of 2 MiB can be had' "$once"; then
    echo "1..0 # SKIP $(cat "$once")"
    FINISHED=1
    exit 77
fi
check "--dpdk --once succeeds" eval 'cat "$once"; test $status = 0'
check "its summary says that every sum holds" grep 'Every sum holds' "$once"
check "the switch ran on DPDK" grep 'on DPDK  *ok' "$once"
check "some packets went through the function" \
    grep -E 'while it ran +[1-9][0-9,]* +[1-9][0-9,]* +0 +0  =$' "$once"
check_soon "huge pages are given back" 5 pages_are_back
check "nothing is left" not sandboxes

once=$SANDBOX_DIR/out/again
run &
booted() {
    grep 'VM web.*ok' "$once" || { cat "$once"; return 1; }
}
check_soon "once more: guests boot" 60 booted
check "huge pages are taken" not pages_are_back
read -r owner _ <"$(sandboxes)/owner"
check "kill -9" kill -9 "$owner"
wait
check "--clean" "$quickstart" --clean
check_soon "huge pages are given back" 5 pages_are_back
check "nothing is left" not sandboxes
done_testing
