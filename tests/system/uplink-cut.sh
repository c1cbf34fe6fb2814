#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a network, a disk and a clock do to an uplink: cut, slow, half open;
# full at the collector, full at the sensor's spool; stepped; and in the end
# ovs-vswitchd is killed with -9.  Nothing that was acknowledged is missing,
# nothing stands twice, what is lost is reported, and sums are equal.
#
#   VM a -- br0 -- VM b      inspector --> relay --> collector --> small disk
#                               |           cut, slow, silent
#                             spool (small disk)
#
# The relay is ours, so that it runs where the kernel has no netem; where it
# has, the same again with it.
#
# Mutations that make it fail: no keepalive and no look at unacknowledged
# bytes in the uplink (half open); a commit() that acknowledges although
# write_at() failed; a spool that forgets what it dropped.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
DISK=$SANDBOX_DIR/disk
SPOOL=$SANDBOX_DIR/spool
mkdir "$DISK" "$SPOOL"
mount -t tmpfs -o size=16m tmpfs "$DISK"
mount -t tmpfs -o size=3m tmpfs "$SPOOL"
JOURNAL=$DISK/journal
start() {
    rm -f "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl
    collector_start --journal="$JOURNAL" --journal-max-bytes=64M "$@"
}
log_says() { grep -Eq "$1" "$OVS_LOGDIR/collector.log"; }
show() {
    timeout 15 ovs-appctl -t "$(ls "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl)" \
        collector/show --json | /usr/bin/python3 -c \
        "import json, sys; x = json.load(sys.stdin); print($1)"
}
relay() {   # [RATE [DELAY]]
    sandbox_kill relay KILL
    sandbox_spawn relay "$TESTS_HOME/relay.py" 127.0.0.1:4750 \
        "127.0.0.1:$COLLECTOR_PORT" "$@"
    sandbox_wait 5 eval "ss -Hltn 'sport = :4750' | grep -q ."
}
spoil() { kill "-$1" "$(cat "$SANDBOX_DIR/pid/relay")"; }

need "certificates" pki_init
need "ovsdb-server" switch_start_db
need "ovs-vswitchd" switch_start
need "collector" start
need "relay" relay
check "bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
check "uplink" make_uplink up 'target="ssl:127.0.0.1:4750"' max_backoff=1000 \
    inactivity_probe=1000 "spool_dir=$SPOOL" spool_max_bytes=1048576 \
    other_config:queue-limit=512
# No record comes by itself while others are counted.
check "inspector" make_inspector vms 2 up br0 \
    other_config:statistics-interval=3600
check_soon "uplink active" 8 uplink_active up
vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7

talk() {            # COUNT: so many connections.
    vm a "$traffic" connections 10.0.0.2 7 "$1" 50 >/dev/null
}
balanced() {
    # shellcheck disable=SC2046
    set -- $(uplink up records.produced records.recovered \
        records.acknowledged records.sent records.unacknowledged \
        records.queued records.spooled records.dropped)
    equal "$(($1 + $2))" "$(($3 + $4 + $5 + $6 + $7 + $8))" ||
        { echo "$*"; return 1; }
}
nothing_waits() {
    # shellcheck disable=SC2046
    set -- $(uplink up records.unacknowledged records.queued records.spooled)
    equal "$*" "0 0 0"
}
lines() { grep -c '"inspect":' "$RECORDS_FILE"; }
all_there() {       # Of this incarnation, what is acknowledged is in the file.
    nothing_waits &&
    equal "$(lines)" "$(($(uplink up records.acknowledged) + ${OLD_LINES:-0}))"
}
sums() {
    # shellcheck disable=SC2046
    set -- $($RECORDS sum "$RECORDS_FILE" --inspector 2 | cut -d' ' -f3-)
    equal "$*" "$(stats vms inspected_packets inspected_bytes)"
}
whole() {           # WHAT: nothing is lost by then.
    settle vms
    flush
    # The sensor's own records come now and then: once is enough.
    check "$1: all is acknowledged, each line once" sandbox_wait 25 all_there
    check "$1: sums are equal" sums
    check "$1: counters balance" balanced
}

talk 200
whole "at first"

for i in 1 2 3; do
    talk 100 &
    sleep 0.2
    spoil USR1
    wait $!
done
check_soon "cut three times: connected again" 5 uplink_active up
whole "cut three times"

relay 20000 0.1
check_soon "slow: connected again" 8 uplink_active up
talk 300
check "slow: balanced meanwhile" balanced
whole "slow"

