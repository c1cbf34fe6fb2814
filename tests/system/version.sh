#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever version of Open vSwitch is around it: packets are inspected by an
# explicit action and by insertion, dropped by a rule, answered, redirected
# through a function with each kind of mark, and end as records.
#
#      a        b        c        d      VMs 1, 2: numbered frames; 3, 4: ping
#      |        |        |        |
#      br0 (NORMAL) ------ f-in, f-out   function f, slot 4
#
# Frames are numbered, so each is known to have arrived once, or not at all;
# the records must add up to what was sent.
#
# Mutation that makes it fail: leave one of the edits for a version out of
# ovs-ext/integrate, such as that of compose_output_action__ (nothing is
# inserted) or of do_xlate_actions (the explicit action does nothing).
LIMIT=900
. "$(dirname "$0")/lib.sh"
system_test "$@"
. "$TESTS_HOME/functions.bash"

SEEN=$SANDBOX_DIR/seen
MARKS=$SANDBOX_DIR/marks
mkdir -p "$SEEN" "$MARKS"
diag "$(ovs-vswitchd --version | head -n 1)"
host_up
need "a bridge" bridge br0 other_config:mac-aging-time=3600
check "VM a" silent_vm a
check "VM b" silent_vm b
check "function f" function_vm f
check "it runs" function_run f
check "an uplink" make_uplink up
need "an inline inspector" make_inspector i1 1 up br0 mode=inline
check_soon "it is active" 5 status_is Inspector i1 state active
check_soon "the uplink is active" 5 uplink_active up
need "f is in slot 4, and up" function_row f 4
hello

# inspected WHAT COMMAND...: a check, and each of its 20 frames is inspected
# once.
inspected() {
    local what=$1 before
    shift
    settle i1
    before=$(stats i1 inspected_packets)
    check "$what" "$@"
    settle i1
    is "$what: each inspected once" \
        $(($(stats i1 inspected_packets) - before)) 20
}

# Insertion.
inspected "inserted, UDP" sent_through "" a b dport=1000
inspected "inserted, TCP" sent_through "" b a proto=tcp dport=1001
inspected "inserted, IPv6" sent_through "" a b ip=6 dport=1002
inspected "inserted, VLAN" sent_through "" a b vlan=7 dport=1003
datapath() {
    appctl dpctl/dump-flows | grep -q "$1"
}
send a b dport=1000
check "the datapath's flow says so" datapath 'inspect(id=1,.*auto'

# The explicit action, which is the only inspection then.
check "a flow with inspect" ovs-ofctl add-flow br0 \
    priority=9,udp,tp_dst=2000,actions='inspect(id=1),NORMAL'
check "it is dumped as it was written" eval \
    'ovs-ofctl dump-flows br0 | grep -q "inspect(id=1),NORMAL"'
inspected "explicit" sent_through "" a b dport=2000
is "its flow counts them" "$(flow_sums br0 tp_dst=2000 | cut -d' ' -f1)" 20
check "inspect in a clone" ovs-ofctl add-flow br0 \
    priority=9,udp,tp_dst=2000,actions='clone(inspect(id=1)),NORMAL'
sends_many() {
    sent_through "" a b dport=2000
}
check "the packet outside it goes on" sends_many

# Connection tracking puts the fragments of a datagram together in one batch,
# which from Open vSwitch 4.0 on may be larger than what the engine takes.
# Before that none is delivered that has more than 32.
size=30000 fragments=21
case $(ovs-vswitchd --version) in
*' '[4-9].*) size=60000 fragments=41 ;;
esac
check "VM c" make_vm c br0 ip=10.0.1.3/24
check "VM d" make_vm d br0 ip=10.0.1.4/24
check "tracked, then inspected" ovs-ofctl add-flow br0 \
    priority=9,icmp,actions='ct(commit),NORMAL'
check "echoes of $fragments fragments" vm c ping -q -c 5 -i 0.3 -W 3 \
    -s $size 10.0.1.4
check "a rule that drops them" rule d0 action=drop source='"port:c"' \
    service='"icmp"'
check "none is answered" not vm c ping -q -c 2 -i 0.3 -W 1 -s $size \
    10.0.1.4
check_soon "all of them are counted" 2 eval 'test "$(rule_stats d0 dropped)" -ge $((2 * fragments))'

# Rules.
check "a rule that drops udp/3000" rule d1 action=drop service='"udp/3000"'
lost "its packets are lost" "" a b dport=3000
through "others are not" "" a b dport=3001
is_soon "and counted" 2 20 rule_stats d1 dropped
check "a rule that resets tcp/3002" rule x1 action=reset service='"tcp/3002"'
lost "its packets are lost" "" a b proto=tcp dport=3002 flags=S
answered() {
    "$WIRE" count "$SEEN/a" 'sport == 3002' | grep -qv '^0$'
}
check_soon "and a is told" 5 answered

# A function.
check "udp/4000 goes to f" redirect r1 4 service='"udp/4000"'
for encap in none vlan nsh; do
    check "encap=$encap" function_set f encap=$encap
    through "$encap: through f" f a b dport=4000
    through "$encap: back, too" f b a dport=4000
    through "$encap: in IPv6" f a b ip=6 dport=4000
done
through "others do not" "" a b dport=4001
check "f stops" sandbox_kill run-f
check "it is down" function_is f probes-lost 10
through "fail_mode=open: past it" "" a b dport=4000

# Records: all packets are in one.
flush
recorded() {        # PORT: packets in both directions.
    records "dest_port == $1" --print \
        'flow.pkts_toserver, flow.pkts_toclient' | tr -d '(),' |
        awk '{ sum += $1 + $2 } END { print sum + 0 }'
}
adds_up() {
    equal "$(recorded "$1")" "$2"
}
check_soon "records of an inserted inspection" 5 adds_up 1000 40
check_soon "of TCP" 5 adds_up 1001 20
check_soon "of an explicit one, and one in a clone" 5 adds_up 2000 60
check_soon "of what was dropped" 5 adds_up 3000 20
check_soon "of what was redirected" 5 adds_up 4000 200
lab_down
