#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# enabled=false switches an inspector off at once and leaves no trace; what
# memory one needs is known before it is taken.
#
#   off      no action in any datapath flow, no packet counted, its memory
#            given back, its threads asleep and not more than before, records
#            of what was open delivered, not a packet lost; on again, the same
#   memory   a table that does not fit into the machine, into the control
#            group or into what may be locked is refused with figures; and
#            ovs-vswitchd lives on
#
# Mutations that make it fail: keep the table of a disabled inspector; leave
# is_affordable() out; count anew what begins after enabled=true.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
udp() {             # COUNT LOCAL-PORT: echoed, or the test fails.
    test "$(vm a "$traffic" udp 10.0.0.2 7 "$1" 100 "$2")" = "$1"
}
of_status() {       # KEY: kB of ovs-vswitchd.
    sed -n "s/^$1:[^0-9]*\\([0-9]*\\).*/\\1/p" "/proc/$(switch_pid)/status"
}
n_ours() {
    grep -l '^insp' "/proc/$(switch_pid)/task/"*/comm | wc -l
}
threads() { of_status Threads; }
# What threads of ours have run so far, in hundredths of a second; theirs are
# the names that begin with "insp".
ticks() {
    local task
    for task in "/proc/$(switch_pid)/task/"*; do
        case $(cat "$task/comm") in
        insp*) sed 's/.*) //' "$task/stat" | cut -d' ' -f12,13 ;;
        esac
    done | awk '{ n += $1 + $2 } END { print n + 0 }'
}
dump() { appctl dpctl/dump-flows netdev@ovs-netdev; }
has_action() { dump | grep -q 'inspect('; }
has_none() {
    # And there are flows, or it would say nothing.
    udp 2 0
    dump >"$SANDBOX_DIR/out/dump"
    grep -q actions "$SANDBOX_DIR/out/dump" &&
        ! grep -n inspect "$SANDBOX_DIR/out/dump"
}
vms() { ovs-vsctl --timeout=20 set Inspector vms "$@"; }
disabled() { status_is Inspector vms state disabled; }

host_up
check "bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
check "uplink" make_uplink up
vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7
check "inspector" make_inspector vms 1 up br0 flow_limit=1000000
check_soon "active" 5 status_is Inspector vms state active
check_soon "uplink active" 5 uplink_active up
size=$(appctl inspect/show --json | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)["inspectors"][0]["connections"]
      ["memory_bytes"] // 1024)')
check "a million connections take some memory ($size kB)" test "$size" -gt \
    100000
is "ovs-inspectctl size says the same, in MiB" \
    "$(ovs-inspectctl size 1000000 | sed -n 's/^flow_limit 1000000: //p')" \
    "$(awk "BEGIN { printf \"%.1f MiB\", $size / 1024 }")"
# Connections make pages real.
check "4000 connections" vm a "$traffic" connections 10.0.0.2 7 4000 50
vm_spawn a steady "$traffic" steady 10.0.0.2 7 600
check_soon "the datapath has the action" 5 has_action
sleep 1
taken=$(of_status VmSize)
resident=$(of_status VmRSS)
threads=$(threads)

# Off.
began=${EPOCHREALTIME/./}
check "enabled=false" vms enabled=false
check_within "the action is gone" 3 not has_action
took=$(((${EPOCHREALTIME/./} - began) / 1000))
check "that took $took ms" test $took -lt $((2500 * $(busy)))
check "no datapath flow has it" has_none
before=$(inspected)
check_soon "says disabled" 3 disabled
check "no flow of OpenFlow has it" not eval \
    'ovs-ofctl dump-flows br0 | grep inspect'
given_back() { test $((taken - $(of_status VmSize))) -gt $((size * 9 / 10)); }
check_soon "its memory is given back" 15 given_back
diag "address space $taken kB, then $(of_status VmSize) kB; resident" \
    "$resident kB, then $(of_status VmRSS) kB"
check "resident memory went down, too" test "$(of_status VmRSS)" -lt \
    "$resident"
# Who answers ovs-appctl is a thread, for as long as that takes.
no_more_threads() { test "$(threads)" -le "$threads"; }
check_soon "no thread more than before" 5 no_more_threads
check_soon "what was open was reported" 5 records \
    "dest_port == 7 and proto == 'UDP' and flow.pkts_toserver > 10"
sandbox_kill steady
read -r sent got longest <"$SANDBOX_DIR/out/steady"
is "no packet was lost by it (longest gap $longest ms)" "$got" "$sent"
check "traffic goes on" udp 20 4100
is "nothing is inspected" "$(inspected)" "$before"
check "still no action" has_none
check "it has threads ($(n_ours))" test "$(n_ours)" -gt 0
t=$(ticks)
sleep 4
check "its threads sleep ($(($(ticks) - t)) hundredths of a second in 4 s)" \
    test $(($(ticks) - t)) -lt 8
