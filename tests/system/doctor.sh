#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ovs-inspectctl doctor finds what is wrong, and says what to do.
#
# An installation in order first: nothing but notes, exit status 0.  Then one
# fault after the other is made for real, found under its name with its
# severity, mended as the advice says, and gone:
#
#     database, schema, ovs-vswitchd, release, tools      (the programs)
#     datapath, inspector, rule, coverage, size, ...      (the rows)
#     uplink, certificate, spool, system-id               (the way out)
#     dpdk, offload, clock, crash                         (the host)
#
# Mutations that make it fail: let is_used() say true; compare SOON_DAYS with
# seconds; leave out examine_schema().
PKI_DAYS=400
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
inspectctl=$(command -v ovs-inspectctl)
answer=$SANDBOX_DIR/out/doctor

# doctor [OPTION]...: its JSON in $answer; its exit status.
doctor() {
    "$inspectctl" --json "$@" doctor >"$answer" 2>"$answer.err"
}

# has SEVERITY CHECK [TEXT]: such a finding is in $answer, TEXT in its subject,
# text or advice.
has() {
    /usr/bin/python3 - "$answer" "$@" <<'END'
import json
import sys
name, severity, check = sys.argv[1:4]
text = sys.argv[4] if len(sys.argv) > 4 else ''
for f in json.load(open(name))['findings']:
    if (f['severity'], f['check']) == (severity, check) and f['advice'] \
            and text in ' '.join((f['subject'], f['text'], f['advice'])):
        sys.exit(0)
print(open(name).read())
sys.exit(1)
END
}

# finds SEVERITY CHECK TEXT [OPTION]...
finds() {
    local severity=$1 check=$2 text=$3 status
    shift 3
    doctor "$@"
    status=$?
    case $severity in
    error) test $status = 2 || return 1 ;;
    warning) test $status -ge 1 || return 1 ;;
    esac
    has "$severity" "$check" "$text"
}

# Nothing to do; the answer if there is.
is_well() {
    doctor || {
        cat "$answer" "$answer.err"
        return 1
    }
}

# fault WHAT SEVERITY CHECK TEXT: is there now, within the time that a status
# takes.
fault() {
    check_soon "$1" 8 finds "$2" "$3" "$4"
}

# mended WHAT
mended() {
    check_soon "$1: mended" 10 is_well
}

host_up
check "bridge" bridge br0
check "uplink" make_uplink up
check "inspector" make_inspector vms 1 up br0 mode=inline
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7
check "traffic" vm a "$traffic" udp 10.0.0.2 7 20 100 4000
check_soon "in order: nothing to do" 10 is_well
check "in words as well" eval '"$inspectctl" doctor | tail -n 1 |
    grep -q "^0 errors, 0 warnings, "'
check "an argument is refused" eval '"$inspectctl" doctor now; test $? = 2'

# Programs.
finds_database() { finds error database ovs-ctl "--db=unix:$SANDBOX_DIR/no"; }
check "no database" finds_database
check "no ovs-vswitchd" finds error ovs-vswitchd "is it running" \
    --target=nobody
db_ctl=$(echo "$OVS_RUNDIR"/ovsdb-server.*.ctl)
check "a daemon without the inspector" finds error ovs-vswitchd \
    update-alternatives "--target=$db_ctl"

# Schemas: Open vSwitch's own, and one of ours that lacks a column.
old_schema() {      # NAME: from standard input.
    cat >"$SANDBOX_DIR/$1.ovsschema" &&
    ovsdb-tool create "$SANDBOX_DIR/$1.db" "$SANDBOX_DIR/$1.ovsschema" &&
    old_server "$1"
}
old_server() {
    ovsdb-server "$SANDBOX_DIR/$1.db" --detach --no-chdir \
        --remote="punix:$SANDBOX_DIR/$1.sock" \
        --pidfile="$SANDBOX_DIR/$1.pid" --unixctl="$SANDBOX_DIR/$1.ctl" \
        --log-file="$SANDBOX_DIR/out/$1.log" -vconsole:off -vsyslog:off
}
without() {         # PYTHON: what is deleted of "tables".
    /usr/bin/python3 - "$SANDBOX_SCHEMA" "$1" <<'END'
import json
import sys
schema = json.load(open(sys.argv[1]))
tables = schema['tables']
exec(sys.argv[2])
schema.pop('cksum', None)
schema['version'] = '8.3.0'
print(json.dumps(schema))
END
}
without '
for t in [t for t in tables if t.startswith("Inspect")]:
    del tables[t]
