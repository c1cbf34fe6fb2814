#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Redirect: packets that a rule names go through a function and on to where
# they were about to be output, once; all others go past it.
#
#      a   b   c                         VMs 1, 2, 3: 10.0.0.1 ...
#      |   |   |
#      br0 (NORMAL) ----- f-in,  f-out   function f, slot 4
#                   ----- g-in,  g-out   function g, slot 6
#                   ----- o-in           function o, one-armed
#                   ----- s-in,  s-out   a Linux bridge
#
# VMs send frames with a number each; what a VM gets and what a function sees
# is written down frame by frame.
#
# Mutations that make it fail (tried): enter always by the first arm (by
# direction); compare no port uses when a packet returns (explicit: VM l).
# Ought to (not tried): let a packet that comes back go through the flow table;
# go through slots downwards for the to-vm half; forget the rest of a list.
. "$(dirname "$0")/lib.sh"
system_test "$@"
. "$TESTS_HOME/functions.bash"

lab_up
for v in a b c; do
    check "VM $v" silent_vm $v
done
check "function f" function_vm f
check "it runs" function_run f
need "it is in slot 4, and up" function_row f 4
hello
macs_before=$(macs)

through "without a rule nothing goes to it" "" a b proto=tcp dport=80

# One rule: tcp/80 from VM a.
check "tcp/80 from a to f" redirect r1 4 direction=from-vm \
    source='"port:a"' service='"tcp/80"'
EXPECT='ttl == 64 and vlan == [] and smac == "52:54:00:00:00:01" and
        dmac == "52:54:00:00:00:02"' \
through "tcp/80 from a goes through it, unchanged" f a b proto=tcp dport=80
EXPECT='ttl == 1' \
through "with a TTL of 1 as well" f a b proto=tcp dport=80 ttl=1
through "large ones" f a b proto=tcp dport=80 size=1400
through "in IPv6" f a c proto=tcp dport=80 ip=6
through "not tcp/81" "" a b proto=tcp dport=81
through "not udp/80" "" a b proto=udp dport=80
through "not ICMP" "" a b proto=icmp
through "not from c" "" c b proto=tcp dport=80
through "replies do not: no rule says so" "" b a proto=tcp sport=80 dport=4000
check "symmetric=true" eval \
    'ovs-vsctl set Inspect_Rule r1 symmetric=true && in_force'
through "now a's do" f a b proto=tcp dport=80
through "and replies do" f b a proto=tcp sport=80 dport=4000
through "still not c's" "" c b proto=tcp dport=80
COUNT=1000 through "a thousand" f a b proto=tcp dport=80 \
    count=1000 gap=0.0005

# What the switch does to a packet, it does once.
is "NORMAL has learned nothing new" "$(macs)" "$macs_before"
counted_once() {
    local before after
    before=$(flow_sums br0 'actions=NORMAL' | cut -d' ' -f1)
    sent_through f a b proto=tcp dport=80 || return 1
    after=$(flow_sums br0 'actions=NORMAL' | cut -d' ' -f1)
    equal $((after - before)) 20
}
check "the OpenFlow flow has counted each once" counted_once
f_counts() {
    local before
    before=$(fn f in)
    sent_through f a b proto=tcp dport=80 &&
        equal $(($(fn f in) - before)) 20
}
check "and the function's row" f_counts
check_soon "all came back" 2 balanced f

# Group addresses are judged and not redirected; of an unknown unicast no copy
# goes either, and fail_mode says what becomes of it.
check "everything from a to f" redirect r2 4 priority=2000 \
    direction=from-vm source='"port:a"'
through "all of it" f a b proto=udp
to_group() {        # WORD [KEY=VALUE]...
    local v
    send a "$@" && for v in b c; do
        "$WIRE" trip $RUN 20 --to "$SEEN/$v" --not "$MARKS/f" || return 1
    done
}
check "broadcast passes it by, to all" to_group all
check "multicast too" to_group group
check "and in IPv6" to_group group ip=6
flooded=$(fn f bypassed.flooded)
check "unknown unicast, fail_mode=open: passes it by" to_group nobody
check "counted as flooded" test "$(fn f bypassed.flooded)" -gt "$flooded"
check "fail_mode=closed" function_set f fail_mode=closed
flooded=$(fn f refused.flooded)
lost "unknown unicast, fail_mode=closed: dropped" "" a nobody
check "counted as flooded" test "$(fn f refused.flooded)" -gt "$flooded"
check "broadcast is not" to_group all
through "nor is what is known" f a b
check "fail_mode=open again" function_set f fail_mode=open

# Fragments: the later ones follow the first.
check "udp/80 from a to f, and nothing else" eval '
    rules_gone r2 && ovs-vsctl set Inspect_Rule r1 service="\"udp/80\"" &&
    in_force'
