#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A packet end to end: between two VMs, under NORMAL, with nothing switched on
# but the inspector's row; out comes a record at the collector, over TLS.
#
#      VM a 10.0.0.1, fd00::1          VM b 10.0.0.2, fd00::2
#            |                               |
#            a ------- br0 (NORMAL) -------- b        inspector 1 --TLS-- collector
#
# The reference for packets and bytes is what the kernel counted at the VMs'
# own interfaces.  Mutation that makes it fail: in ovs-ext/ count wire_size
# without the Ethernet header, or swap in_port and out_port of the context.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
host_up
check "a bridge on the userspace datapath" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24 ip6=fd00::1/64
check "VM b" make_vm b br0 ip=10.0.0.2/24 ip6=fd00::2/64
check "an uplink" make_uplink up
check "an inspector" make_inspector vms 1 up br0 \
    other_config:identity-keys=vm-name
check_soon "the uplink is active" 5 uplink_active up
is "is_connected says so" "$(ovs-vsctl get Inspect_Uplink up is_connected)" \
    true
check_soon "the inspector is active" 5 status_is Inspector vms state active

a=$(vm_id a)
b=$(vm_id b)
vm_spawn a serve-a "$traffic" serve 7
vm_spawn b serve-b "$traffic" serve 7
check_soon "server in a" 5 vm_listens a tcp 7
check_soon "server in b" 5 vm_listens b tcp 7

# ARP and neighbour discovery first, so that they are over and done with.
check "a pings b" vm a ping -q -c 1 -W 10 10.0.0.2
check "a pings b over IPv6" vm a ping -q -c 1 -W 10 fd00::2
flush_and() { flush; "$@"; }
check_soon "ARP is a remainder record" 5 flush_and \
    records 'remainder.reason == "arp" and src_vm.port in ("a", "b")'

# One connection each; the counters of a VM's interface before and after.
counters() {
    local c
    for c in tx_packets rx_packets tx_bytes rx_bytes; do
        vm a cat /sys/class/net/eth0/statistics/$c
    done | tr '\n' ' '
}

