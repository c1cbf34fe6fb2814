#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Redirect, whatever lies between the two ends: a packet that went through a
# function goes on by VLANs, patch ports, bonds, tunnels and connection
# tracking as if it had not, and mirrors and samples see it once.
#
#      a   b   m                            VMs 1, 2, 3
#      |   |   |
#      br0 --+-- f-in, f-out                function f, slot 4
#        |   +-- bond (x0, x1) -- (y0, y1) br2 -- d        VM 4
#        |   +-- vx0 == VXLAN == far                       number 5
#        +-- patch -- br1 --+-- h-in, h-out  function h, slot 8
#                           +-- e                          VM 6
#
# Mutations that ought to make it fail (not tried): compose the redirect list from the bridge that
# the packet came in by (patch); keep only the output of the rest and not what
# stands before it (VLAN, tunnel); restore no recirculation metadata (balance-
# tcp); sample a packet again when it returns.
. "$(dirname "$0")/lib.sh"
system_test "$@"
. "$TESTS_HOME/functions.bash"

# What others than the inspector have changed; Open vSwitch 3.1 itself does not
# translate cached flows again when a mirror changes.
changed() {
    "$@" && appctl revalidator/purge >/dev/null && sleep 0.2
}

lab_up
for v in a b m; do
    check "VM $v" silent_vm $v
done
check "function f" function_vm f
check "it runs" function_run f
need "it is in slot 4, and up" function_row f 4
check "everything from and to a to f" redirect to-f 4 direction=from-vm \
    source='"port:a"' symmetric=true
hello

through "there" f a b proto=tcp dport=80
through "and back" f b a proto=tcp sport=80 dport=4000

# VLANs.
check "a has access to VLAN 10, b is a trunk" changed ovs-vsctl \
    set Port a tag=10 -- set Port b trunks=10
vm a "$WIRE" hello eth0 1
vm b "$WIRE" hello eth0 2 vlan=10
sandbox_wait 1 is_known a 10
sandbox_wait 1 is_known b 10
sleep 0.2
EXPECT='vlan == [10]' through "access to trunk" f a b proto=tcp dport=80
EXPECT='vlan == []' through "trunk to access" f b a vlan=10 \
    proto=tcp sport=80 dport=4000
check "both are trunks" changed ovs-vsctl clear Port a tag -- set Port a trunks=10
vm a "$WIRE" hello eth0 1 vlan=10
sandbox_wait 1 is_known a 10
sleep 0.2
EXPECT='vlan == [10]' through "trunk to trunk" f a b vlan=10
EXPECT='vlan == [10]' through "and back" f b a vlan=10
check "no VLANs" changed ovs-vsctl clear Port a trunks -- clear Port b trunks
hello a b
through "untagged again" f a b

# Mirrors and sFlow: once, and the same as without a function.
check "an ingress mirror to m" changed ovs-vsctl -- --id=@m create Mirror name=in \
    select_src_port="$(row Port a)" output_port="$(row Port m)" \
    -- set Bridge br0 mirrors=@m
mirrored() {
    send a b proto=tcp dport=80 &&
        "$WIRE" trip $RUN 20 --via "$MARKS/f" --to "$SEEN/b" &&
        "$WIRE" trip $RUN 20 --to "$SEEN/m" --expect 'ttl == 64'
}
check "ingress mirror: once" mirrored
check "an egress mirror to m" changed ovs-vsctl -- clear Bridge br0 mirrors \
    -- --id=@m create Mirror name=out select_dst_port="$(row Port b)" \
    output_port="$(row Port m)" -- set Bridge br0 mirrors=@m
check "egress mirror: once" mirrored
check "no mirror" changed ovs-vsctl clear Bridge br0 mirrors
vm_spawn_sflow() {
    sandbox_spawn sflow "$WIRE" sflow "$SEEN/sflow" 6343
    sandbox_wait 5 grep -q ready "$SEEN/sflow"
}
check "an sFlow collector" vm_spawn_sflow
check "every packet is sampled" changed ovs-vsctl -- --id=@s create sFlow agent=lo \
    'target="127.0.0.1:6343"' header=128 sampling=1 polling=0 \
    -- set Bridge br0 sflow=@s
