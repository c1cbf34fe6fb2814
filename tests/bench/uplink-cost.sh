#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a packet costs a PMD thread while the uplink is well, its collector is
# killed, its spool fills a disk, or its collector comes back and takes what
# waits: it should be the same, because the packet path never waits.
#
#     PREFIX=... tests/bench/uplink-cost.sh        Open vSwitch with DPDK
#
# A capture that is read for ever (net_pcap) through inspect into nothing
# (net_null); short interims, so that there are records all the time.  ROUNDS
# (default 5) times each state, in turn, and the first one twice: what that
# differs from itself is the noise of the machine.  Prints cycles a packet by
# the PMD's own counters, medians with the smallest and the largest.
LIMIT=900
VM_LINK=virtio
. "$(dirname "$0")/../system/lib.sh"
system_test "$@"

SPOOL=$SANDBOX_DIR/spool
mkdir -p "$SPOOL"
need "a small disk" mount -t tmpfs -o size=4m spool "$SPOOL"
host_up
need "a bridge" bridge br0
need "an uplink with a spool" make_uplink up "spool_dir=\"$SPOOL\"" \
    max_backoff=1000 other_config:queue-limit=1000
need "flows" ovs-ofctl add-flow br0 'in_port=1,actions=inspect(id=1),output:2'
need "an inspector" make_inspector gate 1 up br0 select=flows \
    active_timeout=1 other_config:metadata-budget=0
need "the uplink is active" sandbox_wait 5 uplink_active up
/usr/bin/python3 - "$SANDBOX_DIR/gate.pcap" <<'END'
import struct, sys
with open(sys.argv[1], 'wb') as f:
    f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for i in range(10000):
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 46, i, 0, 64, 17, 0) + bytes(
            [10, 1, i >> 8, i & 255, 10, 1, 255, 1])
        n = sum(struct.unpack('!10H', ip))
        n = 0xffff - ((n & 0xffff) + (n >> 16))
        p = (b'\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0' + ip[:10]
             + struct.pack('!H', n) + ip[12:]
             + struct.pack('!HHHH', 1000, 9, 26, 0) + b'x' * 18)
        f.write(struct.pack('<IIII', 0, i, len(p), len(p)) + p)
END
is_up() { test "$(ovs-vsctl get Interface "$1" link_state)" = up; }
device() {
    ovs-vsctl --timeout=20 add-port br0 "$1" -- set Interface "$1" \
        type=dpdk ofport_request="$2" options:dpdk-devargs="\"$3\"" &&
        sandbox_wait 5 is_up "$1"
}
need "net_null" device null 2 net_null0,no-rx=1
need "net_pcap" device read 1 \
    "net_pcap0,rx_pcap=$SANDBOX_DIR/gate.pcap,infinite_rx=1"
sleep 3

measure() {             # STATE: a line of it.
    local cycles
    appctl dpif-netdev/pmd-stats-clear >/dev/null
    sleep 2
    cycles=$(appctl dpif-netdev/pmd-stats-show | awk '
        /^[^ ]/ { pmd = /^pmd thread/ }
        pmd && /avg processing cycles per packet/ { print $6 }')
    echo "$1 $cycles $(uplink up records.spooled) $(uplink up records.dropped)"
}
collector_up() { collector_start && sandbox_wait 10 uplink_active up; }
for ((i = 0; i < ${ROUNDS:-5}; i++)); do
    measure connected
    measure connected-again
    sandbox_kill collector KILL
    sleep 1.5
    measure killed
    dd if=/dev/zero of="$SPOOL/ballast" bs=1k 2>/dev/null
    sleep 1
    measure disk-full
    rm -f "$SPOOL/ballast"
    collector_up || bail "the collector does not come back"
    measure coming-back
    sleep 3
done >"$SANDBOX_DIR/rows"
/usr/bin/python3 - "$SANDBOX_DIR/rows" <<'END' >"$SANDBOX_DIR/table"
import json, statistics, sys
rows = {}
for line in open(sys.argv[1]):
    name, cycles, *_ = line.split()
    rows.setdefault(name, []).append(float(cycles.strip('(')))
base = statistics.median(rows['connected'])
for name, all_ in rows.items():
    m = statistics.median(all_)
    print(f'{name:<16}{m:8.1f} cycles a packet  [{min(all_):.1f}, '
          f'{max(all_):.1f}]  {m / base:.3f}')
print(json.dumps({k: statistics.median(v) for k, v in rows.items()}))
END
while read -r line; do
    diag "$line"
done <"$SANDBOX_DIR/table"
check "every state was measured" test "$(wc -l <"$SANDBOX_DIR/table")" = 6
diag "spooled, dropped at the ends: $(awk '{ print $3 "/" $4 }' \
    "$SANDBOX_DIR/rows" | paste -sd' ')"
ovs-vsctl --timeout=20 del-port br0 read
host_down
umount "$SPOOL"
done_testing