# talk INITIATOR WHERE COMMAND...: what the records say of it must be what
# a's interface counted, in each direction.
talk() {
    local initiator=$1 where=$2 before after delta=() i got
    shift 2
    sleep 0.3
    settle vms
    flush
    # shellcheck disable=SC2207
    before=($(counters))
    "$@" >/dev/null || return 1
    sleep 0.3
    settle vms
    # shellcheck disable=SC2207
    after=($(counters))
    flush
    for i in 0 1 2 3; do
        delta+=($((after[i] - before[i])))
    done
    if test "$initiator" = b; then
        delta=("${delta[1]}" "${delta[0]}" "${delta[3]}" "${delta[2]}")
    fi
    records "$where" --wait 25 >/dev/null
    got=$(records "$where" --print \
          'flow.pkts_toserver, flow.pkts_toclient, flow.bytes_toserver,
           flow.bytes_toclient' | tr -d '(),' |
          awk '{ for (i = 1; i <= 4; i++) s[i] += $i }
               END { print s[1], s[2], s[3], s[4] }')
    equal "$got" "${delta[*]}"
}

static_neighbours() {
    local mac_a mac_b
    mac_a=$(vm a cat /sys/class/net/eth0/address)
    mac_b=$(vm b cat /sys/class/net/eth0/address)
    vm a ip neigh replace 10.0.0.2 lladdr "$mac_b" dev eth0 nud permanent
    vm b ip neigh replace 10.0.0.1 lladdr "$mac_a" dev eth0 nud permanent
    vm a ip neigh replace fd00::2 lladdr "$mac_b" dev eth0 nud permanent
    vm b ip neigh replace fd00::1 lladdr "$mac_a" dev eth0 nud permanent
}
check "no more ARP from here on" static_neighbours

check "TCP a to b: packets and bytes of both directions" talk a \
    'proto == "TCP" and src_port == 4001' \
    vm a "$traffic" tcp 10.0.0.2 7 50000 0 4001
check "TCP b to a" talk b 'proto == "TCP" and src_port == 4002' \
    vm b "$traffic" tcp 10.0.0.1 7 50000 0 4002
check "UDP a to b" talk a 'proto == "UDP" and src_port == 4003' \
    vm a "$traffic" udp 10.0.0.2 7 20 900 4003
check "UDP b to a" talk b 'proto == "UDP" and src_port == 4004' \
    vm b "$traffic" udp 10.0.0.1 7 20 900 4004
check "ICMP" talk a 'proto == "ICMP" and icmp_type == 8 and
                        flow.pkts_toserver == 5' \
    vm a ping -q -c 5 -i 0.1 -W 2 10.0.0.2
check "TCP over IPv6" talk a 'proto == "TCP" and src_port == 4005' \
    vm a "$traffic" tcp fd00::2 7 50000 0 4005
check "ICMPv6" talk a 'proto == "IPv6-ICMP" and icmp_type == 128 and
                           flow.pkts_toserver == 4' \
    vm a ping -q -c 4 -i 0.1 -W 2 fd00::2
check "UDP in fragments" talk a \
    'proto == "UDP" and src_port == 4006' \
    vm a "$traffic" udp 10.0.0.2 7 5 4000 4006

# Who, where, what.
tcp='src_port == 4001 and proto == "TCP"'
check "both VM ids" records \
    "$tcp and src_vm.id == '$a' and dest_vm.id == '$b'"
check "of the other direction too" records "src_port == 4002 and
    src_vm.id == '$b' and dest_vm.id == '$a'"
check "addresses and ports" records "$tcp and src_ip == '10.0.0.1' and
    dest_ip == '10.0.0.2' and dest_port == 7"
check "port, bridge, MAC and interface of the VM" records "$tcp and
    src_vm.port == 'a' and src_vm.bridge == 'br0' and
    src_vm.mac == '$(vm a cat /sys/class/net/eth0/address)' and
    src_vm.iface == '$(ovs-vsctl get Interface a external_ids:iface-id |
                       tr -d '"')' and src_vm.role == 'vm'"
check "identity-keys" records "$tcp and src_vm['keys']['vm-name'] == 'a'"
check "verdict and path" records "$tcp and inspect.verdict == 'allow' and
    inspect.path == 'intra-host' and inspect.sensor == 'host-1'"
check "state and flags" records "$tcp and flow.state == 'closed' and
    tcp.syn and tcp.fin and not tcp.rst and not flow.interim"
check "handshake time" records "$tcp and inspect.rtt_us.server > 0"
check "Community ID" records "$tcp and community_id.startswith('1:')"
is "each connection once" "$(records "$tcp")" 1

# The first record is there 2 s after a connection has closed, unasked.
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4007
check_within "a record within 2 s" 2 records 'src_port == 4007'

# Many at once: each is one record.
to_echo='dest_port == 7 and proto == "TCP" and not flow.interim'
echoed=$(records "$to_echo")
check "1,000 connections in parallel" \
    vm a "$traffic" connections 10.0.0.2 7 1000 1000
a_thousand_more() {
    flush && equal $(($(records "$to_echo") - echoed)) 1000
}
check_soon "a record of each" 5 a_thousand_more

# What is open can be seen.
vm_spawn a hold "$traffic" tcp 10.0.0.2 7 1000 30 4008
flows_shows() { appctl inspect/flows | grep -q 4008; }
check_soon "inspect/flows shows an open connection" 3 flows_shows
check "with both VMs" eval 'appctl inspect/flows | grep 4008 |
    grep "$a > $b"'
check "as JSON too" eval 'appctl inspect/flows --json |
    /usr/bin/python3 -m json.tool >/dev/null'
sandbox_kill hold KILL

is "no OpenFlow flow was added" \
    "$(ovs-ofctl dump-flows br0 --no-stats | tr -d ' ')" \
    "priority=0actions=NORMAL"
is "nothing was lost" "$(stats vms lost)" 0
host_down
done_testing