del tables["Bridge"]["columns"]["inspectors"]' |
    check "a database of Open vSwitch itself" old_schema plain
without 'del tables["Inspector"]["columns"]["flow_limit"]' |
    check "a database of an older ovs-ext" old_schema older
plain=unix:$SANDBOX_DIR/plain.sock
older=unix:$SANDBOX_DIR/older.sock
check "no tables: found" finds error schema "Inspector, Inspect_Uplink" \
    "--db=$plain"
check "... and the bridge's column" has error schema Bridge.inspectors
check "a column that is missing: found" finds error schema \
    Inspector.flow_limit "--db=$older"
for db in plain older; do
    check "$db: converted as the advice says" ovsdb-client convert \
        "unix:$SANDBOX_DIR/$db.sock" "$SANDBOX_SCHEMA"
    check "$db: restarted" eval 'ovs-appctl -t "$SANDBOX_DIR/$db.ctl" exit &&
        sandbox_wait 5 test ! -e "$SANDBOX_DIR/$db.pid" && old_server $db'
    doctor "--db=unix:$SANDBOX_DIR/$db.sock"
    check "$db: mended" not has error schema
    kill "$(cat "$SANDBOX_DIR/$db.pid")"
done

# Another release: the same program with another number in it.
release=$("$inspectctl" --json show | /usr/bin/python3 -c '
import json, sys; print(json.load(sys.stdin)["release"])')
other=$(echo "$release" | tr 0-9 1-90)
sed "s/$release/$other/g" "$inspectctl" >"$SANDBOX_DIR/ovs-inspectctl"
chmod +x "$SANDBOX_DIR/ovs-inspectctl"
inspectctl=$SANDBOX_DIR/ovs-inspectctl
fault "ovs-vswitchd of another release" warning version \
    "of release $release, ovs-inspectctl of $other"
inspectctl=$(command -v ovs-inspectctl)
mended "one release"
mkdir "$SANDBOX_DIR/empty"
PATH=/usr/bin:/bin:$SANDBOX_DIR/empty fault "ovs-ofctl of another, or none" \
    warning version ovs-ofctl
check "ovs-vsctl, too" has warning version "ovs-vsctl that the shell finds"

# Rows.
vms() { ovs-vsctl set Inspector vms "$@"; }
check "a bridge in the kernel" ovs-vsctl --no-wait add-br brk \
    -- set Bridge brk datapath_type=system inspectors="$(row Inspector vms)"
fault "a bridge in the kernel: found" error datapath brk
check "... and by the inspector" has error inspector brk
check "it goes" ovs-vsctl --no-wait del-br brk
mended "the kernel's bridge"
check "flow_limit=100000000" vms flow_limit=100000000
fault "more memory than there is: figures" error inspector "GiB of memory"
check "size says the same" eval '"$inspectctl" size 100000000 |
    grep -q "GiB, and .* can be had"'
check "the table that was stays" status_matches Inspector vms error \
    "previous table stays"
check "flow_limit as ever" ovs-vsctl clear Inspector vms flow_limit
mended "flow_limit"
check "a rule that cannot be" ovs-vsctl --id=@r create Inspect_Rule name=r1 \
    slot=2 action=redirect -- add Inspector vms rules @r
fault "a rule that cannot be: found" error rule r1
check "it goes" ovs-inspectctl del-rule vms r1
mended "the rule"
check "a VM that is mistyped in a rule" ovs-inspectctl add-rule vms r1 \
    action=drop source="vm:vm-aa,vm:$(vm_id a)" service=tcp/9
fault "a VM that is mistyped in a rule: said" note inspector \
    "what its rules name: vm:vm-aa"
is "status says it" "$(ovs-vsctl get Inspector vms status:absent)" '"vm:vm-aa"'
is "and inspect/show" "$(ovs-appctl inspect/show --json vms |
    grep -o '"absent":"[^"]*"')" '"absent":"vm:vm-aa"'
