#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The collector by itself: who may send, in which words others are refused,
# and that every record that is sent stands in the file, once and whole.
#
#   sensor.py ==TLS==> ovs-inspect-collector ==> records.json
#
# Mutations that make it fail: SSL_VERIFY_NONE in export/tls.c; let
# insp_tls_peer_is() return true; leave cut() out of output.c; read on in
# collector_peer_run() when the output has no room.
. "$(dirname "$0")/lib.sh"
system_test "$@"

target=127.0.0.1:$COLLECTOR_PORT
log() { cat "$OVS_LOGDIR/collector.log"; }
log_says() { log | grep -Eq "$1"; }
sensor() {
    "$TESTS_HOME/sensor.py" "$target" --ca "$PKI/site-ca.pem" \
        --cert "$PKI/sensor.pem" --key "$PKI/sensor.key" "$@"
}
# As long as it takes.
refused() { not sensor --hold 60 "$@"; }
lines() { test "$(wc -l <"${2:-$RECORDS_FILE}")" = "$1"; }
# Every line is an object, with the sensor's name.
whole() {
    /usr/bin/python3 - "$@" <<'EOF'
import json
import sys
data = open(sys.argv[1], 'rb').read()
assert not data or data.endswith(b'\n'), 'half a line at the end'
ids = [json.loads(x) for x in data.splitlines()]
assert all(x['inspect']['sensor'] == 'host-1' for x in ids), 'sensor'
ids = [x['flow_id'] for x in ids]
assert len(ids) == len(set(ids)), 'twice'
EOF
}
show() {
    ovs-appctl -t "$(ls "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl)" \
        collector/show --json | /usr/bin/python3 -c \
        "import json, sys; x = json.load(sys.stdin); print($1)"
}
fails_with() { # STATUS PATTERN COMMAND...
    local want=$1 pattern=$2 got
    shift 2
    "$@"
    got=$?
    test $got = "$want" || { echo "status $got"; return 1; }
    "$@" 2>&1 | grep -Eq -- "$pattern"
}
stop() {
    ovs-appctl -t "$(ls "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl)" exit &&
    wait "$(cat "$SANDBOX_DIR/pid/collector")"
}

need "certificates" pki_init
check "another CA" pki_ca other
check "a stranger's certificate" pki_cert other stranger host-1 DNS:host-1
check "another sensor's certificate" pki_cert site impostor host-2 DNS:host-2
check "one with the name as a URI" pki_cert site uri something URI:host-1

# What is wrong with a command line is said before anything else happens.
files="-p $PKI/collector.key -c $PKI/collector.pem -C $PKI/site-ca.pem"
c=ovs-inspect-collector
# shellcheck disable=SC2086
{
    check "--help" $c --help
    check "--version" $c --version
    check "no --listen" fails_with 2 'listen is missing' $c $files
    check "plain TCP" fails_with 2 'tcp:1' $c --listen=tcp:1 $files
    check "no port" fails_with 2 'pssl:x' $c --listen=pssl:x $files
    check "port 0" fails_with 2 '1 to 65535' $c --listen=pssl:0 $files
    check "no address" fails_with 2 "'a.b'" $c --listen=pssl:1:a.b $files
    check "an unknown option" fails_with 2 'nonsense' $c --nonsense
    check "no certificates" fails_with 2 'private-key' $c --listen=pssl:1
    check "a file that is not there" fails_with 1 \
        'cannot read certificate /nowhere: No such file' \
        $c --listen=pssl:1 $files -c /nowhere
    check "a key of another certificate" fails_with 1 'does not match' \
        $c --listen=pssl:1 $files -p "$PKI/sensor.key"
    check "an address that is not ours" fails_with 1 'cannot listen' \
        $c --listen=pssl:1:192.0.2.1 $files
    check "an output that cannot be" fails_with 1 'cannot open /nowhere/x' \
        $c --listen=pssl:1 $files --output=/nowhere/x
    check "--detach without --output" fails_with 2 'needs --output' \
        $c --listen=pssl:1 $files --detach
}

printf '{"half":' >"$RECORDS_FILE"
check "starts" collector_start --stats-interval=1
is "a half line is not continued" "$(tail -c 1 "$RECORDS_FILE" | od -An -tx1)" \
    " 0a"
: >"$RECORDS_FILE"

check "IPFIX" sensor --records 1000
check_soon "1000 lines" 3 lines 1000
check "JSON" sensor --format json --records 1000 --first 1000
check_soon "2000 lines" 3 lines 2000
check "all whole, each once" whole "$RECORDS_FILE"
is "identities are resolved" \
    "$(records 'src_vm.id == "vm-1" and not dest_vm')" 2000
