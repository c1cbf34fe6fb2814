#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Neutron programs the bridges: its server, its Open vSwitch agent, os-vif.
#
#    RabbitMQ <---- neutron-server (ML2, MariaDB) <--- HTTP --- this test:
#       ^                                          networks, ports, groups,
#       |                                          a trunk
#    neutron-openvswitch-agent              os-vif: the ports of VMs
#       | OpenFlow, OVSDB                      |
#    +--v--------------------------------------v---------+
#    | br-tun --- br-int (inspector "vms") --- br-ex     |   tbr-...: the trunk
#    +--------------|------|------------------|----------+
#                VM na  VM nb  ...          host "ext"
#
# All of these are Debian's, unpacked and not installed; ours is what they are
# told.  Automatic insertion adds no flow to any bridge; what passes between two
# VMs is inspected once, with the identities that os-vif wrote, whatever the
# agent does to its flows: another group, a resync, a restart of it or of the
# switch.
#
# In: UNPACKED, a folder with "neutron" in it (build-aux/unpack.sh, which
# "check.sh openstack" calls).
#
# Mutations that make it fail: insert at both sides of a patch port; insert by
# an OpenFlow flow of our own; take flow.in_port for the ingress; know ports by
# their numbers when the switch was restarted.
LIMIT=${LIMIT:-1800}
. "$(dirname "$0")/lib.sh"

neutron=$UNPACKED/neutron
python=$neutron/usr/lib/python3/dist-packages
if ! sandbox_inside && ! test -e "$python/neutron" -a -e "$python/os_vif" -a \
        -e "$neutron/usr/lib/rabbitmq" -a -e "$neutron/usr/sbin/mariadbd"
then
    echo "1..0 # SKIP no packages unpacked: ./check.sh openstack"
    exit 77
fi
system_test "$@"
# shellcheck source=openstack.bash
. "$TESTS_HOME/openstack.bash"
control=$SANDBOX_DIR/neutron    # Whatever the control plane writes.
config=$control/neutron.conf
tables='mysql+pymysql://root@127.0.0.1/neutron?charset=utf8'
mkdir -p "$control/locks" "$control/bin" "$control/tmp"

# A control plane
# ---------------
# What was unpacked is no place where its programs look for anything by
# themselves.  For sandbox_spawn, or in a subshell.
unpacked() {
    exec env HOME="$control" TMPDIR="$control/tmp" PYTHONPATH="$python" \
        PYTHONDONTWRITEBYTECODE=1 \
        LD_LIBRARY_PATH="$(echo "$neutron"/usr/lib/*-linux-gnu | tr ' ' :)" \
        PATH="$control/bin:$PATH:$neutron/usr/bin:$neutron/usr/sbin" "$@"
}

# RabbitMQ, with the Erlang that was unpacked.
broker() {
    local erlang=$neutron/usr/lib/erlang bin
    bin=$(echo "$erlang"/erts-*/bin)
    cat >"$control/bin/erl" <<END
#!/bin/sh
export ROOTDIR='$erlang' BINDIR='$bin' EMU=beam PROGNAME=erl
exec '$bin/erlexec' "\$@"
END
    chmod +x "$control/bin/erl"
    echo '[].' >"$control/plugins"
    : >"$control/rabbitmq.conf"
    sandbox_spawn epmd unpacked "$bin/epmd" -address 127.0.0.1
    sandbox_spawn broker unpacked \
        ERL_EPMD_ADDRESS=127.0.0.1 ERL_CRASH_DUMP="$control/crash" \
        RABBITMQ_NODENAME=ovsext@localhost \
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
        RABBITMQ_MNESIA_BASE="$control/mnesia" \
        RABBITMQ_LOG_BASE="$control/log" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$control/plugins" \
        RABBITMQ_CONFIG_FILE="$control/rabbitmq.conf" \
        RABBITMQ_CONF_ENV_FILE="$control/rabbitmq-env.conf" \
        RABBITMQ_PID_FILE="$control/broker.pid" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 1 +sbwt none' \
        sh "$(echo "$neutron"/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin)$(:
             )/rabbitmq-server"
    begun broker listens 5672
}
begun() {           # NAME COMMAND...: COMMAND succeeds, or what NAME said.
    sandbox_wait 300 "${@:2}" && return
    tail -n 5 "$SANDBOX_DIR/out/$1"
    return 1
}
listens() { ss -Hltn "sport = :$1" | grep -q .; }

