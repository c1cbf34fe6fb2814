#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may talk to whom, and what is said when they may not.
#
#   CA "site": collector, sensor host-1      CA "other": stranger
#
# Mutations that make it fail: SSL_VERIFY_NONE on either side; compare the
# sensor's name with nothing.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
log() { cat "$OVS_LOGDIR/collector.log" "$SANDBOX_DIR/out/collector"; }
log_says() { log | grep -Eiq "$1"; }

host_up
check "another CA" pki_ca other
check "a stranger's certificate" pki_cert other stranger host-1 DNS:host-1
check "one of ours for another sensor" pki_cert site impostor host-2 \
    DNS:host-2
check "a collector of another CA" pki_cert other fake collector \
    DNS:localhost,IP:127.0.0.1
check "a collector of another name" pki_cert site elsewhere elsewhere \
    DNS:elsewhere.example
check "bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7

# There is no plain uplink.
check "a plain target can be written" make_uplink plain \
    'target="tcp:127.0.0.1:4740"'
check "inspector" make_inspector vms 1 plain br0
check_soon "tcp: is refused in words" 5 status_matches Inspect_Uplink plain \
    error "tcp:127.0.0.1:4740"
is "and no byte was sent" "$(log | grep -c 127.0.0.1:)" \
    "$(log | grep -c 'listening.*127.0.0.1:')"

# try NAME COLUMN=VALUE...: an uplink of its own for the inspector.
try() {
    make_uplink "$@" &&
    ovs-vsctl set Inspector vms "uplinks=$(row Inspect_Uplink "$1")"
}
# The error stands in the row, never a connection.
refused() { # NAME PATTERN
    check_soon "$1: the reason is in the uplink's status" 6 \
        status_matches Inspect_Uplink "$1" last_error "$2"
    is "$1: not connected" \
        "$(ovs-vsctl get Inspect_Uplink "$1" is_connected)" false
}

check "uplink with the wrong CA" try wrong-ca \
    "ca_cert=\"$PKI/other-ca.pem\""
refused wrong-ca 'certificate verify failed'
check_soon "the collector says so too" 3 log_says \
    '127.0.0.1.*(alert|unknown ca|refus)'

check "uplink of a stranger" try stranger \
    "private_key=\"$PKI/stranger.key\"" "certificate=\"$PKI/stranger.pem\""
check_soon "the collector refuses it and says why" 6 log_says \
    '127.0.0.1.*(self.signed|unable to get|verify|issuer)'
refused stranger 'alert|unknown ca|closed|reset|refused'

check "uplink with another sensor's certificate" try impostor \
    "private_key=\"$PKI/impostor.key\"" "certificate=\"$PKI/impostor.pem\""
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4001
flush
check_soon "the collector refuses the name and says so" 6 log_says \
    'host-1.*host-2|host-2.*host-1'
is "no record of it is written" "$(records 'src_port == 4001' || true)" 0

no_certificate() {
    timeout 5 openssl s_client -connect "127.0.0.1:$COLLECTOR_PORT" \
        -CAfile "$PKI/site-ca.pem" -quiet </dev/null \
        >"$SANDBOX_DIR/out/s_client" 2>&1
    sandbox_wait 3 log_says "$shown_none" && log_says "$shown_none"
}
shown_none='127.0.0.1.*(did not return a certificate|no certificate|peer)'
check "a peer without a certificate is refused, with the reason" \
    no_certificate
plain_text() {
    exec 9<>"/dev/tcp/127.0.0.1/$COLLECTOR_PORT" &&
    echo '{"event_type":"flow"}' >&9
    exec 9>&-
    sandbox_wait 3 log_says \
        '127.0.0.1.*(wrong version|handshake|http request|TLS|packet)'
}
check "plain text is refused, with the reason" plain_text
old_tls() {
    ! timeout 5 openssl s_client -connect "127.0.0.1:$COLLECTOR_PORT" \
        -CAfile "$PKI/site-ca.pem" -cert "$PKI/sensor.pem" \
        -key "$PKI/sensor.key" -tls1_1 -cipher 'DEFAULT@SECLEVEL=0' \
        </dev/null >"$SANDBOX_DIR/out/s_client" 2>&1
}
check "TLS 1.1 is refused" old_tls

# The other side: a collector that is not the one.
check "the right one first" try good
check_soon "connects" 5 uplink_active good
is "by TLS 1.3" "$(status Inspect_Uplink good protocol | cut -c1-7)" TLSv1.3
sandbox_kill collector
collector_as() {
    cp "$PKI/collector.key" "$PKI/keep.key"
    cp "$PKI/collector.pem" "$PKI/keep.pem"
    cp "$PKI/$1.key" "$PKI/collector.key"
    cp "$PKI/$1.pem" "$PKI/collector.pem"
    collector_start
    local status=$?
    mv "$PKI/keep.key" "$PKI/collector.key"
    mv "$PKI/keep.pem" "$PKI/collector.pem"
    return $status
}
check "a collector of another CA" collector_as fake
check_soon "is not trusted" 10 status_matches Inspect_Uplink good last_error \
    'certificate verify failed'
sandbox_kill collector
check "a collector of another name" collector_as elsewhere
mismatch='it is not for .* but for'
check_soon "is not trusted either" 10 status_matches Inspect_Uplink good \
    last_error "$mismatch"
is "nothing was written meanwhile" "$(records 'src_port == 4002' || true)" 0
sandbox_kill collector
check "the right one" collector_start
check_soon "connects again" 10 uplink_active good
vm a "$traffic" tcp 10.0.0.2 7 1000 0 4003
check_soon "and records flow" 4 records 'src_port == 4003'

is "ovs-vswitchd listens on no address" \
    "$(ss -Hltnup | grep -c "pid=$(switch_pid),")" 0
key_is_private() {
    ! grep -rl "$(sed -n 2p "$PKI/sensor.key")" "$OVS_LOGDIR" "$OVS_DBDIR"
}
check "the key is in no log and no database" key_is_private
host_down
done_testing
