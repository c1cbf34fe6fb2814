#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# On, off, again; ports and processes that come and go; rows that are wrong.
# Each fault stands in one row's status:error, and nothing else breaks.
#
# Mutations that make it fail: let one faulty row stop rows.c's walk; keep the
# port id of a name that was attached before.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
udp() {             # COUNT LOCAL-PORT: echoed, or the test fails.
    test "$(vm a "$traffic" udp 10.0.0.2 7 "$1" 100 "$2")" = "$1"
}

host_up
check "bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
check "uplink" make_uplink up
vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7

# On, off, on.
check "forwarding without an inspector" udp 5 4000
check "inspector" make_inspector vms 1 up br0
check_soon "active" 3 is_active vms
before=$(inspected)
check "forwarding with it" udp 10 4001
check "counts" test $(($(inspected) - before)) -ge 20
check "enabled=false" ovs-vsctl set Inspector vms enabled=false
check_soon "says disabled" 3 status_is Inspector vms state disabled
check "no flow is of before" appctl revalidator/wait
before=$(inspected)
check "forwarding goes on" udp 10 4002
is "nothing is inspected" "$(inspected)" "$before"
check "enabled=true" ovs-vsctl set Inspector vms enabled=true
check_soon "says active" 3 is_active vms
before=$(inspected)
check "forwarding goes on again" udp 10 4003
check "counts again" test $(($(inspected) - before)) -ge 20
check "select=flows" ovs-vsctl set Inspector vms select=flows
check "in force" in_force vms
before=$(inspected)
check "forwarding with select=flows" udp 5 4004
is "inserts nothing" "$(inspected)" "$before"
check "back" ovs-vsctl remove Inspector vms select flows
check "taken off the bridge" ovs-vsctl clear Bridge br0 inspectors
check_soon "says unused" 3 status_is Inspector vms state unused
check "no flow is of before" appctl revalidator/wait
check "forwarding without it" udp 5 4005
check "back on the bridge" ovs-vsctl add Bridge br0 inspectors \
    "$(row Inspector vms)"
check_soon "says active" 3 is_active vms
flush
is "what passed meanwhile was not inspected" \
    "$(records 'src_port == 4005' || true)" 0
check "next_cfg" ovs-vsctl set Inspector vms next_cfg=7
check_soon "cur_cfg follows" 3 eval \
    'test "$(ovs-vsctl get Inspector vms cur_cfg)" = 7'

# A port with the same name is another port: neither the connection nor the
# identity is inherited.
vm_spawn a talk "$traffic" tcp 10.0.0.2 7 1000 300 4100
talks() { appctl inspect/flows | grep -q 4100; }
check_soon "a connection" 5 talks
old=$(vm_id a)
check "port a goes" ovs-vsctl del-port br0 a
check_soon "its connection ends as detached" 4 records \
    "src_port == 4100 and inspect.end == 'detached' and
     src_vm.id == '$old'"
check "another a comes" plug a br0 "$(vm a cat /sys/class/net/eth0/address)" \
    1fffffff-0000-4000-8000-000000000001 5affffff-0000-4000-8000-000000000001
check "it is known" in_force vms
check_soon "there is a way" 5 vm a ping -q -c 1 -W 1 10.0.0.2
check "it talks" udp 5 4101
flush
check_soon "as its new self" 3 records \
    "src_port == 4101 and src_vm.id.startswith('5affffff')"
sandbox_kill talk KILL

# Flows that name nobody.
check "a flow with an unknown id" ovs-ofctl add-flow br0 \
    'priority=10,udp,actions=inspect(id=99),NORMAL'
check "passes packets" udp 10 4200
unknown() { appctl inspect/show --json | grep -Eqi '"unknown[^"]*": *[1-9]'; }
check_soon "and is counted" 3 unknown
check "flow gone" ovs-ofctl --strict del-flows br0 'priority=10,udp'

# Rows that are wrong.  Each in its own words; "vms" stays in force.
wrong() {           # WHAT TABLE NAME PATTERN
    check_soon "$1: said in status:error" 4 status_matches "$2" "$3" error \
        "$4"
    is "$1: the others go on" "$(status Inspector vms state)" active
}
check "row" make_uplink bad1 'target="ssl:collector:99999"'
check "row" make_uplink bad2 'target="nonsense"'
check "row" make_uplink bad3 certificate=/nowhere/cert.pem
check "row" ovs-vsctl create Inspect_Uplink name=bad4 \
    'target="ssl:127.0.0.1:4740"'
