#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A function that dies: what it does to packets, how soon, and what its row
# says; and that it is up again without any command when it is back.
#
#      a ---- br0 ---- b          VM a sends to b, a frame each 3 ms
#              |
#        f-in, f-out              function f in slot 4, probed each 100 ms,
#                                 probe_timeout 1,000 ms
#
# For each way to die, with fail_mode=open and closed: with open the longest
# gap between two frames that b gets is probe_timeout and 1 s at the most (this
# machine may be busy; the figure is shown); with closed b gets none from the
# moment that the row says so, and they are counted as refused.
#
# Mutation that makes it fail (tried): take a lost probe for an answer (the gap
# does not end).  Ought to (not tried): keep the state of a port that is gone;
# leave fail_mode=closed out.
. "$(dirname "$0")/lib.sh"
system_test "$@"
. "$TESTS_HOME/functions.bash"

TIMEOUT=1000
SLACK=9000

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
arrived() { "$WIRE" count "$SEEN/b" "run == $RUN"; }
went() { "$WIRE" count "$MARKS/f" "run == $RUN"; }

stream() {          # From a to b until "sandbox_kill stream".
    RUN=$((RUN + 1))
    vm_spawn a stream "$WIRE" send eth0 1 2 run=$RUN count=1000000 gap=0.003
    sandbox_wait 10 stream_flows
}
stream_flows() { test "$(went)" -gt 100; }

grows() {           # COMMAND...: its number does, within 15 s.
    local i before
    before=$("$@")
    for ((i = 0; i < 150; i++)); do
        sleep 0.1
        test "$("$@")" -gt "$before" && return 0
    done
    echo "$*: still $before"
    return 1
}

stays() {           # COMMAND...: its number does, for 0.5 s.
    local before
    before=$("$@")
    sleep 0.5
    equal "$("$@")" "$before"
}

says() {            # KEY PATTERN: of f's status
    status Inspect_Function f "$1" | grep -E "$2" ||
        { ovs-vsctl get Inspect_Function f status; return 1; }
}

since_is_now() {
    local since
    since=$(date -d "$(status Inspect_Function f since)" +%s) || return 1
    test $(($(date +%s) - since)) -le 12 || {
        status Inspect_Function f since
        date -u
        return 1
    }
}

# outage WHAT STATE BREAK MEND
outage() {
    local what=$1 state=$2 break=$3 mend=$4 mode begin took gap refused
    for mode in open closed; do
        check "$what: fail_mode=$mode" function_set f fail_mode=$mode
        need "a stream goes through f" stream
        refused=$(fn f refused.down)
        begin=$(now_ms)
        $break
        check "$what, $mode: the row says $state" function_is f $state 5
        took=$(($(now_ms) - begin))
        diag "$what, $mode: the row said so after $took ms"
        check "$what, $mode: within probe_timeout" \
            test $took -le $((TIMEOUT + SLACK))
        check "$what, $mode: why" says reason .
        check "$what, $mode: since when" since_is_now
        if test $mode = open; then
            check "$what, open: they are said to bypass it" \
                says effect bypass
            check "$what, open: and they do" grows arrived
            check "$what, open: counted" test "$(fn f bypassed.down)" -gt 0
            gap=$("$WIRE" gap "$SEEN/b" $RUN)
            diag "$what, open: the longest gap was $gap ms"
            check "$what, open: the gap is over within probe_timeout" \
                test "$gap" -le $((TIMEOUT + SLACK))
        else
            check "$what, closed: they are said to be dropped" \
                says effect drop
            check "$what, closed: they are" stays arrived
            check "$what, closed: counted" \
                test "$(fn f refused.down)" -gt "$refused"
        fi
        $mend
        check "$what, $mode: up again without a command" function_is f up 5
        check "$what, $mode: packets go through it again" grows went
        check "$what, $mode: and arrive" grows arrived
        sandbox_kill stream KILL
    done
}

lab_up
check "VM a" silent_vm a
check "VM b" silent_vm b
check "function f" function_vm f
hello
check "everything from a to f" redirect to-f 4 direction=from-vm \
    source='"port:a"'
through "no function is in slot 4: they pass" "" a b
check "the rule says so" status_matches Inspect_Rule to-f warning .

# A row before there is a program.
function_row f 4 probe_timeout=$TIMEOUT fail_mode=closed flight_timeout=2000
check "nothing runs in f: starting" function_is f starting 2
check "why" says reason probe
lost "fail_mode=closed: dropped from the first packet on" "" a b
function_set f fail_mode=open
through "fail_mode=open: bypassed" "" a b
check "now it runs" function_run f
through "through it" f a b

kill_f() { sandbox_kill run-f KILL; }
run_f() { function_run f; }
outage "kill -9" probes-lost kill_f run_f

stop_f() { kill -STOP "$(cat "$SANDBOX_DIR/pid/run-f")"; }
go_on() { kill -CONT "$(cat "$SANDBOX_DIR/pid/run-f")"; }
outage "it hangs" probes-lost stop_f go_on

link_down() { vm f ip link set dev out down; }
link_up() { vm f ip link set dev out up; }
outage "link down" link-down link_down link_up

port_gone() { ovs-vsctl --timeout=20 del-port f-in; }
port_back() { ovs-vsctl --timeout=20 add-port br0 f-in; }
outage "port removed" no-port port_gone port_back

# Blocked by OpenFlow: no state of its own, but no way either.
port_blocked() {
    ovs-ofctl mod-port br0 f-in "$1" && appctl revalidator/wait >/dev/null
}
check "no-forward" port_blocked no-forward
no_way=$(fn f refused)
lost "port blocked, closed: dropped" "" a b
check "counted" test "$(fn f refused)" -ge $((no_way + 20))
check "open" function_set f fail_mode=open
through "port blocked, open: bypassed" "" a b
check "forward" port_blocked forward
through "through it again" f a b

# A function that loses probes and nothing else is down as well; without
# probes only links count.
check "f loses probes" function_begin f --no-probes
check "probes lost" function_is f probes-lost 4
through "bypassed" "" a b
check "probe_interval=0" function_set f probe_interval=0
check "up: nobody asks" function_is f up 3
through "through it" f a b
check "kill -9, without probes: goes unnoticed" eval \
    'sandbox_kill run-f KILL; sleep 2; function_is f up 1'
check "f forwards again" function_run f
through "through it again" f a b
lab_down
