#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What OpenStack and libvirt write; OVN programs the bridge.
#
#   facts       external_ids of os-vif, of libvirt, of both; infrastructure;
#               a trunk with subports; a migration between two hosts
#   OVN         ovn-northd and ovn-controller, from Debian's packages: two
#               switches, a router, stateful ACLs
#
# With OVN, automatic insertion adds no OpenFlow flow, every packet between two
# VMs is inspected once, with the right identities, and what it does to its
# flows does not disturb it.  Neutron's agent: openstack-neutron.sh.
#
# In: UNPACKED, a folder with "ovn" in it (build-aux/unpack.sh, which "check.sh
# openstack" calls); without one OVN is skipped.
#
# Mutations that make it fail: prefer vm-id to vm-uuid; take flow.in_port for
# the ingress (OVN rewrites it); insert at both sides of a patch port.
LIMIT=${LIMIT:-900}
. "$(dirname "$0")/lib.sh"
system_test "$@"

# shellcheck source=openstack.bash
. "$TESTS_HOME/openstack.bash"

host_up
check "uplink" make_uplink up
check_soon "the uplink has its row" 5 row Inspect_Uplink up

# Facts
# -----
ids() {             # PORT KEY=VALUE...
    local interface=$1 word words=()
    shift
    for word; do
        words+=("external_ids:${word%%=*}=${word#*=}")
    done
    ovs-vsctl --timeout=20 set Interface "$interface" "${words[@]}"
}
check "br-int" bridge br-int
check "inspector" make_inspector vms 1 up br-int \
    other_config:identity-keys=vm-name
i=0
for v in nova virt both dhcp; do
    i=$((i + 1))
    check "VM $v" make_vm $v - ip=10.0.0.$i/24
    check "VM $v probes no neighbour" quiet $v
    check "port $v" ovs-vsctl --timeout=20 add-port br-int $v
done
# os-vif; libvirt's <virtualport type='openvswitch'>; both after an upgrade;
# Neutron's DHCP agent.  iface-status is what a live migration turns.
check "as os-vif writes it" ids nova iface-id=1f00-nova iface-status=active \
    "attached-mac=$(mac_of nova)" vm-uuid=5a00-nova
check "as libvirt writes it" ids virt "attached-mac=$(mac_of virt)" \
    iface-id=1f00-virt iface-status=active vm-id=5a00-virt
check "both" ids both iface-id=1f00-both iface-status=active \
    "attached-mac=$(mac_of both)" vm-id=not-this-one vm-uuid=5a00-both
check "no VM" ids dhcp iface-id=1f00-dhcp iface-status=active \
    "attached-mac=$(mac_of dhcp)"
check "OVN's own marks beside them" ids nova ovn-installed=true \
    ovn-installed-ts=1700000000000
check_soon "uplink active" 5 uplink_active up
for v in virt both; do check "server $v" serve $v; done
check "server dhcp" serve dhcp
settled nova 10.0.0.2
vm nova "$traffic" udp 10.0.0.2 7 10 100 4001 >/dev/null
settled nova 10.0.0.3
vm virt "$traffic" udp 10.0.0.3 7 10 100 4002 >/dev/null
settled nova 10.0.0.4
before=$(inspected)
is "infrastructure answers" "$(vm nova "$traffic" udp 10.0.0.4 7 10 100 4003
                             )" 10
sleep 0.3
is "infrastructure is no VM: vm-to-vm leaves it out" \
    $(($(inspected) - before)) 0
flush vms
check_soon "vm-uuid, iface-id, attached-mac" 3 records \
    "src_port == 4001 and src_vm.id == '5a00-nova' and
     src_vm.iface == '1f00-nova' and src_vm.mac == '$(mac_of nova)'"
check "vm-id where there is no vm-uuid" records \
    "src_port == 4001 and dest_vm.id == '5a00-virt'"
check "vm-uuid before vm-id" records \
    "src_port == 4002 and dest_vm.id == '5a00-both'"
appctl inspect/coverage >"$SANDBOX_DIR/out/coverage"
check "coverage knows three VM ports" test \
    "$(grep -c ' bytes inspected' "$SANDBOX_DIR/out/coverage")" = 3
check "infrastructure is not among them" not grep -q '^dhcp ' \
    "$SANDBOX_DIR/out/coverage"
check "and is counted apart" eval 'appctl inspect/show --json | grep -q \
    "\"infrastructure\":1"'