check "row" make_uplink bad5 'target="ssl:127.0.0.1"' format=json
check "row" make_inspector lame 5 bad1 - flow_limit=0
check "used" ovs-vsctl add Bridge br0 inspectors "$(row Inspector lame)"
for i in 2 3 4 5; do
    check "used" ovs-vsctl add Inspector vms uplinks \
        "$(row Inspect_Uplink bad$i)"
done
wrong "port 99999" Inspect_Uplink bad1 99999
wrong "a target without sense" Inspect_Uplink bad2 nonsense
wrong "no port for JSON" Inspect_Uplink bad5 'port'
wrong "no certificate named" Inspect_Uplink bad4 'certificate'
wrong "flow_limit=0" Inspector lame "flow_limit"
check_soon "a certificate that is not there" 5 eval \
    'status_matches Inspect_Uplink bad3 last_error /nowhere/cert.pem ||
     status_matches Inspect_Uplink bad3 error /nowhere/cert.pem'
check "the good uplink is still active" uplink_active up
check "and forwarding goes on" udp 5 4300
check "a second inspector 1 is refused" not make_inspector twin 1 up br0
check "a bad mode is refused" not ovs-vsctl set Inspector vms mode=maybe
check "the bad ones go" ovs-vsctl -- destroy Inspector lame \
    -- destroy Inspect_Uplink bad1 -- destroy Inspect_Uplink bad2 \
    -- destroy Inspect_Uplink bad3 -- destroy Inspect_Uplink bad4 \
    -- destroy Inspect_Uplink bad5

# A kernel bridge cannot inspect.
check "a kernel bridge" ovs-vsctl --no-wait add-br brk -- set Bridge brk \
    datapath_type=system
check "with an inspector" make_inspector kern 6 up brk
check_soon "says that it cannot" 5 status_matches Inspector kern error \
    'brk.*(netdev|userspace|kernel)'
is "the others go on" "$(status Inspector vms state)" active
check "gone" ovs-vsctl --no-wait del-br brk -- destroy Inspector kern

# A table of eight connections.
check "flow_limit=8" ovs-vsctl set Inspector vms flow_limit=8
check "in force" in_force vms
check "200 connections get through" vm a "$traffic" connections 10.0.0.2 7 \
    200 20
check "and datagrams" udp 20 4400
read -r begun live full evicted <<<"$(stats vms table.begun table.connections \
    table.refused.table-full table.ended.evicted)"
check "not more than 8 at a time ($live)" test "$live" -le 8
check "the rest is counted ($full refused, $evicted evicted of $begun)" \
    test $((full + evicted)) -gt 0
read -r seen insp skipped lost \
    <<<"$(stats vms seen_packets inspected_packets skipped lost)"
is "seen = inspected + skipped + lost" "$seen" $((insp + skipped + lost))
flush
check_soon "there are remainder records for it" 5 records \
    'remainder.reason == "table-full" or inspect.end == "evicted"'
check "flow_limit as ever" ovs-vsctl clear Inspector vms flow_limit

# ovs-vswitchd ends and comes back; and is killed and comes back.
restart() {
    "$@" && switch_start && sandbox_wait 10 eval \
        'is_active vms && uplink_active up'
}
check "restart" restart switch_stop
check "forwards" sandbox_wait 5 udp 5 0
check "inspects" udp 10 4500
flush
check_soon "reports" 3 records \
    "src_port == 4500 and src_vm.id.startswith('5affffff')"
check "kill and start" restart switch_kill
check "forwards" sandbox_wait 5 udp 5 0
check "inspects" udp 10 4501
flush
check_soon "reports" 3 records 'src_port == 4501'

# Everything is taken away under traffic.
vm_spawn a steady "$traffic" steady 10.0.0.2 7 300
sleep 1
check "all rows destroyed at once" ovs-vsctl -- destroy Inspector vms \
    -- destroy Inspect_Uplink up
sleep 1
sandbox_kill steady
read -r sent got longest <"$SANDBOX_DIR/out/steady"
is "no packet was lost by it (longest gap $longest ms)" "$got" "$sent"
host_down
done_testing
