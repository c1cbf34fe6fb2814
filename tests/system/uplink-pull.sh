#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Pull mode through a NAT: the collector dials two sensors behind one address,
# and they stay two; who answers is known by its certificate, never by where
# it is.
#
#    ovs-vswitchd host-1        peer.py host-2
#    pssl:4750 192.0.2.2        :4751 192.0.2.6       (namespaces s1, s2)
#          |                         |
#      +---+---- nat 198.51.100.1 ---+---+             (namespace nat)
#      |  :14677 -> 192.0.2.2:4750       |
#      |  :14678 -> 192.0.2.6:4751       |
#      +------------+--------------------+
#                   |
#          collector 198.51.100.2                      (namespace soc)
#
# The sandbox's own namespace is s1, in which ovs-vswitchd is.
#
# Mutation that makes it fail: let the dialler compare HOST with the
# certificate; leave the question for 'expected' out of take_name().
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
JOURNAL=$SANDBOX_DIR/journal
need "certificates" pki_init
need "a certificate for the other sensor" pki_cert site peer host-2 DNS:host-2

# One of iptables and nft, or a forwarder of ours: a NAT is a NAT.
topology() {
    ip netns add nat && ip netns add soc && ip netns add s2 &&
    ip link add wan1 type veth peer name lan1 netns nat &&
    ip addr add 192.0.2.2/30 dev wan1 && ip link set wan1 up &&
    vm nat ip addr add 192.0.2.1/30 dev lan1 && vm nat ip link set lan1 up &&
    ip route add default via 192.0.2.1 &&
    ip -n s2 link add wan2 type veth peer name lan2 netns nat &&
    vm s2 ip addr add 192.0.2.6/30 dev wan2 && vm s2 ip link set wan2 up &&
    vm nat ip addr add 192.0.2.5/30 dev lan2 && vm nat ip link set lan2 up &&
    vm s2 ip route add default via 192.0.2.5 &&
    ip -n nat link add out type veth peer name eth0 netns soc &&
    vm nat ip addr add 198.51.100.1/24 dev out && vm nat ip link set out up &&
    vm soc ip addr add 198.51.100.2/24 dev eth0 &&
    vm soc ip link set eth0 up && vm soc ip link set lo up &&
    vm s2 ip link set lo up && vm nat ip link set lo up
}
need "a NAT between them" topology
vm_spawn nat forward1 "$TESTS_HOME/relay.py" 198.51.100.1:14677 192.0.2.2:4750
vm_spawn nat forward2 "$TESTS_HOME/relay.py" 198.51.100.1:14678 192.0.2.6:4751
check_soon "it forwards" 5 vm_listens nat tcp 14678

need "ovsdb-server" switch_start_db
need "ovs-vswitchd" switch_start
check "bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
check "an uplink that listens" make_uplink up 'target="pssl:4750:192.0.2.2"'
check "inspector" make_inspector vms 1 up br0
listens() { ss -Hltn 'sport = :4750' | grep -q .; }
check_soon "it listens" 5 listens
check_soon "and says so" 5 status_is Inspect_Uplink up state listening

pull() { # [OPTION]...
    sandbox_spawn collector ip netns exec soc ovs-inspect-collector \
        --unixctl="$SANDBOX_DIR/run/soc.ctl" \
        --connect=ssl:198.51.100.1:14677/host-1 \
        --private-key "$PKI/collector.key" \
        --certificate "$PKI/collector.pem" --ca-cert "$PKI/site-ca.pem" \
        --journal="$JOURNAL" --output "$RECORDS_FILE" \
        --log-file="$OVS_LOGDIR/collector.log" "$@"
}
log_says() { grep -Eq "$1" "$OVS_LOGDIR/collector.log"; }
show() {
    timeout 15 ovs-appctl -t "$SANDBOX_DIR/run/soc.ctl" collector/show --json |
        /usr/bin/python3 -c \
        "import json, sys; x = json.load(sys.stdin); print($1)"
}
vm_spawn s2 peer "$TESTS_HOME/peer.py" --listen 4751 --ca "$PKI/site-ca.pem" \
    --cert "$PKI/peer.pem" --key "$PKI/peer.key" --name host-2 --rate 100 \
    --records 2000
