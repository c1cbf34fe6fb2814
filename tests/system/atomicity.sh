#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Atomicity: the slots of two functions are exchanged in one transaction, again
# and again, under load.  Every packet goes through both functions, once each,
# in the order of one version: f then g, or g then f.
#
#      a <---------- br0 (NORMAL) ----------> b
#                     |        |
#             f-in, f-out    g-in, g-out      slots 4 and 5, and 5 and 4
#
# Each function writes its letter into the packets; who receives them reads
# what they went through and in which order.  Packets of a connection that went
# the same way must come in their order.
#
# SECONDS_EACH: how long each kind of traffic lasts (default 8).  SWAP_EVERY:
# seconds between two exchanges (default 0.2).
#
# Each version of the policy has flights of its own, and they are kept for some
# seconds: 1,000 connections and many versions want a large flight-limit, and
# a VLAN id for each is there for fewer connections only.  ALIKE=1 adds packets
# of one connection between which nothing tells; without an encap a function
# brings these back in the context of one another when versions change.
#
# Mutations that make it fail: let flights of one key share an entry whatever
# they go on with (suits() of lib/flow/flight-pass.c): "F", "GFG"; give
# functions that change slot another id.
. "$(dirname "$0")/lib.sh"
system_test "$@"

windowed=$OVSEXT_BUILD/tests/system/windowed
forward=$OVSEXT_BUILD/tests/system/forward
seconds=${SECONDS_EACH:-8}

need "ovsdb-server starts" switch_start_db
need "ovs-vswitchd starts" switch_start
check "a bridge" bridge br0
check "VM a" make_vm a br0
check "VM b" make_vm b br0
check "function f" make_function f br0
check "function g" make_function g br0
vm_spawn f f "$forward" --mark F in out
vm_spawn g g "$forward" --mark G in out

# rows ENCAP
rows() {
    ovs-vsctl --timeout=20 \
        -- --id=@f create Inspect_Function name=f slot=4 input_port=f-in \
        output_port=f-out probe_timeout=5000 fail_mode=closed "encap=$1" \
        -- --id=@g create Inspect_Function name=g slot=5 input_port=g-in \
        output_port=g-out probe_timeout=5000 fail_mode=closed "encap=$1" \
        -- --id=@r create Inspect_Rule name=to-f slot=4 action=redirect \
        -- --id=@s create Inspect_Rule name=to-g slot=5 action=redirect \
        -- --id=@i create Inspector name=i1 id=1 mode=inline \
        functions=@f,@g rules=@r,@s other_config:flight-limit=500000 \
        -- add Bridge br0 inspectors @i >/dev/null &&
    sandbox_wait 10 both_up
}

rows_gone() {
    ovs-vsctl --timeout=20 destroy Inspector i1 \
        -- destroy Inspect_Function f -- destroy Inspect_Function g \
        -- destroy Inspect_Rule to-f -- destroy Inspect_Rule to-g
}

both_up() {
    test "$(function_stats f state) $(function_stats g state)" = "up up"
}

# Exchanges the slots; now and then it waits until that is in force.
swap() {
    SWAPS=$((SWAPS + 1))
    ovs-vsctl --timeout=20 --no-wait \
        set Inspect_Function f slot=$((4 + SWAPS % 2)) \
        -- set Inspect_Function g slot=$((5 - SWAPS % 2)) \
        -- set Inspect_Rule to-f slot=$((4 + SWAPS % 2)) \
        -- set Inspect_Rule to-g slot=$((5 - SWAPS % 2)) \
        -- set Inspector i1 next_cfg=$SWAPS || return 1
    test $((SWAPS % 3)) != 0 ||
        ovs-vsctl --timeout=20 wait-until Inspector i1 cur_cfg=$SWAPS
}

# under_load [OPTION]...: swaps while packets flow, longer where a swap takes
# long; what became of them is in $SANDBOX_DIR/flow.json.
under_load() {
    local ends swaps=$SWAPS pid status=0
    rm -f "$SANDBOX_DIR/stop"
    ends=$((${EPOCHREALTIME/./} + seconds * 1000000))
    "$windowed" --packets 100000000 --until "$SANDBOX_DIR/stop" \
        --trace FG --trace GF --may-overtake "$@" a:eth0 b:eth0 \
        >"$SANDBOX_DIR/flow.json" &
    pid=$!
    while test "${EPOCHREALTIME/./}" -lt "$ends" ||
          test $((SWAPS - swaps)) -lt 10; do
        kill -0 $pid 2>/dev/null || break
        swap || status=1
        sleep "${SWAP_EVERY:-0.2}"
    done
    : >"$SANDBOX_DIR/stop"
    wait $pid || status=1
    swaps=$((SWAPS - swaps))
    cat "$SANDBOX_DIR/flow.json"
    test $status = 0 && test $swaps -ge 10
}

flow() {            # EXPRESSION over the report, as Python.
    /usr/bin/python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))
print(eval(sys.argv[2].strip()))' "$SANDBOX_DIR/flow.json" "$1"
}

# Every packet met both, and no counter knows of another end.
counters_agree() {
    local f sent
    sent=$(flow 'r["sent"]')
    for f in f g; do
        equal "$f: $(function_stats $f in out lost in_flight bypassed \
                     refused)" "$f: $sent $sent 0 0 0 0" || return 1
    done
}

SWAPS=0
scenario() {        # WHAT ENCAP [OPTION]...
    local what=$1 encap=$2 before=$SWAPS
    shift 2
    # As created: f in slot 4.
    SWAPS=0
    check "$what: rows" rows "$encap" || return
    check "$what: through both, once each, in one version's order" \
        under_load "$@"
    diag "$SWAPS exchanges, $(flow 'r["received"]') packets," \
        "$(flow 'r["traces"]')"
    check "$what: thousands of packets, both orders were there" equal \
        "$(flow 'r["received"] > 5000 and min(r["traces"].get(x) for x in
                 ("FG", "GF")) > 500')" True
    check_soon "$what: the functions' counters say the same" 3 counters_agree
    check "$what: rows away" rows_gone
    SWAPS=$((SWAPS + before))
}

scenario "1,000 connections" none --connections 1000
scenario "one connection" none --connections 1
test -z "$ALIKE" ||
    scenario "one connection, all alike" none --connections 1 --alike
scenario "1,000 of TCP" none --connections 1000 --tcp
scenario "one of TCP" none --connections 1 --tcp
scenario "1,000 in NSH" nsh --connections 1000
scenario "10 in a VLAN" vlan --connections 10
diag "$SWAPS exchanges in all"

sandbox_kill f
sandbox_kill g
check "the functions dropped nothing" eval \
    '! cat "$SANDBOX_DIR"/out/[fg] | grep -v "\"kernel_drops\": 0}.*: 0}"'
host_down
done_testing
