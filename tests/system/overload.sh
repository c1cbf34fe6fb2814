#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The worst traffic: frames of 64 bytes, every one a new connection.  Inspection
# takes more than its budget, goes down in steps and comes back by itself;
# every sum stays exact, nothing that a rule drops gets through, and what was
# established goes on.
#
#      c: flood -----+
#                    br0:  ip: inspect(id=1),NORMAL     the rest: NORMAL
#      a: steady ----+---- b: echo (7), sinks (9: allowed, 23: denied)
#
# Three floods: a tap, which goes down to counting ports; an inline inspector
# with rules, which goes no further than known connections; one without a
# budget and with a table that is far too small.
#
# The budget is 0.05 % of a worker's cycles: this test is about what is done
# when it is exceeded, not about when that is.
#
# Mutations that make it fail: count one packet a sum in count_sum()
# (lib/engine/overload.c); return PORTS from last_depth() (apply.c): what is
# established is cut; leave the OVERLOAD remainder unjudged (worker.c): the
# denied kind arrives.
. "$(dirname "$0")/lib.sh"
system_test "$@"
. "$TESTS_HOME/functions.bash"

traffic=$TESTS_HOME/traffic.py
host_up
need "a bridge" bridge br0
check "no management port that would answer" ip link set dev br0 down
i=0
for v in a b c; do
    i=$((i + 1))
    check "VM $v" make_vm $v br0 ip=10.0.0.$i/8
done
mac_of() { vm "$1" cat /sys/class/net/eth0/address; }
# Nobody has to ask for an address while packets are counted.
knows() { vm "$1" ip neigh replace "$2" lladdr "$(mac_of "$3")" dev eth0; }
check "a and b know each other" eval 'knows a 10.0.0.2 b &&
    knows b 10.0.0.1 a && vm b ping -q -c 1 10.0.0.1'
check "uplink" make_uplink up
need "an inspector" make_inspector i1 1 up br0 select=flows \
    active_timeout=5 idle_timeout=5 other_config:statistics-interval=1 \
    other_config:cycle-budget=0.05
check_soon "it is active" 5 status_is Inspector i1 state active
check_soon "the uplink is active" 5 uplink_active up
check "a flow that inspects" ovs-ofctl add-flow br0 \
    'priority=1,ip,actions=inspect(id=1),NORMAL'
vm_spawn b echo "$traffic" serve 7
vm_spawn b sink-9 "$traffic" sink 9
check_soon "servers" 10 eval 'vm_listens b udp 7 && vm_listens b udp 9'

depth_is() { equal "$(stats i1 depth.now)" "$1"; }
is_answered() {
    appctl inspect/flows --json | grep -q '"dest_port": *7\b.*'
}
is_flooded() { test "$(stats i1 inspected_packets)" -gt "$1"; }
out_packets() {
    echo $(($(port_sums tx_packets a b c) + $(port_sums tx_dropped a b c)))
}
# inspected = what met the flow = what is in the records, to the byte.
sums_agree() {
    local inspected
    flush || return 1
    inspected=$(stats i1 inspected_packets inspected_bytes)
    equal "$(flow_sums br0 'inspect\(')" "$inspected" &&
        equal "$($RECORDS sum "$RECORDS_FILE" | cut -d' ' -f3-)" "$inspected"
}
delivered() {       # TAG: what its sink has got in all, to DELIVERED.
    sandbox_kill "$1"
    read -r DELIVERED <"$SANDBOX_DIR/out/$1"
}

