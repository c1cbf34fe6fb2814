#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# DPDK: packets of vhost-user ports and of DPDK devices are inspected by a PMD
# thread, and every sum is as exact as elsewhere.
#
#    VM a, VM b: dpdk-testpmd      VM c: network namespace
#        | virtio, vhost-user          | veth
#        +----------- br0 -------------+     polled by a PMD thread; c's port
#         inspector 1 "vms": by itself       by the main thread
#         inspector 2 "flows": where two flows say so
#
#    a tap (net_tap) ----------------- br1 --- a capture (net_pcap)
#    a capture, for ever (net_pcap) ---+   +-- nothing (net_null)
#         inspector 3 "gate": frames, and as many as a PMD thread can take
#
# Skipped where the switch was built without DPDK or no huge pages can be had.
#
# Mutation that makes it fail (tried): in ovs-ext/worker-map.c, give no slot to
# PMD threads.
LIMIT=400
VM_LINK=virtio
. "$(dirname "$0")/lib.sh"
system_test "$@"

group='dl_dst=01:00:00:00:00:00/01:00:00:00:00:00'

host_up
check "a bridge" bridge br0
check "no management port that would answer" ip link set dev br0 down
check "the datapath is the one in userspace" eval \
    'appctl dpif/show | grep -q "^netdev@ovs-netdev"'
check "guest a" make_vm a br0 ip=10.0.0.1/24 ip6=fd00::1/64
check "guest b" make_vm b br0 ip=10.0.0.2/24 ip6=fd00::2/64
VM_LINK=veth check "VM c, on a port of the kernel" make_vm c br0 \
    ip=10.0.0.3/24 ip6=fd00::3/64
check "flows that inspect" ovs-ofctl add-flows br0 - <<END
priority=1,$group,actions=inspect(id=2),NORMAL
priority=0,actions=inspect(id=2),NORMAL
END
check "uplink" make_uplink up
check "inspector 2, where flows say so" make_inspector flows 2 up br0 \
    select=flows active_timeout=2 idle_timeout=5
check "inspector 1, by itself" make_inspector vms 1 up br0 \
    select=vm-to-vm active_timeout=2 idle_timeout=5
check_soon "both are in force" 5 eval \
    'status_is Inspector flows state active &&
     status_is Inspector vms state active'
check_soon "uplink" 5 uplink_active up

# Who polls what
# --------------
polled_by_pmd() {
    appctl dpif-netdev/pmd-rxq-show >"$SANDBOX_DIR/out/polled"
    cat "$SANDBOX_DIR/out/polled"
    for p; do
        grep -q "port: $p .*(enabled)" "$SANDBOX_DIR/out/polled" || return 1
    done
}
check_soon "a PMD thread polls the vhost-user ports" 5 polled_by_pmd a b
check "and not the kernel's port" not polled_by_pmd c
pmd_received() {
    appctl dpif-netdev/pmd-stats-show | awk '
        /^[^ ]/ { pmd = /^pmd thread/ }
        pmd && /packets received:/ { n += $3 }
        END { print n + 0 }'
}
main_received() {
    appctl dpif-netdev/pmd-stats-show | awk '
        /^[^ ]/ { pmd = /^main thread/ }
        pmd && /packets received:/ { print $3 }'
}

learn() {
    local v w
    for v in a b c; do
        for w in 1 2 3; do
            vm $v ping -q -c 1 -W 3 10.0.0.$w || return 1
            vm $v ping -q -c 1 -W 3 fd00::$w || return 1
        done
    done
}
check "everyone reaches everyone" learn
for v in b c; do
    vm_spawn $v bulk-$v iperf3 --server
    vm_spawn $v http-$v /usr/bin/python3 -m http.server --bind :: \
        --directory "$SANDBOX_DIR/log" 80
done
for v in b c; do
    check_soon "servers in $v" 20 eval \
        "vm_listens $v tcp 5201 && vm_listens $v tcp 80"
done
workers() {
    appctl inspect/show --json | sed -n 's/.*"workers": *\([0-9]*\).*/\1/p'
}
check "the PMD thread and the main thread are workers" test "$(workers)" -ge 2