check "it is no error" is_well
uuid=$(vm_id b)
check "there is one" ovs-vsctl set Interface b external_ids:vm-uuid=vm-aa
check_soon "nothing to say" 8 not finds note inspector vm:vm-aa
check "there is none" ovs-vsctl set Interface b "external_ids:vm-uuid=$uuid"
fault "there is none any more: said" note inspector vm:vm-aa
check "it goes" ovs-inspectctl del-rule vms r1
check "a rule that drops" ovs-inspectctl add-rule vms r1 action=drop \
    service=tcp/9
check "inline: nothing to say" not finds note rules mode=inline
check "mode=tap" vms mode=tap
fault "a rule that a tap does not carry out: said" note rules mode=inline
check "inline" vms mode=inline
check "it goes" ovs-inspectctl del-rule vms r1
check "no such flow" not finds note flows "inspect(id=N)"
check "a flow with an id that no inspector has" ovs-ofctl add-flow br0 \
    'priority=9,arp,actions=inspect(id=99),NORMAL'
check "an ARP request is due" vm a ip neigh flush dev eth0
check "traffic" vm a ping -q -c 1 10.0.0.2
fault "packets of that id: said" note flows "inspect(id=N)"
check "it goes" ovs-ofctl del-flows br0 arp
check "a function without a port" ovs-inspectctl add-function vms f1 slot=4 \
    input=nowhere
fault "a function without a port: found" error function no-port
check "it goes" ovs-inspectctl del-function vms f1
mended "the function"
check "enabled=false" vms enabled=false
fault "switched off: said, not complained of" note inspector enabled=true
check "... the ports are unprotected" has warning coverage disabled
check "enabled=true" vms enabled=true
mended "switched off"
check "taken off the bridge" ovs-vsctl clear Bridge br0 inspectors
fault "on no bridge" warning inspector "ovs-inspectctl enable"
check "... and so no VM is seen" has warning coverage "no inspector"
check "back" ovs-vsctl add Bridge br0 inspectors "$(row Inspector vms)"
mended "on no bridge"
check "readers-off" vms other_config:readers-off=dns
fault "a reader is off" warning readers dns
check "back" ovs-vsctl remove Inspector vms other_config readers-off
mended "readers"
check "metadata-level" vms other_config:metadata-level=connections
fault "records are cut down" warning metadata '"connections"'
check "back" ovs-vsctl remove Inspector vms other_config metadata-level
mended "metadata"
check "flow_limit=8" vms flow_limit=8
check "in force" in_force vms
check "200 connections" vm a "$traffic" connections 10.0.0.2 7 200 20
fault "connections make room" warning connections flow_limit
check "flow_limit as ever" ovs-vsctl clear Inspector vms flow_limit
mended "connections"

# The way out.
sandbox_kill collector
fault "the collector is gone" error uplink "uplink-test up"
check "... with the reason" has error uplink refused
# Or records of so little traffic are too many for it.
check "no budget" vms other_config:metadata-budget=100
check "a small spool" ovs-vsctl set Inspect_Uplink up \
    "spool_dir=$SANDBOX_DIR/spool" spool_max_bytes=1048576 \
    other_config:queue-limit=64
spool_fills() {
    vm a "$traffic" connections 10.0.0.2 7 400 20
    flush
    finds warning spool spool_max_bytes
}
check_soon "the spool is nearly full" 60 spool_fills
check "the collector is back" collector_start
check_soon "all is sent" 30 uplink_active up
check "a large spool" ovs-vsctl clear Inspect_Uplink up spool_max_bytes
# Doctor does not forget what a slow machine had to drop meanwhile.
forget_drops() {
    finds warning uplink "were dropped" || return 0
    diag "records were dropped: the row begins anew"
    check "destroyed" ovs-vsctl destroy Inspect_Uplink up
    check "made anew" make_uplink up
    check "named" vms "uplinks=$(row Inspect_Uplink up)"
}
forget_drops
mended "the uplink"
sandbox_kill collector
small=$SANDBOX_DIR/small
check "a small disk" eval 'mkdir "$small" &&
    mount -t tmpfs -o size=64k tmpfs "$small"'