# Rules go by the same.
check "inline" ovs-vsctl --timeout=20 set Inspector vms mode=inline
# ruled SOURCE FROM ADDRESS LOCAL-PORT: how many of 3 datagrams are echoed when
# what SOURCE sends is dropped.
ruled() {
    ovs-inspectctl add-rule vms fact action=drop direction=from-vm \
        source="$1" service=udp/7 >/dev/null || return 1
    vm "$2" timeout 30 "$traffic" udp "$3" 7 3 100 "$4"
    ovs-inspectctl del-rule vms fact >/dev/null
}
settled virt 10.0.0.3
is "a rule by vm-uuid" "$(ruled vm:5a00-nova nova 10.0.0.2 4011)" 0
is "by vm-id" "$(ruled vm:5a00-virt virt 10.0.0.3 4012)" 0
is "vm-id is nothing beside a vm-uuid" \
    "$(ruled vm:not-this-one both 10.0.0.2 4013)" 3
is "by that vm-uuid" "$(ruled vm:5a00-both both 10.0.0.2 4014)" 0
is "by iface-id" "$(ruled iface:1f00-both both 10.0.0.2 4015)" 0
is "of that one alone" "$(ruled iface:1f00-both virt 10.0.0.3 4016)" 3
check "tap again" ovs-vsctl --timeout=20 clear Inspector vms mode

check "each in a network, as the agent tags them" ovs-vsctl \
    -- set Port nova tag=1 -- set Port virt tag=1 -- set Port both tag=1 \
    -- set Port dhcp tag=1

# A trunk, as Neutron's agent wires it: the VM's port is on a bridge of its
# own; the parent's network and each subport's come by a patch pair, whose
# tag on the trunk bridge is the VLAN inside the VM and whose tag on br-int is
# the agent's.  Two subports use the same addresses.
#
#     VM trunk --- tbr --- tpt/tpi (parent) ------------- br-int --- VM p
#                     \--- spt100/spi100: VLAN 100, tag 5 ---/  \--- VM s5
#                     \--- spt200/spi200: VLAN 200, tag 6 --/    \-- VM s6
patch() {           # TRUNK-PORT INT-PORT VLAN TAG
    ovs-vsctl --timeout=20 add-port tbr "$1" tag="$3" vlan_mode=access \
        -- set Interface "$1" type=patch options:peer="$2" \
        -- add-port br-int "$2" tag="$4" \
        -- set Interface "$2" type=patch options:peer="$1" \
           "external_ids:iface-id=1f00-$2" \
           "external_ids:attached-mac=52:54:00:00:77:01"
}
trunk_up() {
    bridge tbr && ovs-vsctl --timeout=20 add-port tbr trunk &&
        patch tpt tpi 0 4 && patch spt100 spi100 100 5 &&
        patch spt200 spi200 200 6 &&
        ovs-vsctl --timeout=20 set Bridge tbr \
            "inspectors=$(row Inspector vms)"
}
check "VM trunk" make_vm trunk - mac=52:54:00:00:77:01
check "trunk bridge" trunk_up
check "parent's identity" ids trunk iface-id=1f00-trunk iface-status=active \
    attached-mac=52:54:00:00:77:01 vm-uuid=5a00-trunk
check "VM s5" make_vm s5 br-int ip=10.0.1.2/24 tag=5
check "VM s6" make_vm s6 br-int ip=10.0.1.2/24 tag=6
for v in s5 s6; do
    check "VM $v probes no neighbour" quiet $v
    check "server $v" serve $v
    vm $v ip neigh replace 10.0.1.1 lladdr 52:54:00:00:77:01 dev eth0
done
subport 100 s5 10
subport 200 s6 15
flush vms
for v in s5:100:10 s6:200:15; do
    IFS=: read -r name vlan n <<<"$v"
    check_soon "subport $vlan: one connection of the trunk with VM $name" 3 \
        records "src_port == 4201 and src_vm.id == '5a00-trunk' and
                 dest_vm.id == '$(vm_id "$name")' and
                 flow.pkts_toserver == $n and flow.pkts_toclient == $n"
    check "subport $vlan: the VLAN of the VM stands in it" records \
        "src_port == 4201 and dest_vm.id == '$(vm_id "$name")' and
         $vlan in (vlan or [])"
done
is "subports with equal addresses are two connections" \
    "$(records 'src_port == 4201')" 2

