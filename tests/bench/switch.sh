#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What inspection costs in the switch: a ratio to plain forwarding, beside what
# the switch itself can do of that kind.
#
#     PREFIX=... tests/bench/switch.sh [OPTION]...      Open vSwitch with DPDK
#     tests/bench/switch.sh --help                      The options.
#
#     two captures, read for ever (net_pcap), one a direction
#          |                  |
#        left --- br0 ------ right      one PMD thread on the last processor;
#                  |                    what a port sends, its driver drops
#               mirror (net_null)
#
# This makes the host (a sandbox with its own Open vSwitch, a collector and an
# uplink) and hands over to switch.py.  It needs root, DPDK and 2 GiB of memory
# for huge pages, and says so where it cannot be had.  INSP_PCAPS: a folder of
# captures, for --traffic=captures.
BENCH_HOME=$(cd "$(dirname "$0")" && pwd)
for arg; do
    case $arg in
    -h | --help)
        exec /usr/bin/python3 "$BENCH_HOME/switch.py" --help
        ;;
    --vhost)
        guests=1
        ;;
    --json=*)
        BENCH_JSON=$(realpath -- "${arg#*=}")
        export BENCH_JSON
        ;;
    esac
done
LIMIT=${LIMIT:-14400}
# shellcheck disable=SC2034
VM_LINK=virtio
# shellcheck source=../system/lib.sh
. "$BENCH_HOME/../system/lib.sh"
# shellcheck disable=SC2034
{
    DPDK_MEMORY=1536
    DPDK_GUEST_MEMORY=352
    DPDK_GUESTS=${guests:-0}
}
system_test "$@"

host_up
need "a bridge" bridge br0
need "its own port is of no use" ip link set dev br0 down
need "an uplink" make_uplink up
UPLINK=$(row Inspect_Uplink up) DPDK_CPU=$(dpdk_cpus)
GUEST_CPU=${DPDK_CPU%% *} DPDK_CPU=${DPDK_CPU##* }
export UPLINK DPDK_CPU GUEST_CPU SANDBOX_DIR OVS_RUNDIR
/usr/bin/python3 "$BENCH_HOME/switch.py" --inside "$@" 2>&1
check "everything took effect and was measured" test $? = 0
host_down
done_testing
