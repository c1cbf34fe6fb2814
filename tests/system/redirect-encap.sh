#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two tenants with equal addresses through one function, and what a function
# may and may not change.
#
#      a 1   b 2        tenant blue, VLAN 10
#      |     |
#      br0 (NORMAL) --- f-in, f-out       function f, slot 4
#      |     |
#      c 1   d 2        tenant red, VLAN 20: MACs and addresses of a and b
#
# Without an encap the packets of c to d cannot be told from those of a to b
# while these are in the function: they follow fail_mode.  With vlan or nsh
# all go through it, and none comes out at the other tenant.
#
# Mutation that makes it fail (tried): leave the zone out of what is compared
# when a packet is sent (ambiguous is never said).  Finding a packet by its
# cookie alone did (duplicates took the place of others).
. "$(dirname "$0")/lib.sh"
system_test "$@"
. "$TESTS_HOME/functions.bash"

lab_up
check "VM a" silent_vm a br0 tag=10
check "VM b" silent_vm b br0 tag=10
check "VM c" silent_vm c br0 tag=20 mac=52:54:00:00:00:01
check "VM d" silent_vm d br0 tag=20 mac=52:54:00:00:00:02
NUMBER[c]=1
NUMBER[d]=2
check "function f" function_vm f
check "it runs" function_run f
need "it is in slot 4, and up" function_row f 4 flight_timeout=2000
check "everything to f" redirect to-f 4
hello

# both KEY=VALUE...: from a to b and, numbered differently, from c to d.
both() {
    local other
    RUN=$((RUN + 2))
    other=$((RUN - 1))
    vm c "$WIRE" send eth0 1 2 run=$other gap=0.01 "$@" &
    send_more a b gap=0.01 "$@"
    wait $!
    BLUE=$RUN
    RED=$other
}
arrived() {         # RUN VM
    "$WIRE" count "$SEEN/$2" "run == $1"
}
no_mixing() {
    equal "$(arrived "$BLUE" d) $(arrived "$BLUE" c)" "0 0" &&
        equal "$(arrived "$RED" b) $(arrived "$RED" a)" "0 0"
}
both_arrive() {
    both "$@" || return 1
    "$WIRE" trip "$BLUE" 20 --to "$SEEN/b" --not "$SEEN/d" \
        --expect "$EXPECT" --where "${WHERE:-True}" &&
    "$WIRE" trip "$RED" 20 --to "$SEEN/d" --not "$SEEN/b" \
        --expect "$EXPECT" --where "${WHERE:-True}"
}
both_through() {
    both_arrive "$@" || return 1
    "$WIRE" trip "$BLUE" 20 --via "$MARKS/f" --where "${WHERE:-True}" &&
        "$WIRE" trip "$RED" 20 --via "$MARKS/f" --where "${WHERE:-True}"
}
EXPECT='vlan == [] and not nsh'

# None.
through "encap=none: one tenant at a time" f a b
check "f holds each for a while" function_run f --hold 1
ambiguous=$(fn f bypassed.ambiguous)
check "none, open: all arrive at their own" both_arrive
check "some had to bypass it, and are counted" \
    test "$(fn f bypassed.ambiguous)" -gt "$ambiguous"
check "fail_mode=closed" function_set f fail_mode=closed
check_soon "none is out" 3 prints 0 fn f in_flight
ambiguous=$(fn f refused.ambiguous)
check "none, closed" both
check_soon "none is out" 3 prints 0 fn f in_flight
check "nothing arrives at the other tenant" no_mixing
ambiguous=$(($(fn f refused.ambiguous) - ambiguous))
check "some were dropped, and are counted" test $ambiguous -gt 0
arrived_at_both() {
    echo $(($(arrived "$BLUE" b) + $(arrived "$RED" d)))
}
is_soon "no other was" 3 $((40 - ambiguous)) arrived_at_both
through "none: nothing is left of it" f c d
check_soon "all came back" 2 balanced f

for encap in vlan nsh; do
    check "encap=$encap" function_set f encap=$encap fail_mode=closed
    ambiguous=$(fn f refused)
    check "$encap: all go through it, and arrive at their own" both_through
    check "$encap: TCP" both_through proto=tcp dport=80
    check "$encap: IPv6" both_through ip=6
    check "$encap: ICMP" both_through proto=icmp
    WHERE='frag == 0x2000' check "$encap: first fragments" \
        both_through frags=3 size=2400
    WHERE='frag > 0x2000' check "$encap: later fragments" \
        both_through frags=3 size=2400 ident=1000
    check "$encap: large ones" both_through size=1400
    is "$encap: none was refused" "$(fn f refused)" "$ambiguous"
    case $encap in
    vlan) marked='len(vlan) == 1' ;;
    nsh) marked=nsh ;;
    esac
    is "$encap: f has seen the mark on all" "$("$WIRE" count "$MARKS/f" \
        "run in ($BLUE, $RED) and ($marked)")" 40

    # The frames' own tags are inside.
    check "$encap: b is a trunk" ovs-vsctl clear Port b tag \
        -- set Port b trunks=10
    vm b "$WIRE" hello eth0 2 vlan=10
    sandbox_wait 1 is_known b 10
    sleep 0.3
    EXPECT='vlan == [10] and not nsh' \
        through "$encap: access to trunk" f a b
    EXPECT='vlan == [] and not nsh' \
        through "$encap: trunk to access" f b a vlan=10
    check "$encap: access again" ovs-vsctl clear Port b trunks \
        -- set Port b tag=10
    hello a b
    EXPECT='vlan == [] and not nsh'

    # Twice the same.
    check "$encap: f sends each twice" function_run f --duplicate
    unsolicited=$(fn f lost.unsolicited)
    through "$encap: each arrives once" f a b gap=0.01
    is_soon "$encap: the other is counted" 2 $((unsolicited + 20)) \
        fn f lost.unsolicited
    check "$encap: f holds each, and sends it twice" \
        function_run f --duplicate --hold 0.5
    through "$encap: each arrives once, although many are out" f a b

    # Changed: what decides who gets it may not be; the rest may.
    for what in ttl payload; do
        check "$encap: f changes $what" function_run f --change $what
        through "$encap: goes on" f a b
    done
    for what in dst src mac port; do
        check "$encap: f changes $what" function_run f --change $what
        changed=$(fn f lost.changed)
        lost "$encap, closed: dropped" f a b
        is_soon "$encap, closed: counted" 2 $((changed + 20)) \
            fn f lost.changed
        check "fail_mode=open" function_set f fail_mode=open
        through "$encap, open: goes on" f a b
        check "fail_mode=closed" function_set f fail_mode=closed
    done
    check "f changes nothing" function_run f
    check_soon "all came back" 2 balanced f
done

# Without an encap nobody knows what it was.
check "encap=none" function_set f encap=none
check "f changes dst" function_run f --change dst
unsolicited=$(fn f lost.unsolicited lost.timeout)
lost "none: dropped" f a b
is_soon "none: as unsolicited, and missed by flight_timeout" 5 \
    "$(echo "$unsolicited" | awk '{ print $1 + 20, $2 + 20 }')" \
    fn f lost.unsolicited lost.timeout
check "f changes ttl" function_run f --change ttl
EXPECT='ttl == 63' through "none: goes on" f a b
lab_down