# Migration: the same iface-id and VM on two hosts, the target's port before
# the VM runs there.
second() {          # COMMAND...: on the second host.
    OVS_RUNDIR=$SANDBOX_DIR/run2 OVS_DBDIR=$SANDBOX_DIR/db2 \
        OVS_LOGDIR=$SANDBOX_DIR/log2 SENSOR=host-2 "$@"
}
second_start() {    # ovs-vswitchd, in a network of its own: a host.
    ip netns exec host2 ovs-vswitchd "unix:$SANDBOX_DIR/run2/db.sock" \
        --no-chdir --detach --pidfile --log-file -vconsole:off -vsyslog:off
}
second_link() {     # To where the collector listens.
    ip netns add host2 &&
        ip link add name up2 type veth peer name eth0 netns host2 &&
        ip addr add 192.0.2.1/30 dev up2 && ip link set dev up2 up &&
        vm host2 ip link set dev lo up &&
        vm host2 ip addr add 192.0.2.2/30 dev eth0 &&
        vm host2 ip link set dev eth0 up &&
        sandbox_spawn relay "$TESTS_HOME/relay.py" \
            "192.0.2.1:$COLLECTOR_PORT" "127.0.0.1:$COLLECTOR_PORT"
}
second_up() {
    mkdir -p "$SANDBOX_DIR/run2" "$SANDBOX_DIR/db2" "$SANDBOX_DIR/log2"
    pki_cert site sensor2 host-2 DNS:host-2 && second_link &&
        second switch_start_db && second second_start &&
        second bridge br-int &&
        second ovs-vsctl --timeout=20 --id=@u create Inspect_Uplink name=up \
            "target=\"ssl:192.0.2.1:$COLLECTOR_PORT\"" format=ipfix \
            other_config:peer-name=localhost "private_key=\"$PKI/sensor2.key\"" \
            "certificate=\"$PKI/sensor2.pem\"" \
            "ca_cert=\"$PKI/site-ca.pem\"" \
            -- --id=@i create Inspector name=vms id=1 uplinks=@u mode=inline \
            -- add Bridge br-int inspectors @i >/dev/null
}
check "a second host" second_up
check "VM peer2 there" make_vm peer2 - ip=10.0.0.9/24
second_port() {     # NAME: its end is moved to the second host.
    ip link set dev "$1" netns host2 && vm host2 ip link set dev "$1" up
}
check "moved there" second_port peer2
check "its port" second plug peer2 br-int "$(mac_of peer2)" 1f00-peer2 \
    5a00-peer2
check "server peer2" serve peer2
check "VM guest on the first host" make_vm guest - ip=10.0.0.8/24 port=guest1
check "its port" ovs-vsctl --timeout=20 add-port br-int guest1 tag=1
check "as os-vif writes it" ids guest1 iface-id=1f00-guest \
    iface-status=active "attached-mac=$(mac_of guest)" vm-uuid=5a00-guest
# The same guest on the target: plugged, and not yet running.
check "the guest on the target" make_vm guest2 - ip=10.0.0.8/24 \
    mac="$(mac_of guest)"
check "moved there" second_port guest2
check "its port, inactive" second ovs-vsctl --timeout=20 add-port br-int \
    guest2 -- set Interface guest2 external_ids:iface-id=1f00-guest \
    external_ids:iface-status=inactive external_ids:vm-uuid=5a00-guest \
    "external_ids:attached-mac=\"$(mac_of guest)\""
check_soon "inactive, it is known to be that VM" 5 eval \
    'second appctl inspect/coverage | grep -q "^guest2 .*5a00-guest"'
# A rule that each host has, by what is the same on both.
no_echo() {         # [second]
    "$@" ovs-inspectctl add-rule vms no-echo action=drop \
        source=iface:1f00-guest service=udp/7
}
check "inline" ovs-vsctl --timeout=20 set Inspector vms mode=inline
check "a rule on the first" no_echo
check "and on the second" no_echo second
is "it holds on the first" \
    "$(vm guest timeout 30 "$traffic" udp 10.0.0.2 7 3 100 4302)" 0
vm_spawn guest talk1 "$traffic" tcp 10.0.0.2 7 1000 600 4300
check_soon "it talks on the first" 20 eval \
    'appctl inspect/flows | grep -q ":4300 "'
