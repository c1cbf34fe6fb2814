#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A policy of 10,000 rules (prefixes, a set of 100,000 addresses, ranges of
# ports, identities) in one transaction, while a flow runs: it is in force
# soon, and nothing else happens.
#
#      a ----- br0 (NORMAL), inspector i1, inline ----- b
#
#  * from the commit until cur_cfg: under 2 s; asserted is TOO_LONG (default
#    6), for slow machines
#  * no packet of the flow is lost, none goes uninspected, one in a hundred at
#    most is late by LATE_MS (default 100), none by ten times that, and the
#    main thread was never held for long
#  * datapath flows and their masks are the same with 0 and with 1,000 rules
#  * a change reaches a connection that lives with its next packets: what is
#    sent from then on is dropped, all of it, until the rule goes
#
# Mutations that make it fail: build the policy in the main thread
# (ovsext_bridge_run); put the addresses of rules into the megaflow; keep the
# verdict of a connection when the version changes (lib/engine/judge.c).
. "$(dirname "$0")/lib.sh"
system_test "$@"

windowed=$OVSEXT_BUILD/tests/system/windowed
# What is slow on a busy machine need not be ours.
busy=$(busy)
too_long=$((${TOO_LONG:-6} * busy))
late_ms=$((${LATE_MS:-100} * busy))
diag "load $(cut -d' ' -f1 /proc/loadavg): limits are multiplied by $busy"

need "ovsdb-server starts" switch_start_db
need "ovs-vswitchd starts" switch_start
check "a bridge" bridge br0
check "VM a" make_vm a br0
check "VM b" make_vm b br0
check "an inline inspector" ovs-vsctl --timeout=20 --id=@i create \
    Inspector name=i1 id=1 mode=inline -- add Bridge br0 inspectors @i

policy() {          # COMMAND...: prints what "policy.py COMMAND" says.
    "$TESTS_HOME/policy.py" "$1" "$OVS_RUNDIR/db.sock" i1 "${@:2}"
}

# value FILE EXPRESSION: of the JSON object r in FILE, as Python.
value() {
    /usr/bin/python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))
print(eval(" ".join(sys.argv[2].split())))' "$SANDBOX_DIR/$1" "$2"
}

# flow_begin NAME [OPTION]...; flow_end NAME: a flow in the background.
flow_begin() {
    local name=$1
    shift
    rm -f "$SANDBOX_DIR/stop"
    "$windowed" --packets 2000000 --until "$SANDBOX_DIR/stop" "$@" \
        a:eth0 b:eth0 >"$SANDBOX_DIR/$name" &
    FLOW=$!
    sleep 1
}

flow_end() {
    local status
    : >"$SANDBOX_DIR/stop"
    wait $FLOW
    status=$?
    cat "$SANDBOX_DIR/$1"
    return $status
}

load_time() {       # NAME: seconds between the commit and cur_cfg.
    value "$1" 'round(max(0, r["in_force"] - r["committed"]), 3)'
}

# Masks and flows of the datapath: everything but how often and when.
datapath_flows() {
    appctl revalidator/wait >/dev/null
    appctl dpctl/dump-flows | sed 's/, packets:.*, actions:/ actions:/' |
        sed 's/^ufid:[^,]*, //; s/dp_hash([^)]*),//' | sort
}

# Without rules, and with 1,000: the same flows in the datapath.
traffic() {
    "$windowed" --packets 3000 --connections 100 "$@" a:eth0 b:eth0
}
FLOWS=none
few() {
    local without with
    without=$(traffic >/dev/null && traffic --tcp >/dev/null &&
              datapath_flows) || return 1
    policy load 1000 1000 >/dev/null || return 1
    with=$(traffic >/dev/null && traffic --tcp >/dev/null &&
           datapath_flows) || return 1
    FLOWS="$(wc -l <<<"$without") and $(wc -l <<<"$with")"
    equal "$with" "$without" && test -n "$with"
}
check "1,000 rules add no datapath flow and no mask" few
diag "datapath flows with 0 and 1,000 rules: $FLOWS"
check "all rules away" policy unload

