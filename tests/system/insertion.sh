#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Automatic insertion: each packet between two VMs is inspected exactly once,
# whatever the flows, the ports and the bridges in between are.
#
# For each case n datagrams go from one VM to another and n come back; the
# inspector must have counted n + n packets more (n when nothing comes back),
# and the records must name the two VMs.  ARP is settled before, so that
# nothing else is counted.
#
# Mutation that makes it fail: insert at every bridge that a packet crosses,
# or also in front of mirrors' outputs.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
host_up
check "bridge" bridge br0
check "uplink" make_uplink up
check "inspector" make_inspector vms 1 up br0
# Neighbours that are known stay known: no probe of an address in between.
no_probes() {       # VM
    vm "$1" sh -c 'cd /proc/sys/net/ipv4/neigh
        for i in *; do
            echo 3600000 >$i/base_reachable_time_ms
            echo 3600 >$i/delay_first_probe_time
        done'
}
i=0
for v in a b c; do
    i=$((i + 1))
    check "VM $v" make_vm $v br0 ip=10.0.0.$i/24
    check "VM $v probes no neighbour" no_probes $v
done
check_soon "uplink active" 5 uplink_active up
check_soon "in force" 5 status_is Inspector vms state active

serve() {
    vm_spawn "$1" "serve-$1" "$traffic" serve 7
    sandbox_wait 5 vm_listens "$1" tcp 7
}
settled() {         # FROM TO-ADDRESS: neighbours known, statistics at rest.
    vm "$1" ping -q -c 2 -i 0.2 -W 1 "$2" >/dev/null
    sleep 0.3
    settle vms
}
between() {         # FROM TO
    echo "src_vm.port == '$1' and dest_vm.port == '$2' and"
    echo "inspect.path == 'intra-host'"
}
check "server b" serve b
check "server c" serve c

once "NORMAL" a b 10.0.0.2

# Flows that others write, and change underneath.
of() { ovs-vsctl get Interface "$1" ofport; }
flows() { ovs-ofctl --bundle replace-flows "${BR:-br0}" -; }
check "explicit outputs" flows <<END
priority=1,arp,actions=flood
priority=2,ip,in_port=$(of a),actions=output:$(of b)
priority=2,ip,in_port=$(of b),actions=output:$(of a)
END
once "explicit outputs" a b 10.0.0.2
check "a group" ovs-ofctl -O OpenFlow13 add-group br0 \
    "group_id=9,type=select,bucket=output:$(of a)"
check "through tables, rewrites and registers" flows <<END
priority=1,arp,actions=flood
ip,in_port=$(of a),actions=load:1->NXM_NX_REG0[],resubmit(,5)
ip,in_port=$(of b),actions=clone(dec_ttl),load:2->NXM_NX_REG0[],resubmit(,5)
table=5,ip,reg0=1,actions=load:0->OXM_OF_IN_PORT[],output:$(of b)
table=5,ip,reg0=2,actions=group:9
END
once "tables, in_port rewritten, a group" a b 10.0.0.2
check "through connection tracking" flows <<END
priority=1,arp,actions=flood
priority=2,ip,ct_state=-trk,actions=ct(commit,table=1)
table=1,ip,in_port=$(of a),actions=output:$(of b)
table=1,ip,in_port=$(of b),actions=output:$(of a)
END
once "ct and recirculation" a b 10.0.0.2
# As OVN does in front of a packet that a router may send back to where it
# came from.
check "recirculated while in_port is no port" flows <<END
priority=1,arp,actions=flood
priority=2,ip,in_port=$(of a),ct_state=-trk,actions=load:1->NXM_NX_REG0[],load:0xffff->NXM_OF_IN_PORT[],ct(table=1)
priority=2,ip,in_port=$(of b),ct_state=-trk,actions=load:2->NXM_NX_REG0[],load:0xffff->NXM_OF_IN_PORT[],ct(table=1)
table=1,ip,reg0=1,ct_zone=0,actions=ct(commit,zone=1,table=2)
table=1,ip,reg0=2,ct_zone=0,actions=ct(commit,zone=1,table=2)
table=2,ip,reg0=1,actions=output:$(of b)
table=2,ip,reg0=2,actions=output:$(of a)
END
once "recirculated twice while in_port is no port" a b 10.0.0.2
check "an explicit inspect of the same inspector" flows <<END
priority=1,arp,actions=flood
ip,actions=inspect(id=1),NORMAL
END
# mode=tap turns it into a tap, which suppresses nothing; inline does.
check "inline" ovs-vsctl set Inspector vms mode=inline
check "in force" in_force vms
port=$((port + 1))
settled a 10.0.0.2
before=$(inspected)
vm a "$traffic" udp 10.0.0.2 7 20 200 $port >/dev/null
more "an explicit inline one suppresses the automatic one" "$before" 40
check "tap" ovs-vsctl clear Inspector vms mode
check "in force" in_force vms
check "NORMAL" flows <<<"priority=0,actions=NORMAL"
change_flows() {
    local i
    for ((i = 0; i < 20; i++)); do
        flows <<<"priority=0,actions=NORMAL"
        sleep 0.05
        flows <<END
priority=0,actions=NORMAL
priority=5,udp,actions=load:$i->NXM_NX_REG3[],NORMAL
END
        sleep 0.05
    done
}
change_flows &
changer=$!
once "flows that change underneath" a b 10.0.0.2 200
wait $changer
check "NORMAL again" flows <<<"priority=0,actions=NORMAL"

