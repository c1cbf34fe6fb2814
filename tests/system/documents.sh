#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every command of the documents: build-aux/documents.py finds them, this runs
# them as they stand, document by document, on a host that has what they name.
#
#     a b (VMs, as in README.md) ---+           /etc, where it is written,
#     vm1 vm2 (rules.md) -----------+  br-int   /etc/hosts, /var/log, /var/lib,
#     web1 db1 (troubleshooting.md) +           /var/spool are this sandbox's
#     web app (quickstart.md) ------+           own; names of collectors are
#     ips waf fw ids (functions, ---+           127.0.0.1
#       which forward)
#
# A "test:" comment above a block names what of this file comes before it
# (before_...) and what must be true after it (then_...); a document whose
# name has a doc_... begins with that.
#
# Mutations that make it fail: a wrong word in any command of a document; let
# "enabled=false" be looked at only at the next start (ovs-ext/rows.c).
. "$(dirname "$0")/lib.sh"
system_test "$@"

top=$TESTS_HOME/../..
traffic=$TESTS_HOME/traffic.py
work=$SANDBOX_DIR/work
said=$SANDBOX_DIR/out/block
plan=$SANDBOX_DIR/plan
A_ID=0b5c0d4e-8a0e-4bb5-9d3c-6f0a3f4f6a11
NAMES="soc.example.org soc.example.com collector.example.com a.example.com
    b.example.com"

# The host
# --------

# What documents call by absolute names, without touching this machine's.
private_folders() {
    local d
    cp -a /etc "$SANDBOX_DIR/etc-copy" 2>/dev/null
    mount --bind "$SANDBOX_DIR/etc-copy" /etc || return 1
    for d in /var/log /var/lib /var/spool; do
        mount -t tmpfs tmpfs $d || return 1
    done
    mkdir -p /etc/openvswitch/inspect /etc/ovs-inspect \
        /var/lib/openvswitch /var/log/openvswitch "$work/bin" "$plan"
    # shellcheck disable=SC2086
    echo 127.0.0.1 localhost "$(hostname)" $NAMES >/etc/hosts
    PATH=$work/bin:$PATH
}

# For a collector under every name, and a sensor under the host's.
credentials() {
    local f name names=DNS:localhost,IP:127.0.0.1
    for name in $NAMES; do
        names=$names,DNS:$name
    done
    SENSOR=$(hostname)
    pki_ca site && pki_cert site collector collector "$names" &&
        pki_cert site sensor "$SENSOR" "DNS:$SENSOR" || return 1
    for f in /etc/openvswitch/inspect/host "$work/sensor"; do
        cp "$PKI/sensor.key" "$f.key" && cp "$PKI/sensor.pem" "$f.pem"
    done
    for f in "$work/soc" /etc/ovs-inspect/collector; do
        cp "$PKI/collector.key" "$f.key" &&
            cp "$PKI/collector.pem" "$f.pem"
    done
    for f in /etc/openvswitch/inspect/ca.pem "$work/ca.pem" \
             /etc/ovs-inspect/sensors-ca.pem; do
        cp "$PKI/site-ca.pem" "$f"
    done
}

machines() {
    local name n=0
    for name in a b vm1 vm2 web1 db1 web app; do
        n=$((n + 1))
        make_vm $name br-int ip=10.0.0.$n/24 \
            "$(test $name = a && echo id=$A_ID)" || return 1
        ovs-vsctl set Interface $name external_ids:project=blue \
            external_ids:role=${name%1}
    done
    for name in ips waf fw ids; do
        make_function $name br-int || return 1
    done
    vm_spawn b serve80 "$traffic" serve 80
    vm_spawn b serve23 "$traffic" serve 23
    vm_spawn vm2 serve-vm2 "$traffic" serve 80
    vm_spawn db1 serve-db1 "$traffic" serve 5432
    sandbox_wait 10 vm_listens b tcp 80 &&
        sandbox_wait 10 vm_listens b tcp 23
}

# appliance NAME: it forwards.  Not before it is a function: until then its
# ports are ordinary ones, and it would close a loop.
appliance() {
    if test ! -e "$SANDBOX_DIR/pid/$1"; then
        vm_spawn "$1" "$1" "$top/build-aux/function.py" forward in out \
            "$SANDBOX_DIR/$1.log" "$SANDBOX_DIR/$1.counts"
    fi
    sandbox_wait 15 function_is_up "$1"
}

function_is_up() {
    test "$(function_stats "$1" state)" = up
}