check "a collector on it" collector_start "--journal=$small/journal"
check_soon "connected" 30 uplink_active up
dd if=/dev/zero of="$small/filler" bs=4k 2>/dev/null
check "traffic" vm a "$traffic" connections 10.0.0.2 7 400 20
flush
check_soon "a collector that takes nothing: found" 90 finds warning uplink \
    "collector/show"
check "there is room again" mount -o remount,size=64m "$small"
check_soon "all is taken" 60 not finds warning uplink "collector/show"
forget_drops
mended "the collector's disk"
PKI_DAYS=29 pki_cert site sensor "$SENSOR" "DNS:$SENSOR"
fault "a certificate that ends soon" warning certificate "expires in"
PKI_DAYS=400 pki_cert site sensor "$SENSOR" "DNS:$SENSOR"
mended "the certificate"
check "an uplink that nobody names" make_uplink spare
fault "an uplink that nobody names: found" warning uplink spare
check "it goes" ovs-vsctl destroy Inspect_Uplink spare
mended "the spare uplink"
check "no system-id" ovs-vsctl remove Open_vSwitch . external_ids system-id
fault "no system-id: found" warning system-id external_ids:system-id
check "back" ovs-vsctl set Open_vSwitch . external_ids:system-id="$SENSOR"
mended "system-id"

# The host.
other() { ovs-vsctl --no-wait set Open_vSwitch . other_config:"$1"; }
check "hw-offload" other hw-offload=true
fault "packets may pass in hardware" warning offload hw-offload
check "back" ovs-vsctl remove Open_vSwitch . other_config hw-offload
if test "$(ovs-vsctl get Open_vSwitch . dpdk_initialized)" = false; then
    check "dpdk-init without DPDK or huge pages" other dpdk-init=true
    fault "DPDK does not run" error dpdk "huge pages of"
    check "back" ovs-vsctl remove Open_vSwitch . other_config dpdk-init
fi
mended "options"
# To this program alone the clock has been set; dates of certificates, too.
tomorrow() {
    NO_FAKE_STAT=1 FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f "$1" \
        "$inspectctl" --json doctor >"$answer" 2>"$answer.err"
    has "${@:2}"
}
if command -v faketime >/dev/null; then
    check "the clock was set" tomorrow +1d warning clock "+86400 s"
    check "set back" tomorrow -1d warning clock "-86400 s"
    check "a certificate has expired" tomorrow +401d error certificate expired
else
    skip "the clock was set" "no faketime"
fi
kernel_says() {
    /usr/bin/python3 -c '
import ctypes
buffer = ctypes.create_string_buffer(4096)
exit(ctypes.CDLL(None).adjtimex(buffer) != 5)'
}
doctor
if kernel_says; then
    check "nothing keeps the clock: said" has note clock "chrony"
else
    check "the clock is kept: nothing said" not has note clock "chrony"
fi

# ovs-vswitchd that is not there, was replaced, has crashed.
check "ovs-vswitchd ends" switch_stop
check "a change meanwhile" ovs-vsctl --no-wait set Inspector vms \
    next_cfg=77
check "it is not running: found" finds error ovs-vswitchd "ovs-ctl start"
check "the change waits: found" has warning inspector "change 77"
cp "$(command -v ovs-vswitchd)" "$SANDBOX_DIR/ovs-vswitchd"
PATH=$SANDBOX_DIR:$PATH switch_start
mended "ovs-vswitchd"
rm "$SANDBOX_DIR/ovs-vswitchd"
fault "it was replaced on disk" warning version "has been replaced"
pid=$(switch_pid)
kill -SEGV "$pid"
check_soon "it crashes" 5 switch_gone "$pid"
rm -f "$OVS_RUNDIR/ovs-vswitchd.pid"
check "it starts again" switch_start
fault "a crash report: found" warning crash inspect-crash
rm -f "$OVS_LOGDIR"/inspect-crash.*
# The old log has the signal in it.
rm -f "$OVS_LOGDIR"/ovs-vswitchd.log
appctl vlog/reopen >/dev/null
mended "after all"
host_down
done_testing