# Floods: one inspection for each VM that gets a copy.
flood() {
    local before
    settle vms
    before=$(inspected)
    vm a /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.bind(("", 6001))
for i in range(10):
    s.sendto(b"all", ("10.0.0.255", 6000))'
    sandbox_wait 2 prints $((before + 20)) inspected
    sleep 0.3
    flush vms
    equal $(($(inspected) - before)) 20
}
check "broadcast to two other VMs: each copy once" flood
check_soon "one connection for the group" 3 records \
    'src_port == 6001 and inspect.zone.startswith("group") and
     dest_vm == None'
is "recorded once" "$(records 'src_port == 6001')" 1

# VLANs.
check "access ports" ovs-vsctl set Port a tag=10 -- set Port b tag=10
once "VLAN access ports" a b 10.0.0.2
check "a trunk" ovs-vsctl clear Port b tag -- set Port b trunks=10
trunk() {
    vm b ip link add link eth0 name eth0.10 type vlan id 10 &&
    vm b ip addr del 10.0.0.2/24 dev eth0 &&
    vm b ip addr add 10.0.0.2/24 dev eth0.10 &&
    vm b ip link set dev eth0.10 up
}
if (trunk) >/dev/null 2>&1; then
    once "access to trunk" a b 10.0.0.2
    vm b ip link del eth0.10
    vm b ip addr add 10.0.0.2/24 dev eth0
else
    vm b ip addr replace 10.0.0.2/24 dev eth0
    skip "access to trunk" "this kernel has no VLAN interfaces"
fi
check "no VLANs" ovs-vsctl clear Port a tag -- clear Port b tag \
    -- clear Port b trunks

# A mirror gets copies, and no copy is inspected.
check "VM m" make_vm m br0
check "a mirror to VM m" ovs-vsctl -- --id=@m create Mirror name=all \
    select_all=true output_port="$(row Port m)" -- set Bridge br0 mirrors=@m
m_before=$(vm m cat /sys/class/net/eth0/statistics/rx_packets)
once "with a mirror to a VM port" a b 10.0.0.2
check "the mirror did copy" test \
    $(($(vm m cat /sys/class/net/eth0/statistics/rx_packets) - m_before)) \
    -ge 40
check "no mirror" ovs-vsctl clear Bridge br0 mirrors

# Two bridges and a patch between them.
check "bridge br1" bridge br1
check "patch" ovs-vsctl \
    -- add-port br0 to1 -- set Interface to1 type=patch options:peer=to0 \
    -- add-port br1 to0 -- set Interface to0 type=patch options:peer=to1
check "VM d" make_vm d br1 ip=10.0.0.4/24
check "VM d probes no neighbour" no_probes d
check "server d" serve d
settled a 10.0.0.4
before=$(inspected)
vm a "$traffic" udp 10.0.0.4 7 10 200 5500 >/dev/null
more "out of a bridge without an inspector: not inspected; back: inspected" \
    "$before" 10
check "br1 has it too" ovs-vsctl set Bridge br1 \
    "inspectors=$(row Inspector vms)"
check "in force" in_force vms
once "patch ports between two bridges" a d 10.0.0.4