is "what JSON sensors say stays as it is" \
    "$(records 'src_vm.note == "d\u00e9j\u00e0"')" 1000
is "records are counted" "$(show 'x["sensors"][0]["records"]')" 2000
is "none is lost" "$(show 'x["sensors"][0]["lost"]')" 0
check "gaps in sequence numbers" sensor --records 300 --gap 7 --first 2000
check_soon "are counted" 3 eval 'test "$(show "x[\"sensors\"][0][\"lost\"]")" = 14'
check_soon "--stats-interval" 3 log_says '0 sensors connected, 2300 records'
check "its name may be a URI" sensor --records 1 --first 2300 \
    --cert "$PKI/uri.pem" --key "$PKI/uri.key"

# Who is refused, and why.
check "another sensor's certificate is refused" refused --first 9000 \
    --cert "$PKI/impostor.pem" --key "$PKI/impostor.key"
check_soon "and the log says both names" 2 log_says \
    "127.0.0.1.*refused.*'host-1'.*host-2"
check "JSON that calls itself another is refused" refused --format json \
    --name host-3 --first 9000
check_soon "and the log says so" 2 log_says \
    "127.0.0.1.*refused.*'host-3'.*host-1"
check "a stranger is refused" refused --cert "$PKI/stranger.pem" \
    --key "$PKI/stranger.key"
check_soon "with the reason" 2 log_says \
    '127.0.0.1.*refused.*certificate verify failed'
check "a peer without a certificate is refused" not \
    "$TESTS_HOME/sensor.py" "$target" --ca "$PKI/site-ca.pem" --hold 60
check_soon "with the reason" 2 log_says \
    '127.0.0.1.*refused.*has shown no certificate'
plain() {
    exec 9<>"/dev/tcp/127.0.0.1/$COLLECTOR_PORT" && printf 'GET / HTTP/1.0\r\n\r\n' >&9
    exec 9>&-
}
check "plain text is refused" plain
check_soon "with the reason" 2 log_says '127.0.0.1.*refused.*plain HTTP'
check "neither format" refused --send 'GET / HTTP/1.0\r\n\r\n'
check_soon "is named" 2 log_says 'neither IPFIX nor JSON'
check "a broken message" refused --send '\x00\x0a\x00\x14\0\0\0\0\0\0\0\0\0\0\0\1\0\2\0\3'
check_soon "is named" 2 log_says 'set 2 with a length of 3'
check "a line that is no JSON" refused --send '{"a":1]\n'
check_soon "is named" 2 log_says 'no JSON'
check "a line without a sensor" refused --send '{"a":1}\n'
check_soon "is named" 2 log_says 'no sensor name'
is "nothing of all that was written" "$(records 'flow_id >= 9000' || :)" 0
check "and it is counted" test "$(show 'x["refused"]')" -ge 9
log_has_no_control() { ! log | LC_ALL=C grep -q "$(printf '[\001-\010\013-\037]')"; }
check "a name full of control characters" refused --name $'a\nb\033[1m'
check "does not reach the log as it is" log_has_no_control

# Who connects and says nothing is let go; others do not notice.
(sensor --silent --hold 100 >"$SANDBOX_DIR/out/silent" 2>&1) &
silent=$!
check "others are served meanwhile" sensor --records 100 --first 3000

# Many at once.
(sensor --connections 300 --records 20 --first 100000 --hold 15 \
    >"$SANDBOX_DIR/out/many" 2>&1; echo $? >>"$SANDBOX_DIR/out/many") &
many=$!
check_soon "300 sensors at the same time" 30 eval \
    'test "$(show "len([c for c in x[\"connections\"] if c[\"sensor\"]])")" = 300'
wait $many
is "none was cut off" "$(tr '\n' ' ' <"$SANDBOX_DIR/out/many")" \
    "sent 6000 0 "
check_soon "all their records" 3 lines 8401
check "all whole, each once" whole "$RECORDS_FILE"
wait $silent
is "a silent stranger was let go" "$(cut -d' ' -f1,2 "$SANDBOX_DIR/out/silent")" \
    "after 0:"
check "with the reason" log_says 'no TLS handshake in 10 s'

# logrotate.
check "the file is moved away" mv "$RECORDS_FILE" "$RECORDS_FILE.1"
appears() { test -e "$RECORDS_FILE"; }
check_soon "a new one is opened" 3 appears
check "records go" sensor --records 100 --first 5000
check_soon "into the new one" 3 lines 100
check "the old one is as it was" lines 8401 "$RECORDS_FILE.1"
rm "$RECORDS_FILE"
check "collector/reopen" ovs-appctl -t \
    "$(ls "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl)" collector/reopen