check_soon "the other sensor listens, too" 5 vm_listens s2 tcp 4751
pull --connect=ssl:198.51.100.1:14678
check_soon "the collector is with the switch" 10 uplink_active up
check_soon "it is one of two sensors" 5 eval \
    'equal "$(show "sorted(s[\"sensor\"] for s in x[\"sensors\"])")" \
     "['\''host-1'\'', '\''host-2'\'']"'
is "over acknowledged connections" \
    "$(show 'sorted(c["acknowledged"] for c in x["connections"])')" \
    "[True, True]"
vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4001
check_soon "a record of the switch" 5 records \
    'event_type == "flow" and src_port == 4001 and inspect.sensor == "host-1"'

# The collector is killed: it dials again, nothing is lost.
sandbox_kill collector KILL
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4002
pull --connect=ssl:198.51.100.1:14678
check_soon "another collector takes over" 12 records 'event_type == "flow" and src_port == 4002'
is "each once" "$(records 'event_type == "flow" and src_port == 4001') $(records 'event_type == "flow" and src_port == 4002')" \
    "1 1"
all_of_peer() { test "$(records 'inspect.sensor == "host-2"')" = 2000; }
check_soon "all of the other sensor" 30 all_of_peer
is "each once, too" "$(show '[(s["records"], s["lost"], s["missing"])
    for s in x["streams"] if s["sensor"] == "host-2"]')" "[(2000, 0, 0)]"

# The same with a push token instead of certificates.
(umask 077; echo "host-1:$(openssl rand -hex 32)" >"$PKI/token")
sandbox_kill collector KILL
check "the sensor takes a token" ovs-vsctl --timeout=20 clear \
    Inspect_Uplink up private_key certificate ca_cert -- \
    set Inspect_Uplink up "token_file=\"$PKI/token\""
sandbox_spawn collector ip netns exec soc ovs-inspect-collector \
    --unixctl="$SANDBOX_DIR/run/soc.ctl" --token-file="$PKI/token" \
    --connect=ssl:198.51.100.1:14677/host-1 --journal="$JOURNAL" \
    --output "$RECORDS_FILE" --log-file="$OVS_LOGDIR/collector.log"
check_soon "the collector dials with it" 12 eval \
    'equal "$(show "[c[\"subject\"] for c in x[\"connections\"]]")" \
     "['\''token host-1'\'']"'
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4003
check_soon "records come" 5 records 'event_type == "flow" and src_port == 4003'
sandbox_kill collector KILL
ovs-vsctl --timeout=20 clear Inspect_Uplink up token_file -- \
    set Inspect_Uplink up "private_key=\"$PKI/sensor.key\"" \
    "certificate=\"$PKI/sensor.pem\"" "ca_cert=\"$PKI/site-ca.pem\""
pull --connect=ssl:198.51.100.1:14678

# The ways are exchanged: the one who answers is not the one who was meant.
sandbox_kill forward1 KILL
vm_spawn s2 peer2 "$TESTS_HOME/peer.py" --listen 4752 --once \
    --ca "$PKI/site-ca.pem" --cert "$PKI/peer.pem" --key "$PKI/peer.key" \
    --name host-2 --records 10 --incarnation 2
check_soon "another one listens" 5 vm_listens s2 tcp 4752
vm_spawn nat forward3 "$TESTS_HOME/relay.py" 198.51.100.1:14677 \
    192.0.2.6:4752
check_soon "the wrong sensor is refused by its name" 15 log_says \
    "it is sensor 'host-2', and not 'host-1'"
is "and has no record there" \
    "$(show 'sum(s["incarnation"] == 2 for s in x["streams"])')" 0
check "collector/show says it of that target" eval \
    'show "x[\"connect\"][0][\"last_error\"]" | grep -q "not .host-1"'
host_down
done_testing