# sums WHAT: what flows, inspectors and collector say since the last time.
last=$(census_at_rest br0)
check "there is a zero" test -n "$last"
sums() {
    local now m_p m_b u_p u_b i1_p i1_b i2_p i2_b r1_p r1_b r2_p r2_b i
    now=$(census_at_rest br0)
    check "$1: everything comes to rest" test $? = 0
    read -r m_p m_b u_p u_b i1_p i1_b i2_p i2_b r1_p r1_b r2_p r2_b \
        <<<"$(census_difference "$now" "$last")"
    last=$now
    diag "$1: group $m_p packets, $m_b bytes; the rest $u_p, $u_b"
    check "$1: there was traffic" test $((m_p + u_p)) -ge "$2"
    is "$1: explicit: inspected = n_packets, n_bytes of the flows" \
        "$i2_p $i2_b" "$((m_p + u_p)) $((m_b + u_b))"
    is "$1: explicit: sum of records = inspected" "$r2_p $r2_b" "$i2_p $i2_b"
    if test -z "$3"; then
        is "$1: automatic: inspected = once for each output" \
            "$i1_p $i1_b" "$((2 * m_p + u_p)) $((2 * m_b + u_b))"
    fi
    is "$1: automatic: sum of records = inspected" "$r1_p $r1_b" \
        "$i1_p $i1_b"
    for i in vms flows; do
        read -r seen inspected skipped lost \
            <<<"$(stats $i seen_packets inspected_packets skipped lost)"
        is "$1: $i: seen = inspected + skipped + lost, nothing lost" \
            "$seen 0" "$((inspected + skipped + lost)) $lost"
    done
}

pings() {
    vm a ping -q -c 20 -i 0.02 -W 3 -s 1000 10.0.0.2 &&
        vm a ping -q -c 5 -i 0.02 -W 3 -s 4000 fd00::2 &&
        vm c ping -q -c 10 -i 0.02 -W 3 10.0.0.1
}
bulk() {            # FROM ADDRESS AMOUNT [OPTION]...
    local i
    for ((i = 0; i < 5; i++)); do
        vm "$1" timeout 40 iperf3 -c "$2" -n "$3" "${@:4}" \
            >"$SANDBOX_DIR/out/iperf3" 2>&1 && return 0
        # The server closes its socket after each client, and opens it again.
        grep -Eq 'busy|reset|refused' "$SANDBOX_DIR/out/iperf3" || break
        sleep 0.5
    done
    cat "$SANDBOX_DIR/out/iperf3"
    return 1
}
pages() {
    vm a curl -sSf --max-time 20 -o /dev/null 'http://10.0.0.2/?[1-20]' &&
        vm b curl -sSf -g --max-time 20 -o /dev/null 'http://[fd00::3]/?[1-20]'
}
traffic() {         # WHAT
    check "$1: ping" pings
    check "$1: HTTP" pages
    check "$1: iperf3, guest to guest" bulk a 10.0.0.2 60M
    check "$1: iperf3, over IPv6, and back" bulk a fd00::2 30M --reverse
    check "$1: iperf3, guest and kernel's port" bulk a 10.0.0.3 30M
}

# Tap
# ---
polled=$(pmd_received)
main=$(main_received)
traffic "tap"
diag "PMD $(($(pmd_received) - polled)) packets," \
    "main thread $(($(main_received) - main))"
check "the PMD thread has inspected most of it" \
    test $(($(pmd_received) - polled)) -gt 50000
check "the main thread the replies of c" test $(($(main_received) - main)) \
    -gt 100
sums "tap" 50000
check "a record has both VMs' ids" records "proto == 'TCP' and
    dest_port == 5201 and src_vm.id == '$(vm_id a)' and
    dest_vm.id == '$(vm_id b)' and src_vm.port == 'a' and
    flow.pkts_toserver > 1000 and flow.pkts_toclient > 100"
check "also of a connection of two threads" records "proto == 'TCP' and
    dest_port == 5201 and src_vm.id == '$(vm_id a)' and
    dest_vm.id == '$(vm_id c)' and
    flow.pkts_toserver > 1000 and flow.pkts_toclient > 100"

# Inline, and a rule
# ------------------
check "inline" ovs-vsctl set Inspector vms mode=inline
check_soon "it is in force" 5 eval \
    'status_is Inspector vms state active &&
     appctl inspect/show vms | grep -q inline'