sampled() {
    send a b proto=tcp dport=80 size=40 &&
        "$WIRE" trip $RUN 20 --via "$MARKS/f" --to "$SEEN/b" &&
        "$WIRE" trip $RUN 20 --to "$SEEN/sflow"
}
check "sFlow: once" sampled
check "no sFlow" changed ovs-vsctl clear Bridge br0 sflow

# Connection tracking.
check "through conntrack" changed ovs-ofctl --bundle replace-flows br0 - <<END
priority=5,ip,actions=ct(commit,zone=7,table=1)
priority=0,actions=NORMAL
table=1,priority=3,actions=NORMAL
END
tracked() {
    local zero one
    send a b proto=udp sport=4444 count=1 && trip 1 f b || return 1
    zero=$(flow_sums br0 'priority=5' | cut -d' ' -f1)
    one=$(flow_sums br0 'priority=3' | cut -d' ' -f1)
    sent_through f a b proto=udp sport=4444 || return 1
    equal $(($(flow_sums br0 'priority=5' | cut -d' ' -f1) - zero)) 20 &&
        equal $(($(flow_sums br0 'priority=3' | cut -d' ' -f1) - one)) 20 &&
        equal "$(appctl dpctl/dump-conntrack | grep -c 'sport=4444.*zone=7')" 1
}
check "ct(commit): both flows count once, one connection" tracked
through "the reply" f b a proto=udp sport=7 dport=4444
check "ct with a rewrite behind it" changed ovs-ofctl --bundle replace-flows br0 - <<END
priority=5,ip,in_port=$(of a),actions=ct(commit,zone=8,table=1)
priority=0,actions=NORMAL
table=1,priority=3,ip,ct_zone=8,ct_state=+trk,actions=dec_ttl,output:$(of b)
END
EXPECT='ttl == 63' through "dec_ttl once" f a b proto=udp sport=4445
check "NAT" changed ovs-ofctl --bundle replace-flows br0 - <<END
priority=5,ip,in_port=$(of a),actions=ct(commit,zone=9,nat(src=10.0.9.9),table=1)
priority=5,ip,in_port=$(of b),actions=ct(zone=9,nat,table=1)
priority=0,actions=NORMAL
table=1,priority=3,ip,in_port=$(of a),actions=output:$(of b)
table=1,priority=3,ip,in_port=$(of b),actions=output:$(of a)
END
EXPECT='src == "10.0.9.9"' through "source NAT" f a b proto=udp sport=4446
EXPECT='dst == "10.0.0.1"' through "and back" f b a proto=udp sport=7 \
    dport=4446 dst=10.0.9.9
check "NORMAL" changed ovs-ofctl --bundle replace-flows br0 - \
    <<<"priority=0,actions=NORMAL"
check_soon "all came back" 2 balanced f

# Bonds, to a switch that speaks LACP.
bonds() {
    local i
    bridge br2 || return 1
    for i in 0 1; do
        ip link add name x$i type veth peer name y$i || return 1
        ethtool -K x$i tx off >/dev/null 2>&1
        ethtool -K y$i tx off >/dev/null 2>&1
        ip link set dev x$i up && ip link set dev y$i up || return 1
    done
    ovs-vsctl add-bond br0 bond x0 x1 bond_mode=active-backup \
        -- add-bond br2 peer y0 y1 bond_mode=active-backup
}
check "a bond to a second bridge" bonds
# Both ends by the same leg.
check "its first leg is active" eval \
    'sandbox_wait 5 appctl bond/set-active-member bond x0 &&
     sandbox_wait 5 appctl bond/set-active-member peer y0'
check "VM d behind it" silent_vm d br2
check "one end of a VM is enough" eval \
    'ovs-vsctl set Inspector i1 select=vm && in_force'
sleep 1
hello
through "active-backup: out" f a d proto=tcp dport=80
through "active-backup: in" f d a proto=tcp sport=80 dport=4000
bond_active() {
    ovs-vsctl set Port bond bond_mode=balance-tcp lacp=active \
        other_config:lacp-time=fast \
        -- set Port peer bond_mode=balance-tcp lacp=passive \
        other_config:lacp-time=fast
}
check "balance-tcp" bond_active
check_soon "LACP is negotiated" 30 eval \
    'appctl bond/show bond | grep -q "lacp_status: negotiated" &&
     appctl bond/show peer | grep -q "lacp_status: negotiated"'