check "an explicit action" ovs-ofctl add-flow br0 \
    'priority=9,udp,actions=inspect(id=1),NORMAL'
check "passes packets of an inspector that is off" udp 10 4101
is "they are counted as skipped, no more" "$(inspected)" "$before"
check "gone" ovs-ofctl --strict del-flows br0 'priority=9,udp'

# On again, ten times.
begun() { ovs-vsctl get Inspector vms statistics:connections_begun; }
check_soon "4000 connections are in the statistics" 8 eval \
    'test "$(begun)" -gt 4000'
begun=$(begun)
for ((i = 0; i < 10; i++)); do
    vms enabled=true
    sandbox_wait 5 is_active vms || break
    udp 3 $((4200 + i)) || break
    vms enabled=false
    sandbox_wait 5 disabled || break
done
is "on and off ten times" $i 10
check_soon "no memory is left behind" 15 given_back
check_soon "no thread either" 5 no_more_threads
check "on" vms enabled=true
check_soon "active" 5 is_active vms
before=$(inspected)
check "traffic" udp 10 4300
check "is inspected" test $(($(inspected) - before)) -ge 20
check_soon "each of the ten was reported" 5 eval \
    'flush; test "$(records "4200 <= (src_port or 0) < 4210")" -ge 10'
check_soon "counters went on: 11 connections more at least" 8 eval \
    'test "$(begun)" -ge $((begun + 11))'

# On no bridge.
check "on no bridge" ovs-vsctl clear Bridge br0 inspectors
no_statistics() { test "$(ovs-vsctl get Inspector vms statistics)" = '{}'; }
check_soon "nothing is counted, and no memory said to be in use" 5 \
    no_statistics
check "back" ovs-vsctl add Bridge br0 inspectors "$(row Inspector vms)"
check_soon "active" 5 status_is Inspector vms state active

# Rows gone altogether.
check "destroyed" ovs-vsctl -- destroy Inspector vms \
    -- destroy Inspect_Uplink up
check_soon "no datapath flow has the action" 3 has_none
check_soon "its memory is given back" 15 given_back
check "traffic goes on" udp 20 4400

# Memory.
check "uplink" make_uplink up
refused() {         # PATTERN
    status_matches Inspector vms error "$1"
}
check "an inspector for 100,000,000 connections" make_inspector vms 1 up br0 \
    flow_limit=100000000
free=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
if test "$free" -lt 40; then
    check_soon "is refused, with figures" 5 refused \
        'flow_limit 100000000 needs [0-9.]+ GiB of memory, and [0-9.]+ .iB can'
    is "and in error" "$(status Inspector vms state)" error
    check "traffic goes on" udp 10 4401
else
    skip "is refused, with figures" "this machine has $free GiB"
fi
check "for 1000 it is not" vms flow_limit=1000
check_soon "active, and nothing remains of the error" 5 eval \
    'status_is Inspector vms state active && ! refused .'
check "traffic" udp 10 4402
check "destroyed" ovs-vsctl -- destroy Inspector vms

# Locked memory: all that ovs-vswitchd has is locked, and may not be more than
# a limit, which CAP_IPC_LOCK would lift.
check "ovs-vswitchd ends" switch_stop
locked_start() {    # LIMIT in bytes
    prlimit "--memlock=$1:$1" setpriv --bounding-set=-ipc_lock \
        --inh-caps=-ipc_lock ovs-vswitchd "unix:$OVS_RUNDIR/db.sock" \
        --mlockall --no-chdir --detach --pidfile --log-file -vconsole:off \
        -vsyslog:off
}
hard=$(ulimit -Hl)
if test "$hard" = unlimited || test "$hard" -gt 2000000; then
    check "it starts with --mlockall and a limit" locked_start 2000000000
    locked=$(of_status VmLck)
    check "an inspector that fits" make_inspector vms 1 up br0 \
        flow_limit=10000
    check_soon "is active" 10 status_is Inspector vms state active
    check "its memory is locked" test "$(of_status VmLck)" -gt "$locked"
    check "one for 10,000,000" vms flow_limit=10000000
    check_soon "is refused for what may be locked" 10 refused \
        'may still be locked.*RLIMIT_MEMLOCK'
    check "and the table that was goes on" refused 'previous table stays'
    check "ovs-vswitchd lives, traffic goes on" udp 10 4500
else
    check "it starts" switch_start
    skip "what may be locked" "$hard kB at the most may be locked here"
fi
host_down
done_testing
