#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Inside the root of a test, as root: two VMs on Debian's Open vSwitch.
#
#     a 10.9.0.1 ---- br0 (netdev) ---- b 10.9.0.2
#
# host.sh vms        the namespaces, the bridges, flows and a group
# host.sh pki        certificates of a collector and of this sensor
# host.sh inspect    an inspector that is inserted, one that a flow and a
#                    group name, and an uplink to this host's collector
# host.sh refill     flows and groups again
# host.sh flows      all flows and groups, in an order, to compare
set -e

vm() {
    ip netns add "$1"
    ip link add name "$1" type veth peer name eth0 netns "$1"
    ethtool -K "$1" tx off rx off >/dev/null
    ip netns exec "$1" ethtool -K eth0 tx off rx off >/dev/null
    ip netns exec "$1" ip addr add "10.9.0.$2/24" dev eth0
    ip netns exec "$1" ip link set dev eth0 \
        address "02:00:00:00:00:0$2" up
    ip netns exec "$1" ip link set lo up
    ip link set dev "$1" up
    ovs-vsctl -- --may-exist add-port br0 "$1" \
        -- set Interface "$1" ofport_request="$2" \
           external_ids:iface-id="port-$1" \
           external_ids:vm-uuid="00000000-0000-4000-8000-00000000000$2"
}

vms() {
    ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev \
        other_config:hwaddr=02:00:00:00:00:ff
    ovs-vsctl add-br br1 -- set Bridge br1 datapath_type=netdev \
        -- set-fail-mode br1 secure
    vm a 1
    vm b 2
    own_flows
}

# Those of an operator, who knows nothing of inspectors.
own_flows() {
    ovs-ofctl -O OpenFlow14 --may-create mod-group br0 \
        group_id=1,type=all,bucket=actions=output:2
    ovs-ofctl --bundle add-flows br0 - <<END
cookie=0x77,priority=60,tcp,tp_dst=23,actions=drop
priority=50,ip,nw_dst=10.9.0.2,nw_tos=32,actions=mod_nw_ttl:9,group:1
table=3,priority=7,actions=resubmit(,4)
priority=0,actions=NORMAL
END
    ovs-ofctl add-flow br1 priority=9,dl_vlan=7,actions=strip_vlan,NORMAL
}

certificate() {
    openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$2" \
        -keyout "$1.key" -out "$1.csr" 2>/dev/null
    echo "subjectAltName=$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -days 30 \
        -CAcreateserial -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}

pki() {
    mkdir -p /srv/pki
    cd /srv/pki
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=site -days 30 \
        -keyout ca.key -out ca.pem 2>/dev/null
    certificate collector collector DNS:localhost,IP:127.0.0.1
    certificate sensor host-1 DNS:host-1
    install -m 640 -g ovs-inspect collector.key /etc/ovs-inspect/
    install -m 644 collector.pem /etc/ovs-inspect/
    install -m 644 ca.pem /etc/ovs-inspect/sensors-ca.pem
    install -m 600 sensor.key /etc/openvswitch/
    install -m 644 sensor.pem ca.pem /etc/openvswitch/
}

inspect() {
    # ovs-ctl writes what this file says into the database at each start.
    echo host-1 >/etc/openvswitch/system-id.conf
    ovs-vsctl set-ssl /etc/openvswitch/sensor.key \
        /etc/openvswitch/sensor.pem /etc/openvswitch/ca.pem \
        -- set Open_vSwitch . external_ids:system-id=host-1
    ovs-vsctl -- --id=@u create Inspect_Uplink name=soc \
            target='"ssl:127.0.0.1:4740"' \
        -- --id=@r create Inspect_Rule name=no-9999 slot=2 priority=1 \
            direction=both action=drop service='"udp/9999"' \
        -- --id=@s create Inspect_Rule name=no-9998 slot=2 priority=1 \
            direction=both action=drop service='"udp/9998"' \
        -- --id=@i create Inspector name=vms id=1 mode=inline uplinks=@u \
            rules=@r \
        -- --id=@j create Inspector name=some id=2 mode=inline select=flows \
            rules=@s \
        -- add Bridge br0 inspectors @i -- add Bridge br0 inspectors @j
    inspect_flows
}

inspect_flows() {
    ovs-ofctl -O OpenFlow14 --may-create mod-group br0 \
        group_id=2,type=all,bucket="actions=inspect(id=2),output:2"
    ovs-ofctl -O OpenFlow14 --may-create mod-group br0 \
        group_id=3,type=all,bucket="actions=inspect(id=2)",bucket=actions=output:2
    ovs-ofctl add-flows br0 - <<END
cookie=0x42,priority=70,udp,nw_dst=10.9.0.2,tp_dst=9998,actions=inspect(id=2),output:2
cookie=0x43,priority=71,udp,nw_dst=10.9.0.2,tp_dst=9997,actions=clone(inspect(id=2,tap)),group:2
END
}

refill() {
    own_flows
    inspect_flows
}

flows() {
    for bridge in br0 br1; do
        ovs-ofctl --no-names --no-stats dump-flows $bridge |
            sed "s/^ */$bridge /" | grep -v _FLOW | LC_ALL=C sort
        ovs-ofctl -O OpenFlow14 dump-groups $bridge |
            sed "s/^ */$bridge /" | grep -v _GROUP | LC_ALL=C sort
    done
}

"$1"
