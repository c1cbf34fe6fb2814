#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Receivers that others wrote, over TLS, from a running ovs-vswitchd:
#
#   VM a -- br0 -- VM b    inspector --ipfix, TLS--> stunnel --> ipfixDump
#                              |                            \--> tshark
#                              +-----json, TLS--> rsyslog --> a file
#
# They do not acknowledge: what their sockets have taken counts as sent.  What
# every field means is compared in ipfix-interop.sh.
#
# Mutations that make it fail: no templates first on a connection; a wrong
# length of a message; frames without the ALPN.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
need "certificates" pki_init
need "ovsdb-server" switch_start_db
need "ovs-vswitchd" switch_start
check "bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
check "uplink with IPFIX" make_uplink ipfix 'target="ssl:localhost:4741"' \
    other_config:peer-name=localhost
check "uplink with JSON" make_uplink json 'target="ssl:127.0.0.1:4742"' \
    format=json
check "inspector" make_inspector vms 1 ipfix br0
check "both" ovs-vsctl add Inspector vms uplinks "$(row Inspect_Uplink json)"
listens() { ss -Hltn "sport = :$1" | grep -q .; }

OUT=$SANDBOX_DIR/out
with_stunnel=
if command -v stunnel >/dev/null && command -v ipfixDump >/dev/null; then
    with_stunnel=1
    cat >"$SANDBOX_DIR/take" <<END
#!/bin/sh
tee $OUT/ipfix.\$\$ | ipfixDump --rfc5610 >>$OUT/dump 2>>$OUT/dump-errors
END
    chmod +x "$SANDBOX_DIR/take"
    cat >"$SANDBOX_DIR/stunnel.conf" <<END
foreground = yes
pid =
[ipfix]
accept = 127.0.0.1:4741
exec = $SANDBOX_DIR/take
cert = $PKI/collector.pem
key = $PKI/collector.key
CAfile = $PKI/site-ca.pem
verifyChain = yes
sslVersionMin = TLSv1.2
END
    sandbox_spawn stunnel stunnel "$SANDBOX_DIR/stunnel.conf"
    check_soon "stunnel listens" 5 listens 4741
    check_soon "the uplink is active" 8 uplink_active ipfix
    is "it is not acknowledged" "$(status Inspect_Uplink ipfix delivery)" sent
else
    skip "TLS into ipfixDump" \
        "apt-get install stunnel4 libfixbuf-tools"
fi

with_rsyslog=
if command -v rsyslogd >/dev/null && ls /usr/lib/*/rsyslog/lmnsd_ossl.so \
        >/dev/null 2>&1; then
    with_rsyslog=1
    mkdir "$SANDBOX_DIR/rsyslog"
    cat >"$SANDBOX_DIR/rsyslog.conf" <<END
global(workDirectory="$SANDBOX_DIR/rsyslog" maxMessageSize="64k"
       defaultNetstreamDriver="ossl"
       defaultNetstreamDriverCAFile="$PKI/site-ca.pem"
       defaultNetstreamDriverCertFile="$PKI/collector.pem"
       defaultNetstreamDriverKeyFile="$PKI/collector.key")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1"
       streamDriver.authMode="x509/certvalid")
template(name="line" type="string" string="%rawmsg%\n")
ruleset(name="take") {
    action(type="omfile" file="$OUT/rsyslog.json" template="line")
}
input(type="imtcp" address="127.0.0.1" port="4742" ruleset="take"
      supportOctetCountedFraming="off")
END
    sandbox_spawn rsyslog rsyslogd -n -f "$SANDBOX_DIR/rsyslog.conf" \
        -i "$SANDBOX_DIR/rsyslog.pid"
    check_soon "rsyslog listens" 5 listens 4742
    check_soon "the uplink is active" 12 uplink_active json
else
    skip "TLS into rsyslog" "apt-get install rsyslog rsyslog-openssl"
fi

vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7
check "connections" vm a "$traffic" connections 10.0.0.2 7 500 50
settle vms
flush

nothing_waits() {
    # shellcheck disable=SC2046
    set -- $(uplink "$1" records.unacknowledged records.queued)
    equal "$*" "0 0"
}
if test -n "$with_rsyslog"; then
    # A record may be made at any time: together, once.
    same() {
        nothing_waits json && equal "$(wc -l <"$OUT/rsyslog.json")" \
            "$(uplink json records.sent)"
    }
    check "rsyslog has a line for each record" sandbox_wait 15 same
    read_all() {
        /usr/bin/python3 -c "
import json
x = [json.loads(line) for line in open('$OUT/rsyslog.json')]
assert all(r['inspect']['sensor'] == 'host-1' for r in x)
n = sum(r['event_type'] == 'flow' and r.get('dest_port') == 7 and
        not r['flow']['interim'] for r in x)
assert n == 500, n"
    }
    check "each is JSON, each connection stands there" read_all
fi
if test -n "$with_stunnel"; then
    check_soon "all has been sent" 10 nothing_waits ipfix
    # Another connection begins with its templates.
    connects=$(uplink ipfix connects)
    again() { test "$(uplink ipfix connects)" -gt "$connects"; }
    sandbox_kill stunnel TERM
    sandbox_spawn stunnel stunnel "$SANDBOX_DIR/stunnel.conf"
    check_soon "connected again" 15 again
    vm a "$traffic" connections 10.0.0.2 7 10 10
    settle vms
    flush
    check_soon "all has been sent" 10 nothing_waits ipfix
    check "the switch goes" switch_stop --cleanup
    ends() { ! ss -Htn 'sport = :4741' | grep -q ESTAB; }
    check_soon "and the connection" 5 ends
    read_it() { ! pgrep -x ipfixDump; }
    check_soon "ipfixDump has read all of it" 5 read_it
    complaints() { grep -v '^$' "$OUT/dump-errors"; }
    check "ipfixDump has no complaint" not complaints
    flows() { grep -c 'destinationTransportPort : 7$' "$OUT/dump"; }
    check "it has seen each connection" test "$(flows)" -ge 510
    check "no element is unknown to it" not grep -q alienInformationElement \
        "$OUT/dump"
    if command -v tshark >/dev/null; then
        for f in "$OUT"/ipfix.*; do
            tshark -r "$f" -V
        done >"$OUT/tshark" 2>"$OUT/tshark-errors"
        check "tshark reads all of it, each sequence number in its place" \
            not grep -E 'Malformed|Expert Info|No template found|\[Error' \
            "$OUT/tshark"
        check "each connection" test \
            "$(grep -c 'DstPort: 7$' "$OUT/tshark")" -ge 510
    else
        skip "tshark reads it" "no tshark: apt-get install tshark"
    fi
else
    check "ovs-vswitchd ends by itself" switch_stop --cleanup
fi
check "no crash report, no assertion" no_crash
done_testing
