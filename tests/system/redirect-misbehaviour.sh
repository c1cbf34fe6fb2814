#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Functions that do what they must not: nothing breaks out of the slot.
#
#      a   b   c                     VMs 1, 2, 3
#      |   |   |
#      br0 (NORMAL) --- f-in, f-out  function f, slot 4
#                   --- o-in         function o, one-armed
#
# f floods, loops, duplicates, invents.  Whatever it does, each VM gets what
# was sent to it and no more, no packet of its own reaches anyone, NORMAL
# learns nothing, and the books of the function balance.
#
# Mutations that make it fail (tried): look for a flight whatever arm a packet
# comes back by (loop); take a probe that comes back by the wrong arm for an
# answer (loop).  Ought to (not tried): count no packets of an entry
# (duplicates); let what was not sent to the function meet the flow table.
. "$(dirname "$0")/lib.sh"
system_test "$@"
. "$TESTS_HOME/functions.bash"

FALSE_RUN=4294967295

lab_up
for v in a b c; do
    check "VM $v" silent_vm $v
done
check "function f" function_vm f
check "it runs" function_run f
need "it is in slot 4, and up" function_row f 4 flight_timeout=1500
check "everything to f" redirect to-f 4
hello
macs_before=$(macs)

nothing_of_its_own() {
    local v
    for v in "${VMS[@]}"; do
        equal "$v: $("$WIRE" count "$SEEN/$v" "run == $FALSE_RUN")" \
            "$v: 0" || return 1
    done
}

# exchange N: as many from a to b and from b to a at a time.
exchange() {
    local there back n=$1
    shift
    RUN=$((RUN + 2))
    there=$RUN
    back=$((RUN - 1))
    vm b "$WIRE" send eth0 2 1 run=$back count="$n" gap=0.002 sport=7 \
        dport=4000 "$@" &
    vm a "$WIRE" send eth0 1 2 run=$there count="$n" gap=0.002 "$@"
    wait $!
    THERE=$there
    BACK=$back
}

# all_once N [KEY=VALUE]...: each arrives once, at its own VM.
all_once() {
    local n=$1
    shift
    exchange "$n" "$@" || return 1
    "$WIRE" trip "$THERE" "$n" --via "$MARKS/$FN" --to "$SEEN/b" \
        --not "$SEEN/a" --not "$SEEN/c" &&
    "$WIRE" trip "$BACK" "$n" --via "$MARKS/$FN" --to "$SEEN/a" \
        --not "$SEEN/b" --not "$SEEN/c"
}

both_got() {
    echo "$("$WIRE" count "$SEEN/b" "run == $THERE")" \
        "$("$WIRE" count "$SEEN/a" "run == $BACK")"
}

# no_more N: what arrives are as many as were sent, whichever these are.
no_more() {
    exchange "$1" || return 1
    sandbox_wait 3 prints "$1 $1" both_got
    sleep 1
    equal "$(both_got)" "$1 $1" &&
    equal "$("$WIRE" count "$SEEN/c" "run in ($THERE, $BACK)")" 0
}

# The function got each packet once: nothing runs in circles.
no_storm() {        # NAME PACKETS-BEFORE EXPECTED
    sandbox_wait 2 prints $(($2 + $3)) fn "$1" in
    sleep 0.5
    equal $(($(fn "$1" in) - $2)) "$3" && stays_so "$1"
}
stays_so() {
    local before
    before=$(fn "$1" in injected)
    sleep 0.5
    equal "$(fn "$1" in injected)" "$before"
}
quiet_and_balanced() {
    sleep 2
    sandbox_wait 3 balanced "$@"
    balanced "$@"
}

