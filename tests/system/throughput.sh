#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Packets by the million over 1,000 connections, in both directions, through
# one function: none is lost, none comes twice, and those of a connection keep
# their order.
#
#      a <---------- br0 (NORMAL) ----------> b
#                     |      |
#                   f-in   f-out              function f, slot 4, forward.c
#
# As many as fit in SECONDS_EACH (default 30) seconds; PACKETS=10000000 runs
# that many, however long it takes.  At most 64 packets are under way in each
# direction, so that no queue can overflow; that none did is asserted of every
# interface and socket on the way.
#
# Mutations that make it fail: drop one returning packet in 50,000
# (lib/engine/redirect.c); output returned packets in another order
# (ovs-ext/action-run.c).
LIMIT=${LIMIT:-$((PACKETS ? 3600 : 900))}
. "$(dirname "$0")/lib.sh"
system_test "$@"

windowed=$OVSEXT_BUILD/tests/system/windowed
forward=$OVSEXT_BUILD/tests/system/forward

need "ovsdb-server starts" switch_start_db
need "ovs-vswitchd starts" switch_start
check "a bridge" bridge br0
check "VM a" make_vm a br0
check "VM b" make_vm b br0
check "function f" make_function f br0
vm_spawn f f "$forward" --mark F in out
check "slot 4, a rule for everything" ovs-vsctl --timeout=20 \
    -- --id=@f create Inspect_Function name=f slot=4 input_port=f-in \
    output_port=f-out probe_timeout=20000 fail_mode=closed \
    -- --id=@r create Inspect_Rule name=to-f slot=4 action=redirect \
    -- --id=@i create Inspector name=i1 id=1 mode=inline \
    functions=@f rules=@r \
    -- add Bridge br0 inspectors @i
f_is_up() {
    test "$(function_stats f state)" = up
}
need "the function is up" sandbox_wait 10 f_is_up

# Every counter of what an interface dropped or could not take.  Of what the
# VMs' own stacks do not want their rx_dropped tells; windowed's sockets have
# had it before.
drops() {
    local c v
    for c in rx_dropped tx_dropped rx_errors tx_errors; do
        port_sums $c a b f-in f-out
        for v in a b; do
            test $c = rx_dropped ||
                vm $v cat /sys/class/net/eth0/statistics/$c
        done
        vm f cat /sys/class/net/in/statistics/$c \
            /sys/class/net/out/statistics/$c
    done | awk '{ sum += $1 } END { print sum }'
    appctl coverage/show | sed -n 's/^\(datapath_drop_[a-z_]*\).*total: /\1 /p'
}

flow() {            # EXPRESSION over the report, as Python.
    /usr/bin/python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$SANDBOX_DIR/flow.json" "$1"
}

enough() {          # A slow machine goes on until there are as many.
    test "$(function_stats f out)" -gt 100000
}

send_all() {
    local status pid
    "$windowed" --packets "${PACKETS:-1000000000}" --connections 1000 \
        --until "$SANDBOX_DIR/stop" --trace F a:eth0 b:eth0 \
        >"$SANDBOX_DIR/flow.json" &
    pid=$!
    if test -z "$PACKETS"; then
        sleep "${SECONDS_EACH:-30}"
        sandbox_wait 60 enough
        : >"$SANDBOX_DIR/stop"
    fi
    wait $pid
    status=$?
    cat "$SANDBOX_DIR/flow.json"
    return $status
}

before=$(drops)
check "none lost, none twice, in order, each through f once" send_all
diag "$(flow 'f"""{r["received"]:,} packets in {r["seconds"]} s, {r["pps"]:,}
 a second; {r["us"]} microseconds""".replace("\n", "")')"
check "not a few" test "$(flow 'r["received"]')" -ge "${PACKETS:-100000}"
is "no interface, no action dropped any" "$(drops)" "$before"

sent=$(flow 'r["sent"]')
counters_agree() {
    equal "$(function_stats f in out lost in_flight injected bypassed \
             refused)" "$sent $sent 0 0 0 0 0"
}
check_soon "in = out = what was sent" 3 counters_agree
sandbox_kill f
is "so does the function say" "$(/usr/bin/python3 -c '
import json, sys
arms = json.load(sys.stdin)
print(*(sum(a[k] for a in arms) for k in ("marked", "kernel_drops")))' \
    <"$SANDBOX_DIR/out/f")" "$sent 0"
is "1,000 connections" "$(stats i1 table.connections)" 1000
is "nothing skipped or lost" "$(stats i1 skipped lost)" "0 0"
host_down
done_testing