# As it was before any document.
clean() {
    local name pid
    for name in $BACKGROUND; do
        pid=$(cat "$SANDBOX_DIR/pid/$name")
        kill -- "-$pid" 2>/dev/null
    done
    for name in $BACKGROUND talk ips waf fw ids; do
        sandbox_kill "$name"
    done
    BACKGROUND=
    if test -e "$OVS_RUNDIR/ovs-inspect-collector.pid"; then
        timeout 10 ovs-appctl -t ovs-inspect-collector exit
    fi
    ovs-vsctl --timeout=20 -- --all destroy Inspector \
        -- --all destroy Inspect_Rule -- --all destroy Inspect_Function \
        -- --all destroy Inspect_Address_Set \
        -- --all destroy Inspect_Uplink -- del-ssl \
        -- set Open_vSwitch . external_ids:system-id="$(hostname)" &&
        ovs-ofctl del-flows br-int &&
        ovs-ofctl add-flow br-int priority=0,actions=NORMAL &&
        rm -rf /var/lib/ovs-inspect /var/log/ovs-inspect \
            /var/lib/openvswitch/* /etc/openvswitch/soc.token &&
        mkdir -p /var/lib/openvswitch
}

# What a document takes for granted
# ---------------------------------

use_i1() {
    ovs-vsctl --timeout=20 -- --id=@i create Inspector name=i1 id=1 \
        mode=inline -- add Bridge br-int inspectors @i
}

use_vms() {
    ovs-vsctl --timeout=20 -- --id=@i create Inspector name=vms id=1 \
        -- add Bridge br-int inspectors @i
}

doc_README_md() {
    cat "$top/tests/pcap/dns/input.pcap" >"$work/capture.pcap"
}

doc_Documentation_quickstart_md() {
    use_vms
    : >>"$SANDBOX_DIR/ids.log"
    : >>"$SANDBOX_DIR/records.json"
}

doc_Documentation_troubleshooting_md() {
    use_i1
    ovs-vsctl --timeout=20 create Inspect_Uplink name=soc \
        target='"ssl:127.0.0.1:4"'
}

doc_Documentation_ovs_inspect_appctl_8() {
    use_i1
}

doc_Documentation_uplink_md() {
    doc_Documentation_troubleshooting_md
}

doc_Documentation_ovs_inspect_probe_8() {
    cp "$top/tests/pcap/dns/input.pcap" "$work/a.pcap"
}

doc_Documentation_ovs_inspectctl_8() {
    ovs-vsctl set-ssl /etc/openvswitch/inspect/host.key \
        /etc/openvswitch/inspect/host.pem /etc/openvswitch/inspect/ca.pem
}

doc_Documentation_operators_md() {
    bridge tbr-1a2b3c4d-5 && ovs-inspectctl enable br-int --inspector=vms
}

doc_Documentation_sizing_md() {
    use_vms
}

doc_ovs_ext_schema_inspect_xml() {
    use_vms && ovs-vsctl set Inspector vms id=7
}

# Before a block, after a block
# -----------------------------

# One connection is over, another one is there for whoever looks: the first is
# shown for a second only.
before_talk() {
    sandbox_kill talk
    vm a ping -q -c 3 -i 0.2 10.0.0.2 &&
        vm a "$traffic" tcp 10.0.0.2 80 1000 || return 1
    vm_spawn a talk "$traffic" tcp 10.0.0.2 80 1000 600
    sandbox_wait 5 eval 'appctl inspect/flows | grep -q "10\.0\.0\.2:80"'
}

then_connected() {
    sandbox_wait 15 status_is Inspect_Uplink soc state active
}

then_seen() {
    grep -q '10\.0\.0\.1.*10\.0\.0\.2:80' "$said" &&
        grep -Eq 'protected' "$said"
}

then_recorded() {
    flush && sandbox_wait 10 grep -q "$A_ID" /var/log/ovs-inspect/records.json
}

then_ips_up() {
    appliance ips
}

then_fw_up() {
    appliance fw
}

then_through_ips() {
    local before after
    then_ips_up || return 1
    before=$(function_stats ips in)
    vm a "$traffic" tcp 10.0.0.2 80 1000 || return 1
    after=$(function_stats ips in)
    echo "packets in ips: $before, $after"
    test "$after" -gt "$before"
}

then_no_telnet() {
    ! vm a timeout 3 "$traffic" tcp 10.0.0.2 23 10
}

then_dns_and_tls() {
    grep -q '"event_type":"dns"' "$said"
}

then_off() {
    local before
    sandbox_wait 5 status_is Inspector vms state disabled || return 1
    before=$(stats vms seen_packets 2>/dev/null)
    vm a "$traffic" tcp 10.0.0.2 23 1000 || return 1
    test "$(stats vms seen_packets 2>/dev/null)" = "$before"
}

before_on_again() {
    ovs-vsctl set Inspector vms enabled=true select=flows \
        -- clear Inspector vms rules -- clear Inspector vms functions &&
        sandbox_wait 5 status_is Inspector vms state active
}

before_by_flows() {
    BEFORE_FLOWS=$(stats vms seen_packets)
}

then_by_flows() {
    vm a "$traffic" tcp 10.0.0.2 80 1000 &&
        test "$(stats vms seen_packets)" -gt "$BEFORE_FLOWS"
}

before_taps() {
    ovs-vsctl add-port br-int tap3f9c0a11-2b \
        -- set Interface tap3f9c0a11-2b type=internal
}

then_identity() {
    test "$(ovs-vsctl get Inspector vms other_config:identity-keys)" = \
        project && sandbox_wait 5 status_is Inspector vms state active &&
        ovs-vsctl del-port tap3f9c0a11-2b
}

before_no_files() {
    rm -rf "$work/"*.key "$work/"*.pem /etc/openvswitch/inspect
}

then_certificates() {
    openssl verify -CAfile "$work/inspect-ca.pem" \
        "$work/soc.example.org.pem" "$work/$(hostname).pem"
}

then_ssl_is_set() {
    test -s /etc/openvswitch/inspect/ca.pem &&
        test "$(stat -c %a /etc/openvswitch/inspect/host.key)" = 600
}

then_collector_runs() {
    timeout 10 ovs-appctl -t ovs-inspect-collector collector/show
}

before_fresh_inspectors() {
    ovs-vsctl --timeout=20 -- --all destroy Inspector \
        -- --all destroy Inspect_Uplink
}

then_inspected() {
    before_talk && sandbox_wait 5 eval \
        'test "$(stats vms inspected_packets)" -gt 10'
}

then_recorded_by_soc() {
    flush && sandbox_wait 15 grep -q "$A_ID" \
        /var/log/ovs-inspect/records.json
}

before_a_flow() {
    ovs-ofctl add-flow br-int 'priority=5,udp,actions=inspect(id=1),NORMAL' &&
        ovs-ofctl del-flows br-int udp
}

then_no_flow() {
    grep -q 'no flow inspects' "$said"
}

before_enabled_again() {
    before_fresh_inspectors && use_vms
}

then_off_by_name() {
    sandbox_wait 5 status_is Inspector vms state disabled
}

# 208 MiB, as the table in sizing.md has it for the default.
then_as_the_table_says() {
    local mib
    mib=$(sed -n 's/.*memory_bytes: \([0-9]*\)$/\1/p' "$said" | head -n 1)
    mib=$(((mib + 524288) / 1048576))
    grep "^| 262,144 | [0-9]* | [0-9]* | $mib |" \
        "$top/Documentation/sizing.md"
}

before_copy_of_the_tree() {
    local f copy=$work/tree
    mkdir -p "$copy/tests/fuzz"
    for f in lib build-aux tests/fuzz/apps.mk; do
        cp -r "$top/$f" "$copy/$f" || return 1
    done
    cp -r "$copy/." "$work/"
}

then_reader_made() {
    test -s "$work/lib/app/bgp.c" &&
        grep -q 'fuzz-app-bgp' "$work/tests/fuzz/apps.mk"
}

before_old_tls() {
    use_vms || return 1
    ovs-vsctl set Inspector vms select=all
    vm_spawn b oldtls openssl s_server -accept 443 -www -quiet -tls1 \
        -cipher 'ALL:@SECLEVEL=0' -cert "$PKI/sensor.pem" \
        -key "$PKI/sensor.key"
    sandbox_wait 5 vm_listens b tcp 443
    for _ in 1 2 3; do
        echo | vm a timeout 5 openssl s_client -connect 10.0.0.2:443 -tls1 \
            -cipher 'ALL:@SECLEVEL=0' >/dev/null 2>&1
    done
    flush
    sandbox_kill oldtls
}

# A function or rule of that name, whatever was before.
before_ips_and_waf() {
    local n=4 name
    for name in ips waf; do
        ovs-inspectctl --replace add-function i1 $name slot=$n \
            input=$name-in output=$name-out || return 1
        ovs-inspectctl --replace add-rule i1 to-$name slot=$n \
            action=redirect service=tcp/80 || return 1
        n=$((n + 1))
    done
    before_no_sets
    ovs-inspectctl --replace add-set dc 10.1.0.0/16
    before_rule_r
}

then_slots_exchanged() {
    appliance ips && appliance waf &&
        test "$(ovs-vsctl get Inspect_Function ips slot)" = 5 &&
        no_row_in_error
}

before_rule_r() {
    ovs-inspectctl --replace add-rule i1 r service=tcp/9
}

before_no_sets() {
    ovs-vsctl --timeout=5 -- --all destroy Inspect_Address_Set
}

before_start_anew() {
    no_row_in_error || return 1
    ovs-vsctl --timeout=20 -- --all destroy Inspect_Rule \
        -- --all destroy Inspect_Function
}

before_blue_nets() {
    ovs-inspectctl --replace add-set blue-nets 10.9.0.0/16
}

no_row_in_error() {
    local table
    for table in Inspector Inspect_Rule Inspect_Function \
                 Inspect_Address_Set Inspect_Uplink; do
        if ovs-vsctl --bare --columns=status list $table | grep error=; then
            return 1
        fi
    done
}

then_rules_active() {
    sandbox_wait 5 all_rules_active
}

all_rules_active() {
    no_row_in_error &&
        ! ovs-vsctl --bare --columns=status list Inspect_Rule |
            grep -v '^$' | grep -v state=active
}

then_quarantined() {
    then_rules_active && ovs-vsctl list Inspect_Rule quarantine
}

before_eth0() {
    ip link add eth0 type veth peer name eth0-peer &&
        ip link set eth0 up
}

before_editor() {
    printf '#!/bin/sh\ntest -s "$1"\n' >"$work/bin/editor"
    chmod +x "$work/bin/editor"
}

then_db_is_closed() {
    grep -q 'no rule matches\|verdict: reset\|verdict: allow' "$said" &&
        ! vm web1 timeout 3 "$traffic" tcp 10.0.0.6 5432 10
}

then_collector_has_token() {
    ovs-inspect-collector --listen=pssl:4740:127.0.0.1 \
        --token-file=/etc/openvswitch/soc.token --output=/dev/null \
        --detach --pidfile --no-chdir --log-file
}

then_collector_ends() {
    timeout 10 ovs-appctl -t ovs-inspect-collector collector/show &&
        timeout 10 ovs-appctl -t ovs-inspect-collector exit
}

# The run
# -------

# call before|then NAMES: each of them; the first that fails says so.
call() {
    local name
    test "$2" != - || return 0
    for name in ${2//,/ }; do
        "$1_$name" || {
            echo "$1_$name failed"
            return 1
        }
    done
}

# A command sees its own sandbox only.
block() {           # N KIND BEFORE THEN STATUS
    local script=$plan/$1.sh status name=block-$1
    # Not the glob: other sandboxes may be there.
    sed -i "s|/tmp/ovs-ext-sandbox\.\*|$SANDBOX_DIR|g" "$script"
    call before "$3" || return 1
    if test "$2" = background; then
        sandbox_spawn "$name" setsid env -C "$work" bash -eu "$script"
        BACKGROUND="$BACKGROUND $name"
        sleep 1.5
        cp "$SANDBOX_DIR/out/$name" "$said"
        kill -0 "$(cat "$SANDBOX_DIR/pid/$name")" 2>/dev/null || {
            cat "$said"
            echo "it has ended by itself"
            return 1
        }
    else
        timeout 120 env -C "$work" bash -euo pipefail "$script" \
            </dev/null >"$said" 2>&1
        status=$?
        test $status = "$5" || {
            cat "$said"
            echo "exit status $status, not $5"
            return 1
        }
    fi
    if test "$2" = console; then
        expected "$plan/$1.expected" || return 1
    fi
    call "then" "$4"
}

# Each line of FILE, an expression, is one of the output, in this order.
expected() {
    local line at=0 hit
    while IFS= read -r line; do
        hit=$(tail -n +$((at + 1)) "$said" | grep -nE -m 1 -- "^ *$line *\$" |
              cut -d: -f1)
        test -n "$hit" || {
            cat "$said"
            echo "no line matches: $line"
            return 1
        }
        at=$((at + hit))
    done <"$1"
}

document() {
    local start=doc_${1//[^A-Za-z0-9]/_}
    clean || return 1
    if declare -F "$start" >/dev/null; then
        "$start"
    fi
}

need "folders of its own" private_folders
need "certificates" credentials
need "ovsdb-server starts" switch_start_db
need "ovs-vswitchd starts" switch_start
need "a bridge" bridge br-int
need "VMs and functions" machines
need "the commands are found" /usr/bin/python3 "$top/build-aux/documents.py" \
    "$top" --plan "$plan" "$@"
last=
BACKGROUND=
while IFS=$'\t' read -r n doc line kind before after status <&5; do
    if test "$doc" != "$last"; then
        check "$doc" document "$doc"
        last=$doc
    fi
    check "$doc:$line: $(head -n 1 "$plan/$n.sh" | cut -c1-50)" \
        block "$n" "$kind" "$before" "$after" "$status"
done 5<"$plan/plan"
check "afterwards" clean
host_down
done_testing