check "at once" appears
check "vlog/reopen as logrotate sends it" ovs-appctl -t \
    "$(ls "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl)" vlog/reopen

# Certificates are replaced while it runs.
check "a new certificate" pki_cert site collector renewed \
    'DNS:localhost,IP:127.0.0.1'
renewed() {
    openssl s_client -connect "$target" -CAfile "$PKI/site-ca.pem" \
        </dev/null 2>/dev/null | grep -q 'subject=CN = renewed'
}
check_soon "is used without a restart" 4 renewed

check "exit" stop
echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6 2>/dev/null
has_ip6() { ip -6 addr show dev lo | grep -q ::1; }
listen6=
has_ip6 && listen6=--listen=pssl:4741:[::1]
check "any name" collector_start --allow-any-sensor-name $listen6
check "another name" sensor --name host-3 --records 1 --first 7000
check_soon "is taken, and stands in the record" 3 records \
    'inspect.sensor == "host-3"'
if has_ip6; then
    target=[::1]:4741
    check "over IPv6" sensor --records 1 --first 7001
    target=127.0.0.1:$COLLECTOR_PORT
    check_soon "arrives" 3 records 'flow_id == 7001'
else
    skip "over IPv6" "the kernel gives the loopback no ::1 here"
fi
check "a name full of control characters is taken too" sensor \
    --name $'a\nb\033[1m' --records 1 --first 7002
check "but does not reach the log as it is" log_has_no_control
check "exit" stop

# The disk is full: nothing is lost, nothing is half, nobody is cut off.
mkdir "$SANDBOX_DIR/small"
mount -t tmpfs -o size=3m tmpfs "$SANDBOX_DIR/small"
head -c 2M /dev/zero >"$SANDBOX_DIR/small/filler"
RECORDS_FILE=$SANDBOX_DIR/small/records.json
: >"$OVS_LOGDIR/collector.log"
check "starts on a small disk" collector_start
(sensor --records 20000 --hold 8 >"$SANDBOX_DIR/out/full" 2>&1) &
full=$!
check_soon "the disk is full, and the log says so" 5 log_says 'cannot write'
sleep 2
is "once" "$(log | grep -c 'cannot write')" 1
check "what stands there is whole" whole "$RECORDS_FILE"
check "collector/show says so" test "$(show \
    '"trouble" in x["output"]')" = True
rm "$SANDBOX_DIR/small/filler"
mount -o remount,size=64m "$SANDBOX_DIR/small"
check_soon "there is room again: all the rest comes" 8 lines 20000
check "all whole, each once" whole "$RECORDS_FILE"
check "the log says that it goes on" log_says 'writing goes on'
wait $full
is "the sensor was not cut off" "$(cat "$SANDBOX_DIR/out/full")" "sent 20000"
check "exit" stop
umount "$SANDBOX_DIR/small"

# A pipe whose reader is slow, and then gone.
RECORDS_FILE=$SANDBOX_DIR/records.json
slow_reader() {
    # shellcheck disable=SC2086
    $c --listen=pssl:4742:127.0.0.1 $files -vconsole:off |
        { sleep 3; head -n 4000; } >"$SANDBOX_DIR/out/pipe"
}
slow_reader &
reader=$!
target=127.0.0.1:4742
listens() { ss -Hltn 'sport = :4742' | grep -q .; }
sandbox_wait 5 listens
# It closes when it has enough, and with it the collector.
sensor --records 5000 --hold 4 >"$SANDBOX_DIR/out/slow"
wait $reader
check "gets whole lines" whole "$SANDBOX_DIR/out/pipe"
check "as many as it wanted" lines 4000 "$SANDBOX_DIR/out/pipe"

# As a daemon.
target=127.0.0.1:$COLLECTOR_PORT
rm -f "$RECORDS_FILE"
# shellcheck disable=SC2086
check "--detach" $c --listen="pssl:$COLLECTOR_PORT:127.0.0.1" $files \
    --detach --pidfile --no-chdir --log-file="$OVS_LOGDIR/collector.log" \
    --output "$RECORDS_FILE" -vconsole:off
check "records" sensor --records 500
check "SIGTERM" kill "$(cat "$OVS_RUNDIR/ovs-inspect-collector.pid")"
ended() { ! test -e "$OVS_RUNDIR/ovs-inspect-collector.pid"; }
check_soon "ends it" 5 ended
check "and no line is lost" lines 500
done_testing
