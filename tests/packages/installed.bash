#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the RPM packages hold, at work: for rpm.sh.
#
#   $ROOT, unpacked packages       the sandbox
#   ------------------------       ------------------------------------------
#   usr/libexec/ovs-ext  ------->  /usr/libexec/ovs-ext, its final place
#   usr/bin/ovs-inspect* ------->  in PATH
#   .../50-ovs-ext.conf  ------->  Environment= of the start script
#
#   start script of "the distribution": the same ovs-ctl with folders of its
#   own, in which ovs-vswitchd and ovsdb-server are programs that only fail
#
#   VM a --- br0 (netdev), inspector --- VM b        ==TLS==> collector
#
# Mutations that make it fail: leave OVS_SBINDIR, OVS_PKGDATADIR or PATH out of
# rhel/50-ovs-ext.conf; leave ovs-save, or %preun, out of the spec; no hold in
# rhel/50-ovs-ext-hold.conf.
. "$(dirname "$0")/../system/lib.sh"

export ROOT PREUN PREFIX=/usr/libexec/ovs-ext
ours=$ROOT$PREFIX

# A /usr/libexec that only this sandbox sees: what the host has there, and
# the packages' folder.
put_in_place() {
    local entry was=$SANDBOX_DIR/libexec
    mkdir "$was" && mount --bind /usr/libexec "$was" &&
    mount -t tmpfs tmpfs /usr/libexec || return 1
    for entry in "$was"/*; do
        test "$entry" = "$was/ovs-ext" || ln -s "$entry" /usr/libexec/
    done
    cp -a "$ours" /usr/libexec/
}
if sandbox_inside; then
    put_in_place || exit 1
fi
export LIMIT=240
system_test "$@"
PATH=$PATH:$ROOT/usr/bin

distribution=$SANDBOX_DIR/distribution
units=$ROOT/usr/lib/systemd/system

# The start script of a package "openvswitch" in other folders.
distribution_init() {
    local program script
    mkdir -p "$distribution/sbin" "$distribution/bin" &&
    cp -r "$ours/share" "$distribution/share" &&
    rm "$distribution/share/openvswitch/vswitch.ovsschema" || return 1
    for script in "$distribution"/share/openvswitch/scripts/*; do
        sed -i "s,$PREFIX,$distribution,g" "$script" || return 1
    done
    for program in ovs-vswitchd ovsdb-server; do
        printf '#!/bin/sh\necho "%s of the distribution" >&2\nexit 1\n' \
            $program >"$distribution/sbin/$program"
    done
    for program in ovs-ofctl ovs-vsctl ovs-appctl; do
        printf '#!/bin/sh\necho "%s of the distribution" >&2\nexit 1\n' \
            $program >"$distribution/bin/$program"
    done
    # No module is loaded into this kernel.
    mkdir "$SANDBOX_DIR/no-module"
    printf '#!/bin/sh\n' >"$SANDBOX_DIR/no-module/modprobe"
    chmod +x "$distribution"/*bin/* "$SANDBOX_DIR/no-module/modprobe"
}

# service UNIT OPTION COMMAND: as the unit does with our drop-in.
service() {
    local words
    mapfile -t words < <(sed -n 's/^Environment=//p' \
                         "$units/$1.service.d/50-ovs-ext.conf")
    # Tools of a distribution stand in /usr/bin.
    words=("${words[@]//:\/usr\/bin:/:$distribution\/bin:\/usr\/bin:}")
    words=("${words[@]/#PATH=/PATH=$SANDBOX_DIR/no-module:}")
    env PATH="$SANDBOX_DIR/no-module:$distribution/bin:$ORIGINAL_PATH" \
        "${words[@]}" \
        "$distribution/share/openvswitch/scripts/ovs-ctl" \
        --no-monitor --system-id=host-1 "$2" "$3"
}
# unit_runs OPTION: what ovs-vswitchd.service does before or after a start.
unit_runs() {
    local words
    read -ra words < <(sed -n "s/^$1=-//p" \
        "$units/ovs-vswitchd.service.d/50-ovs-ext-hold.conf")
    test ${#words[@]} = 2 && env PATH="$ORIGINAL_PATH" "${words[@]}"
}
# The same without the drop-in.
without() {
    env PATH="$SANDBOX_DIR/no-module:$ORIGINAL_PATH" \
        "$distribution/share/openvswitch/scripts/ovs-ctl" \
        --no-monitor --system-id=host-1 "$@"
}
runs() { test "$(readlink "/proc/$(cat "$OVS_RUNDIR/$1.pid")/exe")" = "$2"; }
ORIGINAL_PATH=/usr/sbin:/usr/bin:/sbin:/bin

for program in "$PREFIX"/bin/* "$PREFIX"/sbin/* "$ROOT"/usr/bin/*; do
    check "${program##*/} --version" "$program" --version