check "it is gone from the first" ovs-vsctl --timeout=20 del-port br-int \
    guest1
check "it runs on the second" second ovs-vsctl --timeout=20 set Interface \
    guest2 external_ids:iface-status=active
is "the rule has come along" \
    "$(vm guest2 timeout 30 "$traffic" udp 10.0.0.9 7 3 100 4303)" 0
check "it goes" second ovs-inspectctl del-rule vms no-echo
check "it talks there" eval 'test "$(vm guest2 "$traffic" udp 10.0.0.9 7 10 \
    100 4301)" = 10'
second flush
check_soon "the first host: its connection ended as detached" 5 records \
    "src_port == 4300 and src_vm.id == '5a00-guest' and
     inspect.end == 'detached'"
check_soon "the second: the same VM, the same iface-id" 5 records \
    "src_port == 4301 and src_vm.id == '5a00-guest' and
     src_vm.iface == '1f00-guest'"
is "each told by its own sensor" "$(for p in 4300 4301; do
    $RECORDS query "$RECORDS_FILE" --where "src_port == $p" \
        --print inspect.sensor | head -n 1; done | tr '\n' ' ')" \
    "host-1 host-2 "
sandbox_kill talk1 KILL
check "the first host's rule goes" ovs-inspectctl del-rule vms no-echo
check "tap again" ovs-vsctl --timeout=20 clear Inspector vms mode
check "the second host ends" second switch_stop
kill "$(cat "$SANDBOX_DIR/run2/ovsdb-server.pid")"

# A clean table for what follows.
fresh() {
    ovs-vsctl --timeout=20 --if-exists del-br br-int -- --if-exists del-br tbr
    for v in "$@"; do
        ip netns del "$v" || return 1
        sandbox_wait 3 test ! -e "/sys/class/net/$v"
    done
}
check "all of this goes" fresh nova virt both dhcp trunk s5 s6 guest