relay
check_soon "connected again" 8 uplink_active up
spoil USR2
talk 300
not_active() { ! uplink_active up; }
check_soon "half open: the sensor notices" 15 not_active
check "half open: balanced" balanced
spoil USR2
check_soon "it answers again" 12 uplink_active up
whole "half open"

if tc qdisc add dev lo root netem delay 50ms loss 3% 2>/dev/null; then
    talk 300
    tc qdisc del dev lo root
    whole "netem, 50 ms, 3 % lost"
else
    skip "netem" "this kernel has no sch_netem: the relay must do"
fi

# The collector's disk is full.
head -c 64M /dev/zero >"$DISK/filler" 2>/dev/null
talk 600
check_soon "collector's disk full: its log says so" 10 log_says \
    'nothing is acknowledged'
check "and ovs-vswitchd keeps the records" not nothing_waits
check "balanced" balanced
rm "$DISK/filler"
whole "collector's disk was full"

# Nobody there, and the spool's disk is too small.
sandbox_kill collector KILL
for i in 1 2 3 4 5 6; do talk 900; done
flush
dropped() { test "$(uplink up records.dropped)" -gt 0; }
check_soon "spool full: records are dropped, and counted" 20 eval \
    'talk 500; flush; dropped'
check "spool full: balanced" balanced
check "the collector is back" start
check_soon "spool full: the rest is acknowledged" 30 nothing_waits
check "balanced" balanced
lost() { show 'sum(s["lost"] for s in x["streams"])'; }
settle vms
flush
all_accounted() {
    nothing_waits && equal "$(lost)" "$(uplink up records.dropped)" &&
        equal "$(lines)" "$(uplink up records.acknowledged)"
}
check_soon "what was dropped was declared, and no more is missing" 10 \
    all_accounted
is "none is missing unsaid" "$(show 'sum(s["missing"] for s in x["streams"])')" 0
diag "$(appctl inspect/uplinks)"

# The clock is stepped under the collector.
fake=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -n 1)
if test -n "$fake"; then
    sandbox_kill collector KILL
    echo '+0' >"$SANDBOX_DIR/clock"
    export LD_PRELOAD=$fake FAKETIME_TIMESTAMP_FILE=$SANDBOX_DIR/clock \
        FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1
    start
    unset LD_PRELOAD
    check_soon "clock: connected" 5 uplink_active up
    for step in +4h -4h +0; do
        echo $step >"$SANDBOX_DIR/clock"
        talk 100
        settle vms
        flush
        check_soon "clock stepped to $step: acknowledged" 10 all_accounted
    done
    check "still the same connection" uplink_active up
    sandbox_kill collector KILL
    start
else
    skip "the clock is stepped" "no libfaketime: apt-get install faketime"
fi

# ovs-vswitchd is killed with -9, nobody there to take its records.
check_soon "connected" 8 uplink_active up
settle vms
flush
check_soon "nothing waits" 10 all_accounted
sandbox_kill collector KILL
talk 800
settle vms
flush
sleep 2
read -r produced acknowledged dropped <<<"$(uplink up records.produced \
    records.acknowledged records.dropped)"
inc() { show '[s["incarnation"] for s in x["streams"]]' | tr -d '[]' | tr ',' '\n'; }
check "kill -9" switch_kill
OLD_LINES=$(lines)
check "ovs-vswitchd is back" switch_start
check "and the collector" start
check_soon "it is connected" 12 uplink_active up
restarted() { records 'event_type == "inspect_restart"'; }
check_soon "a record says that it was restarted" 10 restarted
check_soon "the spool is empty" 20 nothing_waits
said=$(records 'event_type == "inspect_restart"' --print \
    'restart.lost, restart.recovered' | tail -n 1 | tr -d '(),')
diag "produced $produced, acknowledged $acknowledged, dropped $dropped;" \
    "said: $said"
reported() {
    local lost recovered
    read -r lost recovered <<<"$said"
    # What was there before, and what came from the spool: all of the old
    # incarnation; the rest is what the record says.
    equal "$((acknowledged + dropped + recovered + lost))" "$produced"
}
check "lost = produced - acknowledged - dropped - recovered" reported
old_ones() {
    equal "$(show 'x["streams"][0]["records"]')" \
        "$((acknowledged + $(echo "$said" | cut -d' ' -f2)))"
}
check_soon "what was recovered is here under its old numbers" 5 old_ones
check "balanced" balanced
host_down
done_testing