done
need "a start script of the distribution" distribution_init
check "without the drop-in it starts its own" \
    not without --no-ovs-vswitchd start
need "ovsdb-server starts" service ovsdb-server --no-ovs-vswitchd start
need "ovs-vswitchd starts" service ovs-vswitchd --no-ovsdb-server start
check "ovsdb-server is ours" runs ovsdb-server "$PREFIX/sbin/ovsdb-server"
check "ovs-vswitchd is ours" runs ovs-vswitchd "$PREFIX/sbin/ovs-vswitchd"
check "the database has inspectors" ovs-vsctl list Inspector

need "certificates" pki_init
need "the collector starts" collector_start
need "a bridge" bridge br0
need "VM a" make_vm a br0 ip=10.0.0.1/24
need "VM b" make_vm b br0 ip=10.0.0.2/24
check "an uplink" make_uplink up
check "an inspector" make_inspector vms 1 up br0 mode=inline
check_soon "the uplink is active" 10 uplink_active up
check "the VMs speak" vm a ping -c 3 -i 0.2 -W 2 10.0.0.2
check "it is seen" test "$(stats vms inspected_packets)" -ge 6
check "ovs-inspectctl show" ovs-inspectctl show
flush
check_soon "the collector has it" 10 test -s "$RECORDS_FILE"
records_there() { test "$(records 'proto == "ICMP"')" -ge 1; }
check_soon "a connection of both VMs" 10 records_there

# A restart as an upgrade of the package asks for.
check "a flow with the action" ovs-ofctl add-flow br0 \
    'priority=7,ip,actions=inspect(id=1,tap),NORMAL'
check "ovs-vswitchd restarts" service ovs-vswitchd --no-ovsdb-server restart
check "it is ours again" runs ovs-vswitchd "$PREFIX/sbin/ovs-vswitchd"
kept() { ovs-ofctl dump-flows br0 | grep -q 'priority=7,ip.*inspect(id=1'; }
check "the flow is still there" kept
check "the VMs still speak" vm a ping -c 1 -W 5 10.0.0.2

# A start as of "systemctl restart" or of a host that boots: a rule holds from
# the first packet on.
waits() {
    test "$(ovs-vsctl --no-wait get Open_vSwitch . \
        other_config:flow-restore-wait)" = '"true"'
}
pings_start() {
    vm a ping -i 0.01 -c 3000 10.0.0.2 >"$SANDBOX_DIR/out/pings" 2>&1 &
    PINGS=$!
}
pings_stop() {
    kill -INT "$PINGS"
    wait "$PINGS"
    grep ' 0 received' "$SANDBOX_DIR/out/pings" || {
        tail -n 3 "$SANDBOX_DIR/out/pings"
        return 1
    }
}
for_good() {
    local mac
    mac=$(vm "$2" cat /sys/class/net/eth0/address) &&
    vm "$1" ip neigh replace "$3" lladdr "$mac" nud permanent dev eth0
}
connects() {
    vm a timeout 2 bash -c 'exec 3<>/dev/tcp/10.0.0.2/7'
}
need "neighbours that need not be asked for" \
    eval 'for_good a b 10.0.0.2 && for_good b a 10.0.0.1'
need "a server" vm_spawn b server /usr/bin/python3 -m http.server 7
check "a rule that drops" \
    ovs-inspectctl add-rule vms no-icmp action=drop service=icmp
check_soon "it holds" 5 not vm a ping -c 1 -W 1 10.0.0.2
check "the switch stops" service ovs-vswitchd --no-ovsdb-server stop
pings_start
check "ExecStartPre" unit_runs ExecStartPre
check "bridges will wait" waits
check "ovs-vswitchd starts" service ovs-vswitchd --no-ovsdb-server start
check "ExecStartPost" unit_runs ExecStartPost
check "they wait no more" not waits
check_soon "what is allowed passes" 10 connects
check "nothing that the rule drops has passed" pings_stop

# What removal does, before the distribution's switch comes next.
preun() {
    /bin/sh -s "$1" <"$PREUN"
}
without_action() {
    ovs-ofctl dump-flows br0 | grep -q 'priority=7,ip actions=NORMAL$'
}
check "a flow with the action" ovs-ofctl add-flow br0 \
    'priority=7,ip,actions=inspect(id=1,tap),NORMAL'
check "%preun is there" grep without-inspect "$PREUN"
check "an upgrade leaves flows alone" preun 1
check "it is there" kept
check "a removal does not" preun 0
check "it is there without the action" without_action

probe() {
    ovs-inspect-probe -r "$TESTS_HOME/../pcap/app-dns/input.pcap" \
        --only dns | grep -q '"event_type":"dns"'
}
check "the probe reads a capture" probe
host_down
done_testing
