#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The collector is killed with -9 again and again, at random moments, while
# two sensors send: ovs-vswitchd, and one that was written from
# Documentation/uplink.md.  No acknowledged record is missing, none stands
# twice, sums are those that the inspector has counted, and forwarding does
# not notice.
#
#      VM a ------- br0 ------- VM b        inspector 2 --+
#                                                          +--> collector  x
#                                            peer.py -----+     ROUNDS times
#
# ROUNDS=100 is the whole test; CI takes fewer.
#
# Mutations that make it fail: acknowledge in take_message() of the collector
# instead of after the commit; do not keep what is sent in the uplink.
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-12}
export ROUNDS
LIMIT=$((900 + 2 * ROUNDS))
system_test "$@"

traffic=$TESTS_HOME/traffic.py
JOURNAL=$SANDBOX_DIR/journal
PEER_RECORDS=$((ROUNDS * 1500))
start() {
    rm -f "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl
    collector_start --journal="$JOURNAL" --journal-max-bytes=4G
}
need "certificates" pki_init
need "a certificate for the other sensor" pki_cert site peer host-2 DNS:host-2
need "ovsdb-server" switch_start_db
need "ovs-vswitchd" switch_start
need "collector" start
check "bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
check "uplink" make_uplink up
# No record comes by itself while others are counted.
check "inspector" make_inspector vms 2 up br0 \
    other_config:statistics-interval=3600
check_soon "uplink active" 5 uplink_active up
is "the collector acknowledges" "$(status Inspect_Uplink up delivery)" \
    acknowledged

load() { # Until the file is gone.
    while test -e "$SANDBOX_DIR/load"; do
        vm a "$traffic" connections 10.0.0.2 7 50 50 || sleep 0.1
    done
}
vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7
: >"$SANDBOX_DIR/load"
load >/dev/null 2>&1 &
load=$!
vm_spawn a steady "$traffic" steady 10.0.0.2 7 3600
sandbox_spawn peer "$TESTS_HOME/peer.py" "127.0.0.1:$COLLECTOR_PORT" \
    --ca "$PKI/site-ca.pem" --cert "$PKI/peer.pem" --key "$PKI/peer.key" \
    --name host-2 --records $PEER_RECORDS --rate 1500 --batch 7 \
    --log "$SANDBOX_DIR/out/peer.log"
peer=$(cat "$SANDBOX_DIR/pid/peer")

balanced() {
    # shellcheck disable=SC2046
    set -- $(uplink up records.produced records.recovered \
        records.acknowledged records.sent records.unacknowledged \
        records.queued records.spooled records.dropped)
    equal "$(($1 + $2))" "$(($3 + $4 + $5 + $6 + $7 + $8))" || {
        echo "$*"
        return 1
    }
}

RANDOM=5
unbalanced=0
failed=0
for ((round = 0; round < ROUNDS; round++)); do
    sleep "0.$(printf %03d $((RANDOM % 900 + 50)))"
    sandbox_kill collector KILL
    balanced || unbalanced=$((unbalanced + 1))
    start >/dev/null 2>&1 || failed=$((failed + 1))
    balanced || unbalanced=$((unbalanced + 1))
done
is "it came back each of $ROUNDS times" "$failed" 0
is "produced + recovered = the sum, each time" "$unbalanced" 0

rm "$SANDBOX_DIR/load"
wait $load
check "what the other sensor sent is acknowledged" wait "$peer"
diag "$(cat "$SANDBOX_DIR/out/peer")"
check_soon "the uplink is active" 12 uplink_active up
settle vms
flush
all_acknowledged() {
    # shellcheck disable=SC2046
    set -- $(uplink up records.unacknowledged records.queued records.spooled \
        records.produced records.acknowledged)
    equal "$*" "0 0 0 $5 $5"
}
check_soon "and all that ovs-vswitchd has produced" 15 all_acknowledged
diag "$(appctl inspect/uplinks)"

sandbox_kill steady
read -r sent got longest <"$SANDBOX_DIR/out/steady"
diag "$sent datagrams and echoes meanwhile, the longest gap was $longest ms"
is "forwarding lost nothing" "$got" "$sent"

# The output, at last.
lines() { # SENSOR
    grep -c "\"sensor\":[ ]*\"$1\"" "$RECORDS_FILE"
}
all_there() { equal "$(lines host-1)" "$(uplink up records.acknowledged)"; }
check_soon "as many lines as were acknowledged" 10 all_there
peer_once() {
    grep '"host-2"' "$RECORDS_FILE" | /usr/bin/python3 -c "
import json, sys
ids = [json.loads(x)['flow_id'] for x in sys.stdin]
missing = set(range(1, $PEER_RECORDS + 1)) - set(ids)
print(len(ids), 'lines,', len(ids) - len(set(ids)), 'twice,', len(missing),
      'missing')
sys.exit(bool(missing) or len(ids) != len(set(ids)))"
}
check "each of the other sensor once" peer_once
is_soon "the journal has the same lines" 5 \
    "$(cat "$JOURNAL"/journal-* | grep -vc '^{"journal":{')" \
    eval 'wc -l <"$RECORDS_FILE"'
sums() {
    flush
    # shellcheck disable=SC2046
    set -- $($RECORDS sum "$RECORDS_FILE" --inspector 2 | cut -d' ' -f3-)
    equal "$*" "$(stats vms inspected_packets inspected_bytes)"
}
check_soon "sums are those of inspect/stats" 10 sums
counted() {
    ovs-appctl -t "$(ls "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl)" \
        collector/show --json | /usr/bin/python3 -c "
import json, sys
s = json.load(sys.stdin)['streams']
print(sum(x['missing'] + x['lost'] + x['outstanding'] for x in s))"
}
is_soon "the collector misses none" 5 0 counted
host_down
done_testing