# A bond.
bond() {
    ip netns add e &&
    ip link add name e0 type veth peer name eth0 netns e &&
    ip link add name e1 type veth peer name eth1 netns e || return 1
    for i in 0 1; do
        vm e sh -c "echo 1 >/proc/sys/net/ipv6/conf/eth$i/disable_ipv6"
        vm e ethtool -K eth$i tx off >/dev/null 2>&1
        ip link set dev e$i up
        vm e ip link set dev eth$i up
    done
    vm e ip link set dev lo up
    # Both legs have the address: whichever gets a packet answers.
    vm e ip link set dev eth1 down
    vm e ip addr add 10.0.0.5/24 dev eth0
    ids=(external_ids:iface-id=1f000000-0000-4000-8000-0000000000ee
         external_ids:vm-uuid=5a000000-0000-4000-8000-0000000000ee)
    ovs-vsctl add-bond br0 bond e0 e1 bond_mode=balance-slb \
        -- set Interface e0 "${ids[@]}" -- set Interface e1 "${ids[@]}"
}
check "VM e behind a bond" bond
check "VM e probes no neighbour" no_probes e
check "server e" serve e
sleep 1
check_soon "through the bond" 5 vm a ping -q -c 1 -W 1 10.0.0.5
port=5600
settled a 10.0.0.5
before=$(inspected)
is "bond: echoed" "$(vm a "$traffic" udp 10.0.0.5 7 20 200 5600)" 20
more "bond: each inspected once" "$before" 40
flush vms
check_soon "bond: with the VM's id" 3 records \
    "src_port == 5600 and dest_vm.id == '${ids[1]#*=}'"

# A tunnel to another switch: one end is not on this host.  With vm-to-vm it
# is nobody's business; with select=vm it is, once, and crossing.
tunnel() {
    ip netns add far &&
    ip link add name under type veth peer name eth0 netns far &&
    vm far ip link set dev lo up &&
    vm far sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' &&
    vm far ethtool -K eth0 tx off >/dev/null &&
    vm far ip addr add 172.16.0.2/24 dev eth0 &&
    vm far ip link set dev eth0 up &&
    ip link set dev under up &&
    vm far ip link add vx type vxlan id 77 dstport 4789 \
        remote 172.16.0.1 dev eth0 &&
    vm far ip addr add 10.0.0.99/24 dev vx &&
    vm far ip link set dev vx up mtu 1400 &&
    bridge brphy && ovs-vsctl add-port brphy under &&
    ip addr add 172.16.0.1/24 dev brphy && ip link set dev brphy up &&
    ovs-vsctl add-port br0 vx0 -- set Interface vx0 type=vxlan \
        options:remote_ip=172.16.0.2 options:key=77
}
if (vm a ip link add vxtest type vxlan id 1 dstport 1 dev eth0 &&
    vm a ip link del vxtest) 2>/dev/null; then
    check "a VXLAN tunnel to a far host" tunnel
    check "the far host probes no neighbour" no_probes far
    vm_spawn far serve-far "$traffic" serve 7
    check_soon "through the tunnel" 10 vm a ping -q -c 1 -W 1 10.0.0.99
    settled a 10.0.0.99
    before=$(inspected)
    is "tunnel: echoed" "$(vm a "$traffic" udp 10.0.0.99 7 20 200 5700)" 20
    sleep 0.2
    is "tunnel, vm-to-vm: not inspected" $(($(inspected) - before)) 0
    check "select=vm" ovs-vsctl set Inspector vms select=vm
    check "in force" in_force vms
    settled a 10.0.0.99
    before=$(inspected)
    is "tunnel: echoed" "$(vm a "$traffic" udp 10.0.0.99 7 20 200 5701)" 20
    more "tunnel, vm: each inspected once" "$before" 40
    flush vms
    check_soon "tunnel: crossing" 3 records \
        'src_port == 5701 and src_vm.port == "a" and
         inspect.path == "crossing" and flow.pkts_toserver == 20 and
         flow.pkts_toclient == 20'
    once "two VMs of this host, with select=vm" a b 10.0.0.2
    check "select=all" ovs-vsctl set Inspector vms select=all
    check "in force" in_force vms
    once "two VMs of this host, with select=all" a b 10.0.0.2
else
    skip "a VXLAN tunnel" "this kernel has no VXLAN interfaces"
fi
is "nothing was lost" "$(stats vms lost)" 0
host_down
done_testing
