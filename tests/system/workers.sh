#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Workers: several PMD threads inspect the same connections, threads come and
# go, ports too, and every sum stays exact.
#
#    stream --- p1 (2 queues) --- br0 --- p2 (2 queues) --- stream
#                  PMD threads on 3 pretended cores
#
#    in_port=p1,actions=inspect(id=1,zone=5),p2     and the way back
#
# Dummy ports are polled by real PMD threads.  Their queues drop what they
# cannot hold before any flow sees it, so the reference is n_packets and
# n_bytes of the flows.
#
# Mutations that make it fail: in flow/count.c, let count_foreign() do
# nothing; in engine/stats.c, let insp_tally_publish() store instead of add.
. "$(dirname "$0")/lib.sh"
system_test "$@"

seed=${SEED:-$RANDOM}
diag "SEED=$seed"

host_up --enable-dummy --dummy-numa=0,0,0
check "three PMD threads" ovs-vsctl --timeout=20 set Open_vSwitch . \
    other_config:pmd-cpu-mask=7
check "bridge" bridge br0

add_port() {        # PORT NUMBER VM-ID
    ovs-vsctl --timeout=20 add-port br0 "$1" -- set Interface "$1" \
        type=dummy-pmd ofport_request="$2" options:n_rxq=2 \
        options:pstream="punix:$OVS_RUNDIR/$1.sock" \
        other_config:pmd-rxq-affinity="\"0:0,1:1\"" \
        external_ids:vm-uuid="$3" external_ids:iface-id="if-$1" \
        external_ids:attached-mac="02:00:00:00:00:0$2"
}
check "port p1" add_port p1 1 vm-one
check "port p2" add_port p2 2 vm-two
ovs-vsctl --timeout=20 set Interface p2 \
    other_config:pmd-rxq-affinity='"0:1,1:2"'
check "flows" ovs-ofctl add-flows br0 - <<END
in_port=1,actions=inspect(id=1,zone=5),output:2
in_port=2,actions=inspect(id=1,zone=5),output:1
END
check "uplink" make_uplink up
check "inspector" make_inspector main 1 up br0 select=flows \
    active_timeout=2 idle_timeout=5 flow_limit=20000
check_soon "it is in force" 5 status_is Inspector main state active
check_soon "uplink" 5 uplink_active up

n_polling() {
    appctl dpif-netdev/pmd-rxq-show |
        awk '/^pmd thread/ { t = $0 } /port:/ { used[t] = 1 }
             END { print length(used) }'
}
at_least_two() {
    test "$(n_polling)" -ge 2
}
check_soon "at least two PMD threads poll the ports" 3 at_least_two

stream() {
    /usr/bin/python3 "$TESTS_HOME/stream.py" "$OVS_RUNDIR/p1.sock" \
        "$OVS_RUNDIR/p2.sock" "$@"
}

# One 5-tuple by both queues of p1 at once, which two threads poll.
same_on_two_queues() {
    local f i packets=()
    f='in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)'
    f+=',eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64'
    f+=',frag=no),udp(src=9,dst=9)'
    for ((i = 0; i < 40; i++)); do packets+=("$f"); done
    for ((i = 0; i < 40; i++)); do
        appctl netdev-dummy/receive p1 --qid $((i % 2)) "${packets[@]}" ||
            return 1
    done
}

# The sums, from what flows, inspector and collector say by now.
sums() {
    local p b
    check_soon "$1: the inspector comes to rest" 20 settle main
    check "$1: flush" flush
    read -r p b <<<"$(flow_sums br0 'in_port=[p12]')"
    is "$1: inspected = n_packets, n_bytes of the flows" \
        "$(stats main inspected_packets inspected_bytes)" "$p $b"
    sandbox_wait 5 records_are "$p" "$b"
    check "$1: sum of records = inspected ($p packets)" records_are "$p" "$b"
    is "$1: seen = inspected, nothing skipped or lost" \
        "$(stats main seen_packets skipped lost)" "$p 0 0"
}
records_are() {
    local got
    got=$($RECORDS sum "$RECORDS_FILE" --inspector 1)
    test "${got#* * }" = "$1 $2" || { echo "$got"; return 1; }
}

check "mixed traffic, both sides at once" stream "$seed" 60000
check "one 5-tuple by two threads" same_on_two_queues
sums "steady threads"
check "some packets were counted by a thread that owns nothing" \
    test "$(stats main table.foreign_packets)" -gt 0

# Threads come and go under traffic.
stream $((seed + 1)) 120000 >"$SANDBOX_DIR/out/stream" 2>&1 &
streaming=$!
for mask in 1 7 3 6 7 1 3 7; do
    ovs-vsctl --timeout=20 set Open_vSwitch . \
        other_config:pmd-cpu-mask=$mask
    sleep 0.3
done
wait $streaming
check "the streams went on" test "$(cat "$SANDBOX_DIR/out/stream")" = 120000
sums "coming and going threads"

# A flood of SYNs from ever new sources in a table of 20,000.
begun=$(stats main table.begun)
check "flood of 100,000 sources" stream "$seed" 100000 flood
sums "flood"
check "it began more than the table holds" \
    test $(($(stats main table.begun) - begun)) -gt 20000
check "the table held" \
    test "$(stats main table.connections)" -le 20000

# Ports come and go: nothing is left, nothing is inherited.
rss() {
    awk '/^VmRSS/ { print $2 }' "/proc/$(switch_pid)/status"
}
cycle() {           # Attaches and detaches 100 VM ports.
    local i add=() del=()
    for ((i = 0; i < 100; i++)); do
        add+=(-- add-port br0 "x$i" -- set Interface "x$i" type=dummy
              "external_ids:vm-uuid=x$i-$1")
        del+=(-- del-port br0 "x$i")
    done
    ovs-vsctl --timeout=30 "${add[@]}" && ovs-vsctl --timeout=30 "${del[@]}"
}
cycles() {          # FROM TO
    local i
    for ((i = $1; i < $2; i++)); do
        cycle "$i" || return 1
    done
}
ovs-vsctl --timeout=20 set Open_vSwitch . other_config:pmd-cpu-mask=1
check "1,000 attachments and detachments" cycles 0 10
before=$(rss)
check "9,000 more" cycles 10 100
after=$(rss)
diag "resident memory: $before KiB, then $after KiB"
check "memory stays: less than 8 MiB more" test $((after - before)) -lt 8192
ovs-vsctl --timeout=20 set Open_vSwitch . other_config:pmd-cpu-mask=7
check "mixed traffic again" stream $((seed + 2)) 20000
sums "after 10,000 ports"
host_down
done_testing
