# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For openstack*.sh, after lib.sh: traffic between two VMs, counted, with the
# inspector "vms" on br-int.

traffic=$TESTS_HOME/traffic.py

# quiet VM: neighbours that are known stay known.
quiet() {
    vm "$1" sh -c 'cd /proc/sys/net/ipv4/neigh
        for i in *; do
            echo 3600000 >$i/base_reachable_time_ms
            echo 3600 >$i/delay_first_probe_time
        done'
}
serve() {
    vm_spawn "$1" "serve-$1" "$traffic" serve 7
    sandbox_wait 30 vm_listens "$1" tcp 7
}
# settled FROM TO-ADDRESS: both know each other, and the bridge where FROM is:
# flows that output by themselves teach it nothing, a question for a neighbour
# goes by NORMAL.
settled() {
    vm "$1" ip neigh flush dev eth0
    sandbox_wait 20 vm "$1" ping -q -c 1 -W 1 "$2"
    vm "$1" ping -q -c 2 -i 0.2 -W 1 "$2" >/dev/null
    sleep 0.3
    settle vms
}
# between FROM TO: the two VMs that plug() made known.
between() {
    echo "src_vm.id == '$(vm_id "$1")' and dest_vm.id == '$(vm_id "$2")'"
}
no_inspect_in_flows() {
    ! ovs-ofctl -O OpenFlow15 dump-flows "$1" | grep -i inspect
}
datapath_has_it() { appctl dpctl/dump-flows netdev@ovs-netdev |
    grep -q 'inspect('; }
cookies() {
    ovs-ofctl dump-flows br-int | grep -o 'cookie=[^,]*' | sort -u
}
n_flows() { ovs-ofctl dump-flows br-int | grep -c cookie=; }
mac_of() { vm "$1" cat /sys/class/net/eth0/address; }

# In the VM "trunk", which has nobody's driver for VLANs:
vlan_talk() {       # VLAN COUNT LOCAL-PORT: tagged frames of VM trunk, echoed.
    vm trunk /usr/bin/python3 - "$@" <<'END'
import socket
import struct
import sys
import time
vlan, count, port = map(int, sys.argv[1:4])
me = bytes.fromhex('525400007701')
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(('eth0', 0))
# The kernel takes the tag off and hands it over beside the frame.
s.setsockopt(263, 8, 1)             # SOL_PACKET, PACKET_AUXDATA


def checksum(data):
    n = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    n = (n >> 16) + (n & 0xffff)
    return ~(n + (n >> 16)) & 0xffff


def frame(dst, ethertype, payload):
    return dst + me + struct.pack('!HHH', 0x8100, vlan, ethertype) + payload


def receive(seconds, ethertype):
    ends = time.time() + seconds
    while time.time() < ends:
        s.settimeout(max(0.01, ends - time.time()))
        try:
            data, extra, _, address = s.recvmsg(2000, 200)
        except socket.timeout:
            return None
        if address[2] == 4:         # PACKET_OUTGOING
            continue
        tag = None
        for level, kind, value in extra:
            if (level, kind) == (263, 8):
                status, _, _, _, _, tci, _ = struct.unpack('=IIIHHHH',
                                                           value[:20])
                tag = tci & 0xfff if status & 16 else None
        if data[12:14] == b'\x81\x00':
            tag = struct.unpack('!H', data[14:16])[0] & 0xfff
            data = data[:12] + data[16:]
        if data[12:14] == struct.pack('!H', ethertype) and tag == vlan:
            return data
    return None


ask = struct.pack('!HHBBH6s4s6s4s', 1, 0x800, 6, 4, 1, me,
                  bytes([10, 0, 1, 1]), bytes(6), bytes([10, 0, 1, 2]))
s.send(frame(b'\xff' * 6, 0x806, ask))
answer = receive(15, 0x806)
if not answer:
    sys.exit('no neighbour')
peer, got = answer[22:28], 0
for i in range(count):
    udp = struct.pack('!HHHH', port, 7, 8 + 26, 0) + b'abcdefghijklmnopqrstuvwxyz'
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), i, 0, 64, 17, 0,
                     bytes([10, 0, 1, 1]), bytes([10, 0, 1, 2]))
    ip = ip[:10] + struct.pack('!H', checksum(ip)) + ip[12:]
    s.send(frame(peer, 0x800, ip + udp))
    data = receive(10, 0x800)
    got += data is not None and data[36:38] == struct.pack('!H', port)
print(got)
END
}
# subport VLAN VM COUNT: as many echoed, and their records.
subport() {
    local before
    is "subport $1: neighbours" "$(vlan_talk "$1" 1 4200)" 1
    sleep 0.3
    settle vms
    before=$(inspected)
    is "subport $1: echoed" "$(vlan_talk "$1" "$3" 4201)" "$3"
    # And the question for the neighbour: a flooded copy, and its answer.
    more "subport $1: each inspected once" "$before" \
        $((2 * $3 + 2))
}