traffic "inline"
sums "inline" 50000
check "a rule that drops tcp/80 from a" ovs-vsctl --id=@r create Inspect_Rule \
    name=no-http action=drop source='"port:a"' service='"tcp/80"' \
    -- add Inspector vms rules @r
no_page() {
    ! vm a curl -sSf --max-time 1 -o /dev/null http://10.0.0.2/
}
check_soon "a reads no page" 5 no_page
check "a still pings" pings
check "b reads pages" vm b curl -sSf -g --max-time 20 -o /dev/null \
    'http://[fd00::3]/?[1-5]'
sums "drop" 50
check_soon "a record says so" 3 records "src_vm.port == 'a' and
    dest_port == 80 and inspect.verdict == 'drop' and
    inspect.rule == 'no-http'"
check "the rule goes" ovs-vsctl clear Inspector vms rules
check_soon "a reads pages" 5 eval '! no_page'

# Off and on
# ----------
before=$(stats vms inspected_packets)
check "off" ovs-vsctl set Inspector vms enabled=false
check_soon "it says so" 5 status_is Inspector vms state disabled
before=$(stats vms inspected_packets)
check "traffic goes on" pings
is "nothing is inspected" "$(stats vms inspected_packets)" "$before"
check "on" ovs-vsctl set Inspector vms enabled=true
check_soon "it says so" 5 status_is Inspector vms state active
sums "off and on" 50 partly

# The PMD thread moves
# --------------------
read -ra cpus <<<"$(dpdk_cpus)"
bulk a 10.0.0.2 150M >"$SANDBOX_DIR/out/moving" 2>&1 &
moving=$!
for ((i = 0; i < 4; i++)); do
    sleep 0.4
    ovs-vsctl --timeout=20 set Open_vSwitch . \
        other_config:pmd-cpu-mask="$(dpdk_mask "${cpus[i % 2 ? -1 : 0]}")"
done
wait $moving
check "iperf3 while its PMD thread is replaced" test $? = 0
sums "moving" 10000

# A guest that dies
# -----------------
link_is() {
    test "$(ovs-vsctl get Interface "$1" link_state)" = "$2"
}
vm_spawn b pinging ping -i 0.02 10.0.0.1
sleep 0.5
check "guest a is killed" guest_kill a
check_soon "its port is down" 5 link_is a down
check "the others are reached" vm b ping -q -c 5 -i 0.02 -W 3 10.0.0.3
check "it is not" not vm b ping -q -c 1 -W 1 10.0.0.1
check "switched on again" guest_start a
check "it boots" guest_boots a
check_soon "its port is up" 5 link_is a up
check_soon "it is reached" 10 vm b ping -q -c 1 -W 1 10.0.0.1
sandbox_kill pinging
check "it speaks" pages
check "iperf3" bulk a 10.0.0.2 30M
sums "killed" 5000
check "it is the same VM in records" records "proto == 'TCP' and
    dest_port == 5201 and src_vm.id == '$(vm_id a)' and
    flow.pkts_toserver > 500 and inspect.end != 'detached'"

# Other ports of DPDK: devices
# ----------------------------
device() {          # NAME NUMBER ARGUMENTS [OPTION]
    ovs-vsctl --timeout=20 add-port br1 "$1" -- set Interface "$1" \
        type=dpdk ofport_request="$2" options:dpdk-devargs="\"$3\"" $4 &&
        sandbox_wait 5 link_is "$1" up && polled_by_pmd "$1" &&
        equal "$(ovs-vsctl get Interface "$1" error)" "[]"
}
check "a bridge" bridge br1
check "flows" eval 'ovs-ofctl del-flows br1 && ovs-ofctl add-flows br1 - <<END
in_port=1,actions=inspect(id=3),output:2
in_port=3,actions=inspect(id=3),output:4
END'
check "inspector 3" make_inspector gate 3 up br1 select=flows \
    active_timeout=1 idle_timeout=5
check_soon "it is in force" 5 status_is Inspector gate state active
check "net_pcap, writing" device written 2 \
    "net_pcap0,tx_pcap=$SANDBOX_DIR/written.pcap"