# 10,000 while a flow runs.
in_use() { stats i1 seen_packets inspected_packets skipped lost; }
check_loaded() {    # FILE
    cat "$SANDBOX_DIR/$1"
    equal "$(value "$1" "r['in_force'] - r['committed'] < $too_long") $(
             stats i1 policy_rules)" "True 10000"
}
read -r seen inspected _ <<<"$(in_use)"
flow_begin flow.json --rate 4000 --connections 100
check "10,000 rules in one transaction" eval \
    'policy load 10000 100000 >"$SANDBOX_DIR/load.json"'
check "in force in less than $too_long s, all of them" check_loaded load.json
sleep 0.5
check "and all of them away" eval 'policy unload >"$SANDBOX_DIR/unload.json"'
check "and again" eval \
    'policy load 10000 100000 >"$SANDBOX_DIR/again.json"'
check "in force in less than $too_long s, all of them" check_loaded again.json
sleep 0.5
check "no packet of the flow was lost meanwhile" flow_end flow.json
for f in load again; do
    diag "$f: committed after $(value $f.json 'r["committed"]') s, in force" \
        "$(load_time $f.json) s later"
done
diag "flow: $(value flow.json 'r["received"]') packets, microseconds:" \
    "$(value flow.json 'r["us"]')"
is "1 % at most were late by $late_ms ms, none by ten times that" \
    "$(value flow.json "r['us']['p99'] < $late_ms * 1000 and
                        r['us']['max'] < $late_ms * 10000")" True
all_inspected() {
    local now=()
    read -ra now <<<"$(in_use)"
    equal "$((now[1] - inspected)) ${now[2]} ${now[3]}" \
        "$((now[0] - seen)) 0 0" &&
        test $((now[0] - seen)) -ge "$(value flow.json 'r["sent"]')"
}
check "none went uninspected" all_inspected
if test "$busy" -gt 1 || test "$(busy)" -gt 1; then
    skip "the main thread was not held" "the machine is busy"
else
    check "the main thread was not held" not grep -h '|timeval|.*Unreasonably' \
        "$OVS_LOGDIR/ovs-vswitchd.log"
fi

# With them in force: a rule for the flow, that lives, and away with it.  By
# when a packet was sent it is clear which version was to judge it.
cut_off() {
    local drop='{"op": "insert", "table": "Inspect_Rule", "uuid-name": "r",
                 "row": {"name": "cut", "priority": 65535,
                         "service": "udp/9", "action": "drop"}}'
    local into='{"op": "mutate", "table": "Inspector", "where": [],
                 "mutations": [["rules", "insert", ["named-uuid", "r"]]]}'
    local away='{"op": "delete", "table": "Inspect_Rule",
                 "where": [["name", "==", "cut"]]}'
    flow_begin cut.json --rate 500 --window 100000 --connections "$1" \
        --one-way --runs --may-lose
    policy touch "$drop" "$into" >"$SANDBOX_DIR/drop.json"
    sleep 1
    policy touch "$away" >"$SANDBOX_DIR/allow.json"
    sleep 1
    flow_end cut.json >/dev/null
}
# Sent after "in force": judged by the new version.  Before the request: by
# the old one, unless it was under way for a moment.
one_version() {
    cat "$SANDBOX_DIR"/{cut,drop,allow}.json
    test "$(value cut.json 'r["n_runs"]')" = 3 &&
    /usr/bin/python3 - "$SANDBOX_DIR" "$busy" <<'PYTHON'
import json, sys
cut, drop, allow = (json.load(open(f'{sys.argv[1]}/{n}.json'))
                    for n in ('cut', 'drop', 'allow'))
first, gap, last = cut['runs']
late = 0.3 * int(sys.argv[2])
ok = (first['came'] and not gap['came'] and last['came'] and
      drop['began'] - late < gap['from'] and
      first['to'] < drop['began'] + drop['in_force'] and
      allow['began'] - late < last['from'] and
      gap['to'] < allow['began'] + allow['in_force'])
sys.exit(not ok)
PYTHON
}
for n in 1 100; do
    check "a rule cuts $n live connections off, and gives them back" cut_off $n
    check "each packet by one version: with the next one on" one_version
    diag "$(value cut.json '[(x["came"], x["packets"])
                             for x in r["runs"]]')," \
        "in force after $(value drop.json 'r["in_force"]') s," \
        "$(value allow.json 'r["in_force"]') s"
done
host_down
done_testing