fragments() {       # FUNCTIONS KEY=VALUE...
    local functions=$1 where
    shift
    # One datagram a receive batch: Open vSwitch handles a batch by megaflow,
    # and later fragments have another one than first ones.
    send a b frags=3 size=2400 gap=0.02 ident=$((RUN * 100)) "$@" || return 1
    trip 20 "$functions" b --where "$FIRST" &&
        trip 20 "$functions" b --where "$MIDDLE" &&
        trip 20 "$functions" b --where "$LAST"
}
FIRST='frag == 0x2000' MIDDLE='frag > 0x2000' LAST='0 < frag < 0x2000' \
    check "fragments of udp/80" fragments f dport=80
FIRST='frag == 0x2000' MIDDLE='frag > 0x2000' LAST='0 < frag < 0x2000' \
    check "fragments of udp/81 do not" fragments "" dport=81
FIRST='frag == 1' MIDDLE='frag > 1 and frag & 1' LAST='frag and not frag & 1' \
    check "fragments of udp/80 in IPv6" fragments f dport=80 ip=6
check_soon "all came back" 2 balanced f

# Two functions: by slot in both directions, whoever is told first.
check "function g" function_vm g
check "it runs" function_run g
check "it is in slot 6, and up" function_row g 6
check "tcp/80 between a and b to both" eval '
    rules_gone && redirect to-g 6 service="\"tcp/80\"" symmetric=true &&
    redirect to-f 4 service="\"tcp/80\"" symmetric=true'
through "f, then g" "f g" a b proto=tcp dport=80
through "f, then g, on the way back" "f g" b a proto=tcp sport=80 dport=4000
check_soon "both came back" 2 balanced f g
check "only in slot 6, to-vm" eval 'rules_gone to-f &&
    ovs-vsctl set Inspect_Rule to-g direction=to-vm && in_force'
through "g alone" "g" a b proto=tcp dport=80
check "f from-vm in slot 4, g to-vm in slot 6" \
    redirect to-f 4 direction=from-vm service='"tcp/80"' symmetric=true
through "f, then g" "f g" a b proto=tcp dport=80
through "and back" "f g" b a proto=tcp sport=80 dport=4000
check "f moves to slot 7" eval 'ovs-vsctl set Inspect_Function f slot=7 \
    -- set Inspect_Rule to-f slot=7 && in_force'
through "g, then f" "g f" a b proto=tcp dport=80
through "and back" "g f" b a proto=tcp sport=80 dport=4000
check "a function drops every fourth" function_run g --drop 4
b_g_f() {           # What each has seen.
    local log
    for log in "$SEEN/b" "$MARKS/g" "$MARKS/f"; do
        "$WIRE" count "$log" "run == $RUN"
    done | xargs
}
dropped() {
    send a b proto=tcp dport=80 || return 1
    sandbox_wait 4 prints "15 20 15" b_g_f
    sleep 0.5
    equal "$(b_g_f)" "15 20 15"
}
check "those do not arrive, nor at the next one" dropped
check "they are in flight" test "$(fn g in_flight)" = 5
check "g forwards again" function_run g
check "g is out of the way" eval 'rules_gone to-g &&
    ovs-vsctl set Inspect_Function f slot=4 \
    -- set Inspect_Rule to-f slot=4 && in_force'

# One-armed.
check "function o, with one port" function_vm o br0 one
check "it runs" function_run o
check "it is in slot 5, and up" function_row o 5
check "everything from a to o" redirect to-o 5 direction=from-vm \
    source='"port:a"'
through "one-armed" o a b
through "after another one" "f o" a b proto=tcp dport=80

# A Linux bridge learns where MACs are: it must see a on its inside and all
# others on its outside, or it drops.
check "function s" function_vm s
linux_bridge() {
    vm s ip link add name br type bridge &&
    vm s ip link set dev in master br && vm s ip link set dev out master br &&
    vm_spawn s watch-s "$WIRE" watch "$MARKS/s" in out &&
    sandbox_wait 5 grep -q ready "$MARKS/s"
}
if (vm s ip link add name test type bridge) 2>/dev/null; then
    check "it is a Linux bridge" linux_bridge
    # Only now does it forward: before, its two ports would have been a loop.
    bridge_in_slot() {
        function_row_begin s 8 arms=by-direction &&
            vm s ip link set dev br up && function_is s up 5
    }
    check "it is in slot 8, by direction" bridge_in_slot
    check "what a sends and gets to s" eval 'rules_gone &&
        redirect to-s 8 direction=from-vm source="\"port:a\"" symmetric=true'
    # Who watches there does not stand in the way: it may be late.
    ORDER=any
    through "by direction: out" s a b proto=tcp dport=80
    through "by direction: in" s b a proto=tcp sport=80 dport=4000
    through "once more out" s a b proto=tcp dport=80
    through "and in" s c a
    ORDER=
    is "from a by the one" "$("$WIRE" count "$MARKS/s" \
        "run is not None and
         (smac == '$(mac_of a)') != (arm == 'in')")" 0
    check_soon "all came back" 2 balanced s