# flood TAG DEPTH: and what must hold of it whatever the depth is.
flood() {
    local tag=$1 depth=$2 before_in before_out before_drop echoed sent
    local seen
    vm_spawn b "denied-$tag" "$traffic" sink 23
    check_soon "$tag: a sink for the denied kind" 10 vm_listens b udp 23
    read -r before_in _ <<<"$(flow_sums br0 'inspect\(')"
    before_drop=$(stats i1 verdicts.drop)
    seen=$(stats i1 inspected_packets)
    before_out=$(out_packets)
    vm_spawn a "steady-$tag" "$traffic" steady 10.0.0.2 7 300
    check_soon "$tag: a connection is established" 20 is_answered
    vm_spawn c "flood-$tag" "$traffic" flood eth0 "$(mac_of b)" 10.0.0.2 \
        300 9 9 9 23
    check_soon "$tag: it is a flood" 60 is_flooded "$((seen + 5000))"
    check_soon "$tag: inspection is at depth $depth" 20 depth_is "$depth"
    check_soon "$tag: status says so" 5 status_is Inspector i1 depth "$depth"
    sleep 2
    sandbox_kill "flood-$tag"
    check_soon "$tag: it is over: full depth again" 30 depth_is full
    check_soon "$tag: status says so, too" 5 status_is Inspector i1 depth full
    sandbox_kill "steady-$tag"
    check_soon "$tag: everything comes to rest" 20 settle i1
    check_soon "$tag: sums are exact" 30 sums_agree
    read -r IN _ <<<"$(flow_sums br0 'inspect\(')"
    IN=$((IN - before_in))
    DROPPED=$(($(stats i1 verdicts.drop) - before_drop))
    OUT=$(($(out_packets) - before_out))
    diag "$tag: $IN packets in, $OUT out, $DROPPED dropped by rule"
    is "$tag: all that came went out, but for what a rule dropped" $OUT \
        $((IN - DROPPED))
    read -r sent echoed _ <"$SANDBOX_DIR/out/steady-$tag"
    diag "$tag: $echoed of $sent answered to the steady one"
    check "$tag: what was established went on" \
        test "$echoed" -ge $((sent * 9 / 10))
    delivered "denied-$tag"
}

# A tap
# -----
flood tap ports
check "tap: packets were inspected at every depth" eval '
    read -r c k p <<<"$(stats i1 depth.packets.connections \
        depth.packets.known depth.packets.ports)"
    echo "$c $k $p"; test $c -gt 0 && test $k -gt 0 && test $p -gt 0'
check "tap: it came back step by step" eval '
    read -r c k <<<"$(stats i1 depth.milliseconds.connections \
        depth.milliseconds.known)"
    echo "$c $k"; test $c -gt 500 && test $k -gt 500'
check "tap: remainders of the reason overload" test \
    "$(records "remainder.reason == 'overload'")" -gt 0
check "tap: the sensor record says it" test "$(records \
    "event_type == 'inspect_stats' and stats.depth == 'ports'")" -gt 0
check "tap: the log says it" grep -Eq \
    'inspection depth ports, was [a-z]+: inspection took .*cycle-budget' \
    "$OVS_LOGDIR/ovs-vswitchd.log"
check "tap: and that it is over" grep -q 'inspection depth full, was' \
    "$OVS_LOGDIR/ovs-vswitchd.log"
is "tap: nothing was dropped" $DROPPED 0
check "tap: the kind that is denied later was delivered" test "$DELIVERED" -gt 100

# Inline, with rules
# ------------------
check "inline: rules that say what may begin" eval '
    ovs-vsctl set Inspector i1 mode=inline &&
    rule steady priority=3000 action=allow source="\"port:a\"" \
        destination="\"port:b\"" service="\"udp/7\"" &&
    rule flood priority=2000 action=allow source="\"port:c\"" \
        service="\"udp/9\"" &&
    rule rest priority=1000 action=drop'
flood inline known
is "inline: nothing of the denied kind was delivered" "$DELIVERED" 0
check "inline: and it was dropped" test $DROPPED -gt 500
is "inline: not a packet without a look at its connection" \
    "$(stats i1 depth.at_the_most)" known

# A table that is too small, and no budget
# ----------------------------------------
check "full: no budget, 1,000 connections" eval '
    ovs-vsctl set Inspector i1 other_config:cycle-budget=0 flow_limit=1000 &&
    in_force'
before=$(stats i1 depth.packets)
flood full full
is "full: nothing of the denied kind was delivered" "$DELIVERED" 0
is "full: the depth was never reduced" "$(stats i1 depth.packets)" "$before"
check "full: remainders of the reason table-full" test \
    "$(records "remainder.reason == 'table-full'")" -gt 0
delivered sink-9
check "what is allowed has arrived" test "$DELIVERED" -gt 1000
host_down
done_testing