# It wants as many queues in as out: one a PMD thread, and the main thread's.
check "net_tap" device tap 1 net_tap0,iface=tap0 options:n_rxq=2
check "odd frames into it" eval \
    'ip link set dev tap0 up && "$TESTS_HOME/traffic.py" frames tap0 5 2000'
check_soon "inspector gate comes to rest" 10 settle gate
check "flush" flush
read -r p b <<<"$(flow_sums br1 'in_port=1 ')"
diag "tap: $p packets, $b bytes"
check "1,000 packets at least" test "$p" -ge 1000
is "devices: inspected = n_packets, n_bytes of the flow" \
    "$(stats gate inspected_packets inspected_bytes)" "$p $b"
gate_records() {
    equal "$($RECORDS sum "$RECORDS_FILE" --inspector 3 | cut -d' ' -f3-)" \
        "$(stats gate inspected_packets inspected_bytes)"
}
check_soon "devices: sum of records = inspected" 5 gate_records
check "the ports go" eval 'ovs-vsctl --timeout=20 del-port br1 tap \
    -- del-port br1 written'
in_capture() {
    /usr/bin/python3 - "$1" <<'END'
import struct, sys
data = open(sys.argv[1], 'rb').read()
at, n, octets = 24, 0, 0
while at < len(data):
    size = struct.unpack_from('<I', data, at + 8)[0]
    at += 16 + size
    n += 1
    octets += size
print(n, octets)
END
}
is "devices: as many are in the capture" \
    "$(in_capture "$SANDBOX_DIR/written.pcap")" "$p $b"

# As many as the PMD thread can take: a capture, for ever.
make_capture() {    # 64 TCP and UDP flows of both sides, some ARP.
    /usr/bin/python3 - "$1" <<'END'
import struct, sys
def packet(i):
    if i % 50 == 49:
        return (b'\xff' * 6 + b'\x02\0\0\0\0\1' + bytes.fromhex(
            '0806 0001 0800 06 04 0001 020000000001 0a000001') +
            b'\0' * 6 + bytes([10, 0, 0, i % 250 + 2]) + b'\0' * 18)
    size = 18 + i * 37 % 1400
    tcp = i % 3 != 0
    l4 = (struct.pack('!HHIIBBHHH', 1000 + i % 64, 80, i, 1, 0x50, 0x10,
                      999, 0, 0) if tcp else
          struct.pack('!HHHH', 1000 + i % 64, 53, 8 + size, 0))
    ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(l4) + size, i, 0, 64,
                     6 if tcp else 17, 0)
    ip += bytes([10, 1, 0, 1, 10, 1, 0, 2])
    total = sum(struct.unpack('!10H', ip))
    total = (total & 0xffff) + (total >> 16)
    ip = ip[:10] + struct.pack('!H', 0xffff - total) + ip[12:]
    return (b'\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0' + ip + l4 + b'x' * size)
with open(sys.argv[1], 'wb') as f:
    f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for i in range(500):
        p = packet(i)
        f.write(struct.pack('<IIII', 0, i, len(p), len(p)) + p)
END
}
check "a capture" make_capture "$SANDBOX_DIR/gate.pcap"
check "net_null" device null 4 net_null0,no-rx=1
check "net_pcap, reading for ever" device read 3 \
    "net_pcap0,rx_pcap=$SANDBOX_DIR/gate.pcap,infinite_rx=1"
sleep 1
check "guests are not kept from speaking" pings
# Open vSwitch's own count of a port that goes in full run is not exact.
check "the port goes" ovs-vsctl --timeout=20 del-port br1 read
check_soon "inspector gate comes to rest" 10 settle gate
check "flush" flush
read -r seen inspected skipped lost \
    <<<"$(stats gate seen_packets inspected_packets skipped lost)"
diag "capture: $inspected packets"
check "100,000 packets at least" test "$inspected" -gt 100000
is "capture: all inspected, nothing skipped or lost" "$inspected 0 0" \
    "$seen $skipped $lost"
check_soon "capture: sum of records = inspected" 5 gate_records
sums "meanwhile" 50

read -r produced sent queued dropped <<<"$(uplink_records up)"
is "uplink: produced = sent, nothing queued or dropped" "$produced 0 0" \
    "$sent $queued $dropped"
host_down
for v in a b; do
    guest_kill $v
done
done_testing
