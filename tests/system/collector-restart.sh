#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The collector is killed and comes back: forwarding does not notice, the
# uplink says why it is not connected, and records flow again within 2 s.
#
# Mutation that makes it fail: raise the first back-off in export/uplink.c to
# 5 s, or block in connect() on the exporter thread while holding the ring.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
host_up
check "bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
check "uplink" make_uplink up
check "inspector" make_inspector vms 1 up br0
check_soon "uplink active" 5 uplink_active up
vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4001
check_soon "a record arrives" 3 records 'src_port == 4001'

balanced() {
    local p s q d
    read -r p s q d <<<"$(uplink_records up)"
    equal "$p" $((s + q + d))
}

ping_all() {        # Loses nothing of what is on the way.
    vm a ping -q -c 100 -i 0.05 -W 10 10.0.0.2 >"$SANDBOX_DIR/out/ping" &
    echo $! >"$SANDBOX_DIR/pid/ping"
}
ping_lost_none() {
    wait "$(cat "$SANDBOX_DIR/pid/ping")"
    cat "$SANDBOX_DIR/out/ping"
    grep -q ' 0% packet loss' "$SANDBOX_DIR/out/ping"
}

ping_all
sleep 0.5
sandbox_kill collector KILL
not_active() { ! uplink_active up; }
check_soon "the uplink notices" 3 not_active
is "is_connected is false" "$(sandbox_wait 3 eval \
    'test "$(ovs-vsctl get Inspect_Uplink up is_connected)" = false'
    ovs-vsctl get Inspect_Uplink up is_connected)" false
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4002
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4003
check_soon "and says why" 5 status_matches Inspect_Uplink up last_error \
    'refused|closed|reset|EOF|end'
waiting() { test "$(uplink up records.queued)" -gt 0; }
check_soon "records wait" 5 waiting
check "produced = sent + queued + dropped while it is away" balanced
check "ping lost nothing" ping_lost_none

began=${EPOCHREALTIME/./}
check "the collector is back" collector_start
check_within "records flow again" 2 records 'src_port == 4002'
diag "after $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
check_soon "all that waited" 2 records 'src_port == 4003'
is "each once" "$(records 'src_port == 4002') $(records 'src_port == 4003')" \
    "1 1"
check_soon "uplink active" 3 uplink_active up
check "produced = sent + queued + dropped" balanced

# Again, away for longer than any first back-off.
sandbox_kill collector KILL
sleep 6
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4004
check "back after 6 s" collector_start
check_within "records flow again" 2 records 'src_port == 4004'

# A tiny queue overflows: the oldest go, counted, and a record says so.
check "queue-limit" ovs-vsctl set Inspect_Uplink up \
    other_config:queue-limit=64
check "in force" in_force vms
sandbox_kill collector KILL
check_soon "gone" 3 not_active
vm a "$traffic" connections 10.0.0.2 7 300
sleep 2
dropped_some() { test "$(uplink up records.dropped)" -gt 0; }
check_soon "drops are counted" 5 dropped_some
check "produced = sent + queued + dropped when it overflows" balanced
check "back" collector_start
check_soon "a record of the loss" 4 records \
    'event_type == "inspect_loss" and loss.records > 0'
host_down
done_testing