# MariaDB, for whoever comes.
database() {
    mkdir "$control/db"
    echo 'CREATE DATABASE neutron CHARACTER SET utf8;' >"$control/db.sql"
    sandbox_spawn database unpacked "$neutron/usr/sbin/mariadbd" \
        --no-defaults --user=root --basedir="$neutron/usr" \
        --datadir="$control/db" --tmpdir="$control/tmp" \
        --socket="$control/db.sock" --pid-file="$control/db.pid" \
        --bind-address=127.0.0.1 --skip-grant-tables --skip-log-bin \
        --init-file="$control/db.sql" --innodb-buffer-pool-size=32M \
        --innodb-flush-log-at-trx-commit=0
    begun database grep -q 'ready for connections' "$SANDBOX_DIR/out/database"
}

# One file for the server, the agent and os-vif.
configure() {
    cat >"$config" <<END
[DEFAULT]
core_plugin = ml2
service_plugins = trunk
auth_strategy = noauth
host = host-1
state_path = $control
bind_host = 127.0.0.1
api_workers = 0
rpc_workers = 0
rpc_state_report_workers = 0
api_paste_config = $neutron/usr/share/neutron-common/api-paste.ini
transport_url = rabbit://guest:guest@127.0.0.1:5672/
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
[oslo_concurrency]
lock_path = $control/locks
[database]
connection = $tables
[ml2]
type_drivers = flat,vxlan
tenant_network_types = vxlan
mechanism_drivers = openvswitch
extension_drivers = port_security
[ml2_type_vxlan]
vni_ranges = 1:1000
[ml2_type_flat]
flat_networks = physnet1
[securitygroup]
firewall_driver = openvswitch
[ovs]
local_ip = 127.0.0.1
datapath_type = netdev
bridge_mappings = physnet1:br-ex
ovsdb_connection = unix:$OVS_RUNDIR/db.sock
[agent]
tunnel_types = vxlan
root_helper = env
[os_vif_ovs]
ovsdb_connection = unix:$OVS_RUNDIR/db.sock
END
}
# The tables as Neutron's classes have them, and not by all migrations of ten
# years.
tables() {
    (unpacked /usr/bin/python3 - "$tables") <<'END'
import sys
import sqlalchemy
from neutron.db.migration.models import head
head.get_metadata().create_all(sqlalchemy.create_engine(sys.argv[1]))
END
}
server() {
    sandbox_spawn server unpacked /usr/bin/python3 \
        "$neutron/usr/bin/neutron-server" --config-file "$config"
    begun server api GET agents
}
api() {             # METHOD PATH [OBJECT]
    curl -sS --fail-with-body --max-time 60 -X "$1" \
        -H 'Content-Type: application/json' \
        "http://127.0.0.1:9696/v2.0/$2" ${3:+-d "$3"}
}
# create KIND FIELDS: the id of it.
create() {
    local answer kind=${1//_/-}
    if ! answer=$(api POST "${kind}s" "{\"$1\":{$2}}"); then
        diag "$answer" >&2
        return 1
    fi
    jq -r ".$1.id" <<<"$answer"
}

# The agent: after its second turn it has looked at all ports.
agent_begins() {
    sandbox_spawn agent unpacked /usr/bin/python3 \
        "$neutron/usr/bin/neutron-openvswitch-agent" --config-file "$config"
}
agent() { agent_begins && begun agent agent_said 'iteration:1 completed'; }
agent_said() { grep -q "$1" "$SANDBOX_DIR/out/agent"; }

# The VMs
# -------
declare -A PORT_ID VM_UUID TAP
vm_id() { echo "${VM_UUID[$1]}"; }
# neutron_vm NAME NETWORK ADDRESS MAC [TRUNK-FIELDS]: as Nova does it: a port
# of Neutron's, perhaps with a trunk, that is then bound to this host; its
# interface, which os-vif plugs into the bridge that Neutron names.
neutron_vm() {
    local name=$1 id uuid
    uuid=$(cat /proc/sys/kernel/random/uuid)
    id=$(neutron_port "$2" "$3" "$4") || return 1
    PORT_ID[$name]=$id VM_UUID[$name]=$uuid TAP[$name]=tap${id:0:11}
    test -z "$5" || create trunk "\"port_id\":\"$id\",$5" || return 1
    api PUT "ports/$id" "{\"port\":{\"device_id\":\"$uuid\",$(:
        )\"device_owner\":\"compute:nova\",$(:
        )\"binding:host_id\":\"host-1\"}}" &&
        make_vm "$name" - ip="$3/24" mac="$4" port="${TAP[$name]}" &&
            vif plug "$name" "$4" && quiet "$name"
}
neutron_port() {    # NETWORK ADDRESS MAC
    create port "\"network_id\":\"$1\",\"mac_address\":\"$3\",$(:
        )\"fixed_ips\":[{\"ip_address\":\"$2\"}],$(:
        )\"security_groups\":[\"$group\"]"
}
vif() {             # plug|unplug NAME MAC
    local bridge
    bridge=$(api GET "ports/${PORT_ID[$2]}" |
        jq -r '.port["binding:vif_details"].bridge_name') &&
        (unpacked /usr/bin/python3 "$TESTS_HOME/os-vif.py" "$1" "$config" \
            "$bridge" "${TAP[$2]}" "${PORT_ID[$2]}" "$3" "${VM_UUID[$2]}" \
            "instance-$2")
}
active() {          # NAME: the agent has told the server that it is wired.
    api GET "ports/${PORT_ID[$1]}" | jq -e '.port.status == "ACTIVE"'
}
network() {         # NAME PREFIX [FIELDS]
    local id
    id=$(create network "\"name\":\"$1\"$3") &&
        create subnet "\"network_id\":\"$id\",\"cidr\":\"$2\",$(:
            )\"ip_version\":4,\"enable_dhcp\":false" >/dev/null && echo "$id"
}
rule_of_group() {   # PROTOCOL
    create security_group_rule "\"security_group_id\":\"$group\",$(:
        )\"direction\":\"ingress\",\"ethertype\":\"IPv4\",$(:
        )\"protocol\":\"$1\""
}
tcp() { vm na timeout 4 "$traffic" tcp 10.0.2.12 7 100 0; }
no_flow_of_ours() {
    local b
    for b in $(ovs-vsctl list-br); do
        no_inspect_in_flows "$b" || return 1
    done
}
# meanwhile WHAT COMMAND...: datagrams from na to nb and back before, while and
# after COMMAND runs; whatever the agent loses of them, what either of the two
# gets was inspected, once.
meanwhile() {
    local what=$1 before sent got gap
    settled na 10.0.2.12
    before=$(($(inspected) - $(delivered)))
    vm_spawn na steady "$traffic" steady 10.0.2.12 7 900
    sleep 1
    check "$what" "${@:2}"
    sleep 1
    sandbox_kill steady
    read -r sent got gap <"$SANDBOX_DIR/out/steady"
    diag "$got of $sent datagrams were echoed, the longest gap was $gap ms"
    check "$what: traffic goes on" test "$got" -gt 100
    settle vms
    is "$what: what was delivered was inspected once" \
        $(($(inspected) - $(delivered))) "$before"
}
delivered() {
    local v n=0
    for v in na nb; do
        n=$((n + $(vm $v cat /sys/class/net/eth0/statistics/rx_packets)))
    done
    echo $n
}
# Flows of one process of the agent alone.
one_cookie() { equal "$(cookies | wc -l)" 1; }
n_flows_is() { equal "$(n_flows)" "$1"; }