# misbehaves WHAT OPTION...: the function does, for 300 packets each way.
misbehaves() {
    local what=$1 before
    shift
    check "$what" function_run "$FN" "$@"
    before=$(fn "$FN" in)
    # Without an encap a duplicate may take the place of another packet.
    case "$*" in
    *--duplicate*) check "$what: as many arrive as were sent" no_more 300 ;;
    *) check "$what: each arrives once" all_once 300 ;;
    esac
    check "$what: no storm" no_storm "$FN" "$before" 600
    check "$what: nothing of its own arrives anywhere" nothing_of_its_own
    is "$what: NORMAL learns nothing" "$(macs)" "$macs_before"
    check "$what: in + injected = out + lost" quiet_and_balanced "$FN"
}

its_own=(--inject "3 2 run=$FALSE_RUN"
         --inject "1 all run=$FALSE_RUN"
         --inject "9 1 run=$FALSE_RUN proto=tcp"
         --inject "2 nobody run=$FALSE_RUN"
         --inject "1 group run=$FALSE_RUN ip=6"
         --inject "1 2 run=$FALSE_RUN sport=99"
         --inject "9 2 run=$FALSE_RUN vlan=10"
         --inject "9 2 run=$FALSE_RUN vlan=10 vlan2=20"
         --inject "9 2 run=$FALSE_RUN frags=2 size=500")

FN=f
misbehaves "f forwards"
misbehaves "f floods" --flood
misbehaves "f duplicates" --duplicate
misbehaves "f floods and duplicates" --flood --duplicate
injected=$(fn f injected)
check "f sends packets of its own" function_run f "${its_own[@]}"
check "and each arrives once" all_once 300
sleep 0.5
check "nothing of its own arrives anywhere" nothing_of_its_own
is "NORMAL learns nothing" "$(macs)" "$macs_before"
check "they are counted as injected" test "$(fn f injected)" -gt "$injected"
check "f forwards" function_run f
check "in + injected = out + lost" quiet_and_balanced f

# Also when nothing is redirected to it.
check "f sends packets of its own, no rule names it" eval '
    rules_gone && function_run f "${its_own[@]}"'
sleep 1
check "nothing of its own arrives anywhere" nothing_of_its_own
is "NORMAL learns nothing" "$(macs)" "$macs_before"
check "VMs talk past it" sent_through "" a b
check "f forwards" function_run f
check "everything to f" redirect to-f 4

# Many out at a time: no more come back than went in.
check "f holds, and duplicates" function_run f --hold 0.4 --duplicate
check "as many arrive as were sent" no_more 100
check "f holds, duplicates and floods" function_run f --hold 0.4 \
    --duplicate --flood
check "as many arrive as were sent" no_more 100

# Back where they came from: they are missed, and the function is down.
check "f sends back" function_begin f --loop
lost_before=$(fn f lost.timeout)
lost "packets do not arrive" f a b
check "probes do not come through: it is down" \
    function_is f probes-lost 5
through "and bypassed" "" a b
is_soon "those that it had are lost by flight_timeout" 4 \
    $((lost_before + 20)) fn f lost.timeout
check "f forwards" function_run f
through "through it again" f a b

# By direction: both arms are entered, and both may be flooded.
check "by direction: a's packets" eval 'rules_gone &&
    ovs-vsctl set Inspect_Function f arms=by-direction &&
    redirect to-f 4 direction=from-vm source="\"port:a\"" symmetric=true'
misbehaves "by direction, f forwards"
misbehaves "by direction, f floods" --flood
misbehaves "by direction, f duplicates" --duplicate

# One arm: what it floods or loops is what it is to do.
check "nothing to f" eval 'rules_gone && functions_gone f'
check "function o, with one port" function_vm o br0 one
check "it runs" function_run o
check "it is in slot 4, and up" function_row o 4 flight_timeout=1500
check "everything to o" redirect to-o 4
FN=o
misbehaves "one-armed, o forwards"
misbehaves "one-armed, o duplicates" --duplicate
check "o sends packets of its own" function_run o "${its_own[@]}"
check "each arrives once" all_once 300
sleep 0.5
check "nothing of its own arrives anywhere" nothing_of_its_own
check "o forwards" function_run o
check "in + injected = out + lost" quiet_and_balanced o
lab_down
