#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who it was: equal addresses of two tenants, and an address that moves.
#
#   VLAN 10: a1 10.0.0.1, b1 10.0.0.2      VLAN 20: a2 10.0.0.1, b2 10.0.0.2
#                           \___________ br0 ___________/
#
# Mutations that make it fail: leave the zone out of insp_key_hash() and
# insp_key_equal(); look identities up by address or at export.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
host_up
check "bridge" bridge br0
check "VM a1" make_vm a1 br0 ip=10.0.0.1/24 tag=10
check "VM b1" make_vm b1 br0 ip=10.0.0.2/24 tag=10
check "VM a2" make_vm a2 br0 ip=10.0.0.1/24 tag=20
check "VM b2" make_vm b2 br0 ip=10.0.0.2/24 tag=20
check "uplink" make_uplink up
check "inspector" make_inspector vms 1 up br0
# The same by explicit flows: there the zone is the VLAN, not the ports.
check "flows" ovs-ofctl add-flow br0 'priority=0,actions=inspect(id=2),NORMAL'
check "explicit inspector" make_inspector flows 2 up br0 select=flows
check_soon "uplink active" 5 uplink_active up
check_soon "in force" 5 status_is Inspector flows state active
for v in b1 b2; do
    vm_spawn $v serve-$v "$traffic" serve 7
done
for v in b1 b2; do
    check_soon "server $v" 5 vm_listens $v tcp 7
done

# At the same time, from the same port, different amounts.
vm_spawn a1 talk1 "$traffic" tcp 10.0.0.2 7 20000 600 4000
vm_spawn a2 talk2 "$traffic" tcp 10.0.0.2 7 70000 600 4000
talks() { appctl inspect/flows | grep -c "$1.*10\.0\.0\.2"; }
is_soon "two connections at a time" 5 4 talks 4000
sandbox_kill talk1
sandbox_kill talk2
settle vms
settle flows
flush
sandbox_wait 3 eval 'test "$(records "src_port == 4000")" = 4'
for i in 1 2; do
    is "inspector $i: two records" \
        "$($RECORDS query "$RECORDS_FILE" --inspector $i \
           --where 'src_port == 4000')" 2
    for t in 1 2; do
        is "inspector $i: tenant $t has its own VMs" \
            "$($RECORDS query "$RECORDS_FILE" --inspector $i --where \
               "src_port == 4000 and src_vm.id == '$(vm_id a$t)' and
                dest_vm.id == '$(vm_id b$t)'")" 1
    done
    check "inspector $i: and its own bytes" $RECORDS query "$RECORDS_FILE" \
        --inspector $i --where "src_port == 4000 and src_vm.port == 'a1' and
        20000 < flow.bytes_toserver < 30000"
    check "inspector $i: the other one too" $RECORDS query "$RECORDS_FILE" \
        --inspector $i --where "src_port == 4000 and src_vm.port == 'a2' and
        70000 < flow.bytes_toserver < 90000"
done
check "explicit: the VLAN is part of the zone" $RECORDS query \
    "$RECORDS_FILE" --inspector 2 --where 'src_port == 4000 and 20 in vlan'

# 10.0.0.9 is VM m1, and less than a second later VM m2: both records name
# the VM that it was.
check "VM m1" make_vm m1 br0 ip=10.0.0.9/24 tag=10 mac=52:54:00:00:99:01
check "VM m2" make_vm m2 br0 tag=10 mac=52:54:00:00:99:02
m1=$(vm_id m1)
m2=$(vm_id m2)
check "they are known" eval 'in_force vms && in_force flows'
move() {
    vm m1 "$traffic" udp 10.0.0.2 7 10 100 4100 || return 1
    vm m1 ip addr del 10.0.0.9/24 dev eth0
    vm m2 ip addr add 10.0.0.9/24 dev eth0
    vm b1 ip neigh flush dev eth0
    vm m2 "$traffic" udp 10.0.0.2 7 10 100 4100
}
began=${EPOCHREALTIME/./}
check "the address moves" move
took=$(((${EPOCHREALTIME/./} - began) / 1000))
check "within a second ($took ms)" test $took -lt $((1000 * $(busy)))
flush
sandbox_wait 3 eval 'test "$(records "src_port == 4100")" -ge 4'
for i in 1 2; do
    is "inspector $i: before, it was m1" "$($RECORDS query "$RECORDS_FILE" \
        --inspector $i --where "src_port == 4100 and src_vm.id == '$m1' and
        flow.pkts_toserver == 10")" 1
    is "inspector $i: after, it was m2" "$($RECORDS query "$RECORDS_FILE" \
        --inspector $i --where "src_port == 4100 and src_vm.id == '$m2' and
        flow.pkts_toserver == 10")" 1
done

# The same port, another VM behind it: the port id is a new one, the running
# connection of the old VM ends with the old VM's name.
vm_spawn a1 talk3 "$traffic" tcp 10.0.0.2 7 1000 600 4200
is_soon "a connection" 5 2 talks 4200
check "another VM on port a1" ovs-vsctl set Interface a1 \
    external_ids:vm-uuid=5aaaaaaa-0000-4000-8000-000000000001
check "it is known" eval 'in_force vms && in_force flows'
vm a1 "$traffic" udp 10.0.0.2 7 3 100 4201 >/dev/null
flush
sandbox_wait 3 eval 'records "src_port == 4201"'
check_soon "the old connection is the old VM's" 3 records \
    "src_port == 4200 and src_vm.id != None and
     not src_vm.id.startswith('5aaaaaaa')"
check "the new one is the new VM's" records \
    "src_port == 4201 and src_vm.id.startswith('5aaaaaaa')"
is "not mixed up" "$(records "src_port == 4201 and
    not src_vm.id.startswith('5aaaaaaa')")" 0
host_down
done_testing