host_up
check "uplink" make_uplink up
check "inspector" make_inspector vms 1 up -
began=$SECONDS
need "RabbitMQ" broker
need "MariaDB" database
configure
need "Neutron's tables" tables
need "Neutron's server" server
check "a provider bridge" bridge br-ex
check "a host behind it" make_vm ext br-ex ip=10.0.9.9/24 id=none iface=none
need "Neutron's agent" agent
diag "all up in $((SECONDS - began)) s"
is "it has made br-int, on the userspace datapath" \
    "$(ovs-vsctl get Bridge br-int datapath_type)" netdev
check "and br-tun" ovs-vsctl br-exists br-tun
check "inspected" ovs-vsctl --timeout=20 set Bridge br-int \
    "inspectors=$(row Inspector vms)"
# VMs that say nothing by themselves would be forgotten.
check "its MAC table does not age" ovs-vsctl --timeout=20 set Bridge br-int \
    other_config:mac-aging-time=3600

group=$(create security_group '"name":"talk"')
need "a group" test -n "$group"
check "it lets ICMP in" rule_of_group icmp
check "and UDP" rule_of_group udp
blue=$(network blue 10.0.2.0/24)
need "a network" test -n "$blue"
need "VM na" neutron_vm na "$blue" 10.0.2.11 fa:16:3e:00:02:11
need "VM nb" neutron_vm nb "$blue" 10.0.2.12 fa:16:3e:00:02:12
for v in na nb; do check_soon "VM $v is active" 60 active $v; done
is "the agent has put it into its network" "$(ovs-vsctl get Port \
    "${TAP[na]}" other_config:net_uuid | tr -d '"')" "$blue"