else
    skip "by direction" "this kernel has no bridges"
fi

# An explicit action: what stands after it is done after the function.
check "no rules but one" eval 'rules_gone &&
    redirect to-f 4 direction=from-vm source="\"port:a\""'
check "inspect(id=1), then more" ovs-ofctl --bundle replace-flows br0 - <<END
priority=5,ip,in_port=$(of a),actions=inspect(id=1),dec_ttl,output:$(of b),mod_dl_src:52:54:00:00:00:77,output:$(of c)
priority=0,actions=NORMAL
END
explicit() {
    send a b "$@" &&
    "$WIRE" trip $RUN 20 --via "$MARKS/f" --to "$SEEN/b" \
        --expect 'ttl == 63 and smac == "52:54:00:00:00:01"' &&
    "$WIRE" trip $RUN 20 --via "$MARKS/f" --to "$SEEN/c" \
        --expect 'ttl == 63 and smac == "52:54:00:00:00:77"' &&
    equal "$("$WIRE" count "$MARKS/f" "run == $RUN and ttl != 64")" 0
}
check "explicit: once to f with TTL 64, once to b and c with 63" explicit
check "explicit, another protocol" explicit proto=tcp
check "NORMAL" ovs-ofctl --bundle replace-flows br0 - \
    <<<"priority=0,actions=NORMAL"
appctl revalidator/wait >/dev/null

# Packets that are long away.
check "f holds each for 10 s" function_run f --hold 10
held() {
    send a b proto=tcp dport=80 || return 1
    # In the meantime all is different.
    rules_gone && ovs-ofctl --bundle replace-flows br0 - \
        <<<"priority=0,actions=drop" && appctl revalidator/wait || return 1
    equal "$(fn f in_flight)" 20 &&
        trip 20 f b --wait 60 --expect 'ttl == 64'
}
check "delivered after 10 s, once, as they were going" held
check_soon "all came back" 2 balanced f
check "NORMAL" ovs-ofctl --bundle replace-flows br0 - \
    <<<"priority=0,actions=NORMAL"
check "f holds each until it is told" eval \
    'function_set f flight_timeout=600000 &&
     function_run f --hold-until "$SANDBOX_DIR/go"'
check "everything from a to f" redirect to-f 4 direction=from-vm \
    source='"port:a"'
check "VM d" silent_vm d
hello
odp() { appctl dpctl/show | sed -n "s/^ *port \([0-9]*\): $1\( .*\|\)$/\1/p"; }
# replaced OLD NEW: while packets for OLD are in f, NEW takes its port number.
replaced() {
    local old=$1 new=$2 number
    rm -f "$SANDBOX_DIR/go"
    number=$(odp "$old")
    send a "$old" || return 1
    sandbox_wait 4 prints 20 "$WIRE" count "$MARKS/f" "run == $RUN"
    equal "$("$WIRE" count "$MARKS/f" "run == $RUN")" 20 &&
        ovs-vsctl del-port "$old" && silent_vm "$new" &&
        equal "number $(odp "$new")" "number $number" || return 1
    equal "in flight $(fn f in_flight)" "in flight 20" || return 1
    : >"$SANDBOX_DIR/go"
    sandbox_wait 5 prints 0 fn f in_flight
    sleep 0.5
    equal "$new: $("$WIRE" count "$SEEN/$new" "run == $RUN")" "$new: 0" &&
        equal "$old: $("$WIRE" count "$SEEN/$old" "run == $RUN")" "$old: 0"
}
undeliverable() { stats i1 redirect.undeliverable; }
before=$(undeliverable)
check "not delivered to VM e, which has got d's number" replaced d e
is_soon "counted as undeliverable" 2 $((before + 20)) undeliverable

# The same where the inspector does not know to whom the packet goes: only the
# datapath can tell that a number is another port now.
check "VM k" silent_vm k
hello k
check "an explicit action, then out to k" ovs-ofctl --bundle replace-flows \
    br0 - <<END
priority=5,ip,in_port=$(of a),actions=inspect(id=1),output:$(of k)
priority=0,actions=NORMAL
END
appctl revalidator/wait >/dev/null
before=$(undeliverable)
check "explicit: not delivered to VM l, which has got k's number" replaced k l
is_soon "counted as undeliverable" 2 $((before + 20)) undeliverable
check "NORMAL" ovs-ofctl --bundle replace-flows br0 - \
    <<<"priority=0,actions=NORMAL"
appctl revalidator/wait >/dev/null
check "f forwards at once" function_run f
hello e
through "e gets what is for e" f a e
lab_down
