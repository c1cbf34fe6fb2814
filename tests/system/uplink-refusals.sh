#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whoever is not who he should be, in each of the ways: ovs-vswitchd and the
# collector refuse, and both say why in a sentence, the one in status:last_error
# and the other in its log.
#
# Mutations that make it fail: in export/tls-peer.c, accept any verdict, any
# name, or a handshake in which no PSK was selected.
. "$(dirname "$0")/lib.sh"
system_test "$@"

need "certificates" pki_init
# cert CA NAME COMMON-NAME FROM TO: with dates of its own (YYYYMMDD).
ca_conf() {
    mkdir -p "$PKI/certs"
    : >"$PKI/index"
    cat >"$PKI/ca.conf" <<END
[ca]
default_ca = x
[x]
database = $PKI/index
new_certs_dir = $PKI/certs
rand_serial = yes
default_md = sha256
default_crl_days = 2
unique_subject = no
policy = p
[p]
commonName = supplied
END
}
ca() {
    openssl ca -batch -notext -config "$PKI/ca.conf" \
        -keyfile "$PKI/site-ca.key" -cert "$PKI/site-ca.pem" "$@"
}
dated() {
    pki_cert site "$1" "$2" "$3" &&
    ca -in "$PKI/$1.csr" -out "$PKI/$1.pem" -startdate "${4}000000Z" \
        -enddate "${5}000000Z" \
        -extfile <(printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$3")
}
crl() {
    local c
    for c; do
        ca -revoke "$c" || return 1
    done
    ca -gencrl -out "$PKI/crl.pem"
}
self_signed() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$PKI/$1.key" -out "$PKI/$1.pem" -days 2 -subj "/CN=$2" \
        -addext "subjectAltName=$3"
}
here=DNS:localhost,IP:127.0.0.1
need "a CA with dates" ca_conf
check "another CA" pki_ca other
for end in sensor:host-1:DNS:host-1 "collector:collector:$here"; do
    IFS=: read -r who name san <<<"$end"
    check "expired ($who)" dated "$who-expired" "$name" "$san" 20200101 20210101
    check "not yet valid ($who)" dated "$who-early" "$name" "$san" 20990101 \
        20991231
    check "of another CA ($who)" pki_cert other "$who-other" "$name" "$san"
    check "self-signed ($who)" self_signed "$who-self" "$name" "$san"
    check "to be revoked ($who)" pki_cert site "$who-revoked" "$name" "$san"
done
check "of another sensor" pki_cert site sensor-2 host-2 DNS:host-2
check "for another host" pki_cert site collector-elsewhere elsewhere \
    DNS:elsewhere.example
check "a CRL" crl "$PKI/sensor-revoked.pem" "$PKI/collector-revoked.pem"
tokens() { # FILE LINE...
    local file=$PKI/$1
    shift
    (umask 077; printf '%s\n' "$@" >"$file")
}
secret=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
tokens good "host-1:$secret"
tokens wrong "host-1:ff$secret"
tokens unknown "host-9:$secret"
tokens short "host-1:0011223344"
tokens open "host-1:$secret"
chmod 644 "$PKI/open"

need "ovsdb-server" switch_start_db
need "ovs-vswitchd" switch_start
check "bridge" bridge br0
check "uplink" make_uplink up max_backoff=1000
check "inspector" make_inspector vms 1 up br0

LOG=$OVS_LOGDIR/collector.log
log_says() { grep -Eiq -- "$1" "$LOG"; }
collector() { # OPTION...: another one.
    sandbox_kill collector KILL
    sandbox_kill server KILL
    rm -f "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl "$LOG"
    sandbox_spawn collector ovs-inspect-collector \
        --listen "pssl:$COLLECTOR_PORT:127.0.0.1" --log-file="$LOG" \
        --journal="$SANDBOX_DIR/journal" "$@"
    sandbox_wait 5 collector_listens
}
with() { # NAME: the certificate.
    collector -p "$PKI/$1.key" -c "$PKI/$1.pem" -C "$PKI/site-ca.pem" "${@:2}"
}
server() { # OPTION...: not ours.
    sandbox_kill collector KILL
    sandbox_kill server KILL
    sandbox_spawn server openssl s_server -accept "$COLLECTOR_PORT" \
        -cert "$PKI/collector.pem" -key "$PKI/collector.key" -quiet "$@"
    sandbox_wait 5 collector_listens
}
row() { # COLUMN=VALUE...
    ovs-vsctl --timeout=20 set Inspect_Uplink up "$@"
}
as() { # NAME: the sensor's certificate.
    ovs-vsctl --timeout=20 clear Inspect_Uplink up token_file crl_file -- \
        set Inspect_Uplink up "private_key=\"$PKI/$1.key\"" \
        "certificate=\"$PKI/$1.pem\"" "ca_cert=\"$PKI/site-ca.pem\""
}
with_token() { # FILE
    ovs-vsctl --timeout=20 clear Inspect_Uplink up private_key certificate \
        ca_cert crl_file -- set Inspect_Uplink up "token_file=\"$PKI/$1\""
}
# refused WHAT LAST-ERROR LOG: both sentences, "-" is none to be had.
refused() {
    local says=$2
    test "$2" = - ||
        check_soon "$1: the sensor says why" 15 status_says "$2"
    test "$3" = - || check_soon "$1: the collector says why" 8 log_says "$3"
    is "$1: not connected" "$(ovs-vsctl get Inspect_Uplink up is_connected)" \
        false
}
status_says() {
    status Inspect_Uplink up last_error | grep -Eiq -- "$1" || {
        status Inspect_Uplink up last_error
        return 1
    }
}