is "os-vif has said whose it is" "$(for k in iface-id vm-uuid; do
    ovs-vsctl get Interface "${TAP[na]}" "external_ids:$k"
    done | tr -d '"' | tr '\n' ' ')" "${PORT_ID[na]} ${VM_UUID[na]} "
check "server nb" serve nb
check_soon "uplink active" 5 uplink_active up

diag "$(n_flows) flows in br-int, $(ovs-ofctl dump-flows br-tun |
    grep -c cookie=) in br-tun"
check "its flows use connection tracking" eval \
    'ovs-ofctl dump-flows br-int | grep -q "ct(.*zone=NXM_NX_REG6"'
check "all under one cookie" one_cookie
once "Neutron" na nb 10.0.2.12
check "no flow has our action" no_flow_of_ours
check "the datapath has it" datapath_has_it
check "records have Neutron's ports" records \
    "src_port == $port and src_vm.iface == '${PORT_ID[na]}' and
     src_vm.mac == 'fa:16:3e:00:02:11' and
     dest_vm.iface == '${PORT_ID[nb]}'"

# Groups.
settle vms
before=$(inspected)
check "what the group refuses does not get through" not tcp
sleep 0.3
is "nor is it inspected" $(($(inspected) - before)) 0
tcp_rule=$(rule_of_group tcp)
check_soon "the group lets TCP in" 40 tcp
once "after a change of the group" na nb 10.0.2.12
check "and no more" api DELETE "security-group-rules/$tcp_rule"
check_soon "TCP is refused again" 40 not tcp

# The agent takes the loss of a flow in table 23 for a restart of the switch,
# and makes everything anew.
resync() {
    ovs-ofctl del-flows br-int table=23 &&
        sandbox_wait 120 agent_said 'OVS is restarted' &&
        sandbox_wait 120 n_flows_is "$n_before" && sleep 5
}
n_before=$(n_flows)
meanwhile "the agent makes everything anew" resync
is "as many flows" "$(n_flows)" "$n_before"
once "after a resync" na nb 10.0.2.12

# Without the agent, and with another, which deletes what the old one made.
restart() {
    sandbox_kill agent && sleep 2 && agent && sandbox_wait 120 one_cookie
}
before=$(cookies)
meanwhile "the agent ends, another begins" restart
check "under another cookie" not test "$before" = "$(cookies)"
is "as many flows" "$(n_flows)" "$n_before"
once "after a restart of the agent" na nb 10.0.2.12
check "no flow has our action still" no_flow_of_ours

# The switch goes, with all flows, and comes again.
check "the switch ends" switch_stop
check "it comes again" switch_start
check_soon "the agent programs it" 120 vm na ping -q -c 1 -W 1 10.0.2.12
once "after a restart of the switch" na nb 10.0.2.12
check_soon "as many flows still" 60 n_flows_is "$n_before"

# Off, and what only an inspector that may touch packets can do.
check "the inspector is off" ovs-vsctl --timeout=20 set Inspector vms \
    enabled=false
sleep 0.5
is "the agent's flows are as many" "$(n_flows)" "$n_before"
check "on again" ovs-vsctl --timeout=20 set Inspector vms enabled=true
check "a drop rule" eval 'ovs-vsctl --timeout=20 set Inspector vms \
    mode=inline && ovs-inspectctl add-rule vms no-echo action=drop \
    service=udp/7'
is "takes effect" \
    "$(vm na timeout 5 "$traffic" udp 10.0.2.12 7 3 100 6001)" 0
check "gone" ovs-inspectctl del-rule vms no-echo
once "inline" na nb 10.0.2.12
check "tap again" ovs-vsctl --timeout=20 clear Inspector vms mode