sleep 1
hello
hashed() {
    appctl bond/show bond | grep -q 'bond_mode: balance-tcp' || return 1
    for port in 1 2 3 4 5 6 7 8; do
        sent_through f a d proto=tcp dport=80 sport=400$port || return 1
    done
}
check "balance-tcp: out, eight connections" hashed
through "balance-tcp: in" f d a proto=tcp sport=80 dport=4000
check_soon "all came back" 2 balanced f

# A tunnel to another host.
tunnel() {
    SANDBOX_VMS=$((SANDBOX_VMS + 1))
    NUMBER[far]=$SANDBOX_VMS
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
    vm far sh -c 'echo 1 >/proc/sys/net/ipv6/conf/vx/disable_ipv6' &&
    vm far ip link set dev vx up mtu 1400 &&
    watch far vx && VMS+=(far) &&
    bridge brphy && ovs-vsctl add-port brphy under &&
    ip addr add 172.16.0.1/24 dev brphy && ip link set dev brphy up &&
    ovs-vsctl add-port br0 vx0 -- set Interface vx0 type=vxlan \
        options:remote_ip=172.16.0.2 options:key=77
}
from_far() {        # FUNCTIONS TO KEY=VALUE...
    RUN=$((RUN + 1))
    vm far "$WIRE" send vx "$(number far)" "$(number "$2")" run=$RUN "${@:3}"
    trip 20 "$1" "$2"
}
far_knows() {       # The neighbour's MAC has been asked for.
    send a far count=1
    sleep 0.5
    test "$("$WIRE" count "$SEEN/far" "run == $RUN")" = 1
}
if ip link add vxtest type vxlan id 1 dstport 1 2>/dev/null; then
    ip link del vxtest
    check "a VXLAN tunnel to a far host" tunnel
    sleep 0.5
    hello a b
    vm far "$WIRE" hello vx "$(number far)"
    check_soon "through the tunnel" 10 far_knows
    through "tunnel: out" f a far proto=tcp dport=80
    check "tunnel: in" from_far f a proto=tcp sport=80 dport=4000
    through "tunnel, IPv6: out" f a far ip=6 size=1000
    is "the tunnel's own packets are nobody's" \
        "$("$WIRE" count "$MARKS/f" 'dport == 4789')" 0
    check_soon "all came back" 2 balanced f
else
    skip "a VXLAN tunnel" "this kernel has no VXLAN interfaces"
fi

# Patch ports: the bridge that outputs the packet decides.
check "bridge br1, with the inspector" eval 'bridge br1 &&
    ovs-vsctl set Bridge br1 "inspectors=$(row Inspector i1)"'
check "a patch" ovs-vsctl \
    -- add-port br0 to1 -- set Interface to1 type=patch options:peer=to0 \
    -- add-port br1 to0 -- set Interface to0 type=patch options:peer=to1
check "VM e on br1" silent_vm e br1
check "function h on br1" function_vm h br1
check "it runs" function_run h
check "it is in slot 8, and up" function_row h 8
check "everything from and to a to h" eval 'rules_gone &&
    redirect to-h 8 direction=from-vm source="\"port:a\"" symmetric=true'
hello a b e
through "br0 to br1: by the function of br1" h a e proto=tcp dport=80
no_way=$(fn h bypassed.no-way)
through "br1 to br0: there is no way, fail_mode=open" "" e a \
    proto=tcp sport=80 dport=4000
is_soon "counted as no-way" 2 $((no_way + 20)) fn h bypassed.no-way
check "fail_mode=closed" function_set h fail_mode=closed
no_way=$(fn h refused.no-way)
lost "br1 to br0: there is no way, fail_mode=closed" "" e a \
    proto=tcp sport=80 dport=4000
is_soon "counted as no-way" 2 $((no_way + 20)) fn h refused.no-way
through "br0 to br1 as before" h a e proto=tcp dport=80
lab_down