# The sensor's fault.
with collector --crl-file="$PKI/crl.pem"
as sensor
check_soon "the right ones are connected" 10 uplink_active up
as sensor-expired
refused "expired sensor" 'expired' 'has expired'
as sensor-early
refused "sensor of tomorrow" 'not valid before|not yet valid' 'not valid before'
as sensor-revoked
refused "revoked sensor" 'revoked' 'has been revoked'
as sensor-other
refused "sensor of another CA" 'other end|CA' 'CA that is not in ca_cert'
as sensor-self
refused "self-signed sensor" 'other end|CA' 'is self-signed'
as sensor-2
refused "another sensor's certificate" \
    "calls itself sensor 'host-1', but its certificate .*host-2.* is not for" \
    "calls itself sensor 'host-1', but its certificate .*host-2.* is not for"

# The collector's.
as sensor
with collector-expired
refused "expired collector" 'has expired' 'expired'
with collector-early
refused "collector of tomorrow" 'not valid before' '127.0.0.1.*refused'
with collector-other
refused "collector of another CA" 'CA that is not in ca_cert' '127.0.0.1.*refused'
with collector-self
refused "self-signed collector" 'is self-signed' '127.0.0.1.*refused'
with collector-elsewhere
refused "collector of another name" "not for '127.0.0.1' but for" \
    '127.0.0.1.*refused'
with collector-revoked
row "crl_file=\"$PKI/crl.pem\""
refused "revoked collector" 'has been revoked' 'revoked'
as sensor
server -tls1_1 -cipher 'ALL:@SECLEVEL=0'
refused "TLS 1.1 collector" 'TLS 1\.2|TLS version' -
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$PKI/rsa.key" \
    -out "$PKI/rsa.pem" -days 2 -subj /CN=x 2>/dev/null
server -tls1_2 -cipher 'AES128-SHA:@SECLEVEL=0' -cert "$PKI/rsa.pem" \
    -key "$PKI/rsa.key"
refused "collector with weak suites" 'suite' -

# Strangers.
with collector
stranger() { # OPTION...
    timeout 5 openssl s_client -connect "127.0.0.1:$COLLECTOR_PORT" \
        -CAfile "$PKI/site-ca.pem" "$@" </dev/null >/dev/null 2>&1
    true
}
stranger
check_soon "no certificate: the log says so" 3 log_says 'has shown no certificate'
stranger -tls1 -cipher 'ALL:@SECLEVEL=0'
check_soon "TLS 1.0: the log says so" 3 log_says 'not speak TLS 1.2 or newer'
stranger -tls1_2 -cipher 'AES128-SHA:@SECLEVEL=0'
check_soon "weak suites: the log says so" 3 log_says 'suite'

# Tokens.
tokens known "host-1:$secret"
collector --token-file="$PKI/known"
with_token good
check_soon "the right token is connected" 10 uplink_active up
is "and known by it" "$(status Inspect_Uplink up peer)" "token host-1"
with_token wrong
refused "wrong secret" 'secret.*another|not the one' 'secret is not the one'
with_token unknown
refused "unknown identity" "does not know the token 'host-9'" "host-9"
with_token short
check_soon "short secret: the sensor says so" 10 eval \
    'status_says "shorter than 128 bits" ||
     status_matches Inspect_Uplink up error "shorter than 128 bits"'
with_token open
check_soon "a file that others can read: the sensor says so" 10 eval \
    'status_says "others|group" ||
     status_matches Inspect_Uplink up error "others|group"'
check "and so does the collector" eval '! ovs-inspect-collector \
    --listen=pssl:4799 --token-file="$PKI/open" >"$SANDBOX_DIR/out/open" 2>&1 &&
    grep -Eq "group|others" "$SANDBOX_DIR/out/open"'
with_token good
with collector
refused "a man in the middle with a good certificate" 'token' 'host-1|token'
collector --token-file="$PKI/known"
check_soon "the right token again" 10 uplink_active up
tokens known "host-2:$secret"
not_active() { ! uplink_active up; }
check_soon "its token is revoked: cut off" 8 not_active
refused "revoked token" 'revoked' 'cut off.*revoked'
tokens good "host-2:$secret"
with_token good
check_soon "another sensor's token: refused by name" 10 status_says \
    "calls itself sensor 'host-1', but its token .*host-2"
no_secret() { ! grep -rq "${secret:0:16}" "$OVS_LOGDIR" "$OVS_DBDIR"; }
check "no secret is in a log or in the database" no_secret

ovs-vsctl set Inspect_Uplink up "target=\"tcp:127.0.0.1:$COLLECTOR_PORT\""
check_soon "plain TCP is an error" 5 status_matches Inspect_Uplink up error 'tcp:'
host_down
done_testing