# A trunk: os-vif makes a bridge for it, which the agent wires to br-int.
green=$(network green 10.0.1.0/24)
sub=$(neutron_port "$green" 10.0.1.1 52:54:00:00:77:01)
need "a subport" test -n "$sub"
need "VM trunk" neutron_vm trunk "$blue" 10.0.2.13 52:54:00:00:77:01 \
    "\"sub_ports\":[{\"port_id\":\"$sub\",\"segmentation_type\":\"vlan\",$(:
    )\"segmentation_id\":100}]"
need "VM s5" neutron_vm s5 "$green" 10.0.1.2 fa:16:3e:00:01:02
for v in trunk s5; do check_soon "VM $v is active" 60 active $v; done
trunk_bridge=$(ovs-vsctl iface-to-br "${TAP[trunk]}")
check "the trunk has its bridge" eval '[[ $trunk_bridge == tbr-* ]]'
check "inspected" ovs-vsctl --timeout=20 set Bridge "$trunk_bridge" \
    "inspectors=$(row Inspector vms)"
check "server s5" serve s5
has_subport() { ovs-vsctl list-ports "$trunk_bridge" | grep -q ^spt-; }
check_soon "the agent has wired the subport" 60 has_subport
vm s5 ip neigh replace 10.0.1.1 lladdr 52:54:00:00:77:01 dev eth0
subport 100 s5 10
flush vms
check_soon "one connection, in the VLAN of the VM, of the trunk's VM" 3 \
    records "src_port == 4201 and src_vm.id == '$(vm_id trunk)' and
        src_vm.iface == '${PORT_ID[trunk]}' and
        dest_vm.id == '$(vm_id s5)' and 100 in (vlan or []) and
        flow.pkts_toserver == 10 and flow.pkts_toclient == 10"
once "the trunk's own network" trunk nb 10.0.2.12
check "no flow has our action in any bridge" no_flow_of_ours

# Out of the host, by the provider bridge: not between VMs.  The firewall's flows
# never let br-int learn who is outside, and so it floods what goes there: a
# copy to br-int's own port, too, and apart from what comes back.
ex=$(network ex 10.0.9.0/24 ",\"provider:network_type\":\"flat\",$(:
    )\"provider:physical_network\":\"physnet1\"")
need "VM nc" neutron_vm nc "$ex" 10.0.9.11 fa:16:3e:00:09:11
check_soon "VM nc is active" 60 active nc
check "the host outside probes no neighbour" quiet ext
check "server ext" serve ext
out() {             # LOCAL-PORT: inspections of 20 datagrams and their echo.
    local before
    settled nc 10.0.9.9
    before=$(inspected)
    equal "$(vm nc "$traffic" udp 10.0.9.9 7 20 100 "$1")" 20 || return 1
    sleep 0.3
    echo $(($(inspected) - before))
}
is "vm-to-vm: what leaves the host is left alone" "$(out 6101)" 0
check "select=vm" ovs-vsctl --timeout=20 set Inspector vms select=vm
is "br-int has what is delivered there, and the copies to itself" \
    "$(out 6102)" 40
check "br-ex, too" ovs-vsctl --timeout=20 set Bridge br-ex \
    "inspectors=$(row Inspector vms)"
is "and what leaves" "$(out 6103)" 60
flush vms
check_soon "of the VM, with nobody of this host" 3 records \
    "src_port == 6103 and src_vm.id == '$(vm_id nc)' and not dest_vm and
     flow.pkts_toserver == 40 and flow.pkts_toclient == 0"
check "what comes back is another half" records \
    "dest_port == 6103 and dest_vm.id == '$(vm_id nc)' and
     flow.pkts_toserver == 20 and flow.pkts_toclient == 0"
once "between VMs as before" na nb 10.0.2.12
check "vm-to-vm again" ovs-vsctl --timeout=20 clear Inspector vms select

# A VM goes.
is "a last word" "$(vm na "$traffic" udp 10.0.2.12 7 1 100 6201)" 1
check "VM nb is unplugged" vif unplug nb fa:16:3e:00:02:12
check "and its port deleted" api DELETE "ports/${PORT_ID[nb]}"
check_soon "its connection ended as detached" 5 records \
    "src_port == 6201 and dest_vm.id == '$(vm_id nb)' and
     inspect.end == 'detached'"
no_flow_of_nb() { ! ovs-ofctl dump-flows br-int | grep fa:16:3e:00:02:12; }
check_soon "the agent has taken its flows away" 60 no_flow_of_nb
is "nothing was lost" "$(stats vms lost)" 0
for s in agent server broker epmd database; do sandbox_kill $s; done
host_down
done_testing