# OVN
# ---
ovn_up() {
    local db
    export OVN_RUNDIR=$OVS_RUNDIR OVN_LOGDIR=$OVS_LOGDIR
    for db in nb sb; do
        ovsdb-tool create "$OVS_DBDIR/ovn-$db.db" \
            "$UNPACKED/ovn/usr/share/ovn/ovn-$db.ovsschema" &&
        ovsdb-server "$OVS_DBDIR/ovn-$db.db" --no-chdir --detach \
            --remote="punix:$OVS_RUNDIR/ovn-$db.sock" \
            --pidfile="$OVS_RUNDIR/ovn-$db.pid" \
            --unixctl="$OVS_RUNDIR/ovn-$db.ctl" \
            --log-file="$OVS_LOGDIR/ovn-$db.log" -vconsole:off \
            -vsyslog:off || return 1
    done
    PATH=$UNPACKED/ovn/usr/bin:$PATH
    LD_LIBRARY_PATH=$(echo "$UNPACKED"/ovn/usr/lib/*-linux-gnu | tr ' ' :)
    export LD_LIBRARY_PATH
    nb=unix:$OVS_RUNDIR/ovn-nb.sock
    sb=unix:$OVS_RUNDIR/ovn-sb.sock
    ovn-northd --ovnnb-db="$nb" --ovnsb-db="$sb" --no-chdir --detach \
        --pidfile --log-file -vconsole:off -vsyslog:off &&
    ovs-vsctl --timeout=20 set Open_vSwitch . external_ids:ovn-remote="$sb" \
        external_ids:ovn-encap-type=geneve \
        external_ids:ovn-encap-ip=127.0.0.1 \
        external_ids:ovn-bridge-datapath-type=netdev &&
    ovn_controller
}
ovn_controller() {
    ovn-controller "unix:$OVS_RUNDIR/db.sock" --no-chdir --detach --pidfile \
        --log-file -vconsole:off -vsyslog:off
}
# Whoever starts it before it is gone is told so, as an emergency.
ovn_controller_ends() {
    local pid
    pid=$(cat "$OVN_RUNDIR/ovn-controller.pid")
    ovn-appctl -t ovn-controller exit && sandbox_wait 15 switch_gone "$pid"
}
nbctl() { ovn-nbctl --db="$nb" --timeout=30 "$@"; }
vif() {             # VM SWITCH ADDRESS: plugged and bound.
    make_vm "$1" - ip="$3/24" iface="lp-$1" &&
        ovs-vsctl --timeout=20 add-port br-int "$1" &&
        ids "$1" iface-id="lp-$1" iface-status=active \
            "attached-mac=$(mac_of "$1")" vm-id="5a00-$1" &&
        nbctl lsp-add "$2" "lp-$1" -- lsp-set-addresses "lp-$1" \
            "$(mac_of "$1") $3" &&
        quiet "$1"
}
router_up() {
    nbctl lr-add r0 &&
    for n in 0 1; do
        nbctl lrp-add r0 r0-sw$n 00:00:00:00:ff:0$n 10.3.$n.254/24 \
            -- lsp-add sw$n sw$n-r0 -- lsp-set-type sw$n-r0 router \
            -- lsp-set-addresses sw$n-r0 router \
            -- lsp-set-options sw$n-r0 router-port=r0-sw$n || return 1
    done
}
ovn() {
    check "OVN: northd and controller" ovn_up
    check_soon "OVN: it makes br-int" 20 ovs-vsctl br-exists br-int
    is "OVN: on the userspace datapath" \
        "$(ovs-vsctl get Bridge br-int datapath_type)" netdev
    check "OVN: inspected" ovs-vsctl --timeout=20 set Bridge br-int \
        "inspectors=$(row Inspector vms)"
    check "OVN: two switches" nbctl ls-add sw0 -- ls-add sw1
    check "OVN: VM oa" vif oa sw0 10.3.0.1
    check "OVN: VM ob" vif ob sw0 10.3.0.2
    check "OVN: VM oc" vif oc sw1 10.3.1.3
    check "OVN: a router" router_up
    vm oa ip route add default via 10.3.0.254
    vm oc ip route add default via 10.3.1.254
    check "OVN: ports are up" nbctl wait-until Logical_Switch_Port lp-oa \
        up=true -- wait-until Logical_Switch_Port lp-oc up=true
    check "OVN: server ob" serve ob
    check "OVN: server oc" serve oc
    # vm_id reads what plug() writes; libvirt has written these.
    vm_id() { ovs-vsctl get Interface "$1" external_ids:vm-id | tr -d '"'; }
    once "OVN, one switch" oa ob 10.3.0.2
    check "OVN: no flow has our action" no_inspect_in_flows br-int
    check "OVN: the datapath has it" datapath_has_it
    once "OVN, routed" oa oc 10.3.1.3
    check "OVN: stateful ACLs" nbctl \
        acl-add sw0 from-lport 1000 'inport == "lp-oa"' allow-related \
        -- acl-add sw0 to-lport 1000 'outport == "lp-ob" && udp' \
        allow-related -- acl-add sw0 to-lport 1000 \
        'outport == "lp-ob" && icmp4' allow-related \
        -- acl-add sw0 to-lport 900 'outport == "lp-ob" && ip4' drop
    check "OVN: they are in force" nbctl --wait=hv sync
    once "OVN, connection tracking" oa ob 10.3.0.2
    once "OVN, routed, with ACLs" oa oc 10.3.1.3
    n_before=$(n_flows)
    check "OVN: all flows anew" ovn-appctl -t ovn-controller recompute
    once "OVN, after a recompute" oa ob 10.3.0.2
    is "OVN: its flows are as many" "$(n_flows)" "$n_before"
    check "OVN: its controller ends" ovn_controller_ends
    check "OVN: and comes again" ovn_controller
    check "OVN: in step" nbctl --wait=hv sync
    once "OVN, after a restart of its controller" oa ob 10.3.0.2
    check "OVN: no flow has our action still" no_inspect_in_flows br-int
    check "OVN: a drop rule" eval 'ovs-vsctl set Inspector vms \
        mode=inline && ovs-inspectctl add-rule vms no-echo action=drop \
        service=udp/7'
    is "OVN: takes effect" \
        "$(vm oa timeout 30 "$traffic" udp 10.3.0.2 7 3 100 6002)" 0
    check "OVN: gone" ovs-inspectctl del-rule vms no-echo
    once "OVN, inline" oa ob 10.3.0.2
    is "OVN: nothing was lost" "$(stats vms lost)" 0
    ovn-appctl -t ovn-controller exit
    ovn-appctl -t ovn-northd exit
}
if test -x "$UNPACKED/ovn/usr/bin/ovn-controller"; then
    ovn
else
    skip "OVN's flows" "no packages unpacked: ./check.sh openstack"
fi
host_down
done_testing
