#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The collector and a sensor that was written from Documentation/uplink.md:
# what is acknowledged is in the journal and in the output, once, whatever is
# sent twice, out of order, lost, or wrong.
#
#   peer.py ==TLS, ALPN ovs-inspect/1==> ovs-inspect-collector
#                                          journal/ ==> records.json
#
# Mutations that make it fail: leave the question "is it fresh" out of
# next_record(); acknowledge in take_message() instead of after the commit
# (the full disk); let insp_tls_recheck() return true; skip_what_is_there()
# that returns false; COLLECTOR_RUNS_MAX that is twice as much;
# read_to_its_end() of the newest file only (the output without room).
. "$(dirname "$0")/lib.sh"
system_test "$@"

target=127.0.0.1:$COLLECTOR_PORT
JOURNAL=$SANDBOX_DIR/journal
log() { cat "$OVS_LOGDIR/collector.log"; }
log_says() { log | grep -Eq "$1"; }
peer() {
    "$TESTS_HOME/peer.py" "$target" --ca "$PKI/site-ca.pem" \
        --cert "$PKI/sensor.pem" --key "$PKI/sensor.key" "$@"
}
peer_says() { # PATTERN [OPTION]...
    local pattern=$1
    shift
    peer "$@" >"$SANDBOX_DIR/out/peer" 2>&1
    cat "$SANDBOX_DIR/out/peer"
    grep -Eq -- "$pattern" "$SANDBOX_DIR/out/peer"
}
control() {
    timeout 15 ovs-appctl -t \
        "$(ls "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl)" "$@"
}
show() {
    control collector/show --json | /usr/bin/python3 -c \
        "import json, sys; x = json.load(sys.stdin); print($1)"
}
stream() { # KEY UPLINK [INCARNATION]
    show "[s['$1'] for s in x['streams'] if s['uplink'] == '$2' and s['incarnation'] == ${3:-1}][0]"
}
stream_is() { equal "$(stream "$1" "$2")" "$3"; }
# ids FILE...: the flow ids of all lines, in order, as runs.
ids() {
    /usr/bin/python3 - "$@" <<'END'
import json, sys
runs = []
for name in sys.argv[1:]:
    data = open(name, 'rb').read()
    assert not data or data.endswith(b'\n'), 'half a line at the end'
    for line in data.splitlines():
        if line.startswith(b'{"journal":{'):
            continue
        n = json.loads(line)['flow_id']
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
print(' '.join(f'{a}-{b}' for a, b in runs))
END
}
output_is() { equal "$(ids "$RECORDS_FILE")" "$1"; }
start() {
    rm -f "$OVS_RUNDIR"/ovs-inspect-collector.*.ctl
    collector_start --journal="$JOURNAL" "$@"
}
stop() { control exit && wait "$(cat "$SANDBOX_DIR/pid/collector")"; }
anew() {
    stop
    rm -rf "$JOURNAL" "$RECORDS_FILE"
    start "$@"
}

need "certificates" pki_init
check "another sensor's certificate" pki_cert site other host-2 DNS:host-2
need "starts with a journal" start

check "lines are acknowledged" peer_says 'acknowledged 1000,' --records 1000
check_soon "and in the output" 3 output_is 1-1000
is "and in the journal" "$(ids "$JOURNAL"/journal-*)" 1-1000
check "the same ones again" peer_says 'acknowledged 1000,' --records 1000
check "and every message twice" peer_says 'acknowledged 1000,' --first 501 \
    --records 1000 --twice
check_soon "come once" 3 output_is 1-1500
is "duplicates are counted" "$(stream duplicates soc)" $((1000 + 500 + 1000))
is "nothing is missing" "$(stream missing soc) $(stream outstanding soc)" "0 0"
check "another incarnation has numbers of its own" peer_says 'acknowledged 10,' \
    --incarnation 2 --records 10
check "and another uplink" peer_says 'acknowledged 10,' --uplink b --records 10
is "they are written" "$(stream records soc 2) $(stream records b)" "10 10"

anew
check "IPFIX, in any order" peer_says 'acknowledged 2000,' --format ipfix \
    --records 2000 --shuffle
count_is() { test "$(wc -l <"$RECORDS_FILE")" = "$1"; }
check_soon "each once" 3 count_is 2000
is "and no other" "$(/usr/bin/python3 -c "
import json
print(sorted(json.loads(x)['flow_id'] for x in open('$RECORDS_FILE'))
      == list(range(1, 2001)))")" True
is "identities are resolved" "$(records 'src_vm.id == "vm-1"')" 2000

check "LOST is acknowledged" peer_says 'acknowledged 80,' --incarnation 5 \
    --lose 11:20
is "and counted" "$(stream lost soc 5) $(stream missing soc 5)" "20 0"
check "what is neither sent nor declared" peer_says 'acknowledged 190,' \
    --incarnation 6 --skip 11:10 --records 200 --last-alone
is "is missing when the floor has passed it" \
    "$(stream missing soc 6) $(stream lost soc 6)" "10 0"
check "of lost ones that were here after all" peer_says 'acknowledged 3,' \
    --incarnation 5 --records 6 --lose 5:3 --first 5
is "none is counted" "$(stream lost soc 5)" 20
check "without frames it is as ever" peer --no-alpn --records 100 \
    --first 100001
check_soon "and comes through the journal, too" 3 \
    eval 'ids "$RECORDS_FILE" | grep -q 100001-100100'

# Holes cost the collector memory, so there is a bound; what is behind it is
# refused, what is below it is kept, and who fills the holes goes on.
anew
holes='more than 32768 gaps in the record numbers of uplink soc'
check "a hole behind every record, without end" \
    peer_says "closed: $holes" --holes --records 32769 --once
check "the log says it" log_says "'host-1' is cut off: $holes"
is "and collector/show" "$(show "[(s['cut_off'], '$holes' in s['last_error'])
    for s in x['sensors']]")" "[(1, True)]"
is "what was taken is here" "$(stream gaps soc) $(stream records soc)" \
    "32767 32768"
check "another incarnation goes on" peer_says 'acknowledged 100,' \
    --incarnation 2
check "so does this one, when what is missing comes" \
    peer_says 'acknowledged 65538,' --records 65538 --batch 500
is "and it is whole" "$(stream gaps soc) $(stream duplicates soc)" "0 32768"
check_soon "each once" 3 count_is $((65538 + 100))

# What is wrong is said, in a CLOSE frame and in the log.
wrong() { # WHAT REASON HEX
    check "$1" peer_says "^5 .*$2" --raw "$3"
    check_soon "and the log says it" 2 log_says "$2"
}
wrong "an alien frame" 'what it sends is no frame' 0900000000000000
wrong "a second HELLO" 'a second HELLO' \
    010000000000001a0001010000000001000000000000000206686f73742d31026162
wrong "a frame that only a collector sends" 'only a collector sends' \
    040000000000001000000001000000010000000000000001
wrong "a record more than it says" 'JSON record' \
    030000000000001b000000010000000100000000000000010000000000000001000a0a
wrong "more records than bytes" 'more records than bytes' \
    03000000000000180000000100000005000000000000000100000000000000010000
wrong "no HELLO" 'first frame is no HELLO' \
    -040000000000001000000001000000010000000000000001
wrong "half a message" 'ends within a record' \
    030000000000001a0000000100000001000000000000000100000000000000017b7d
check "another sensor's name" peer_says "closed: .*'host-1'.*host-2" \
    --cert "$PKI/other.pem" --key "$PKI/other.key"

# A certificate is revoked: who is connected is cut, and told.
crl() { # CERTIFICATE...: $PKI/crl.pem
    local c
    test -e "$PKI/ca.conf" || {
        printf '[ca]\ndefault_ca=x\n[x]\ndatabase=%s/index\n' "$PKI"
        printf 'default_md=sha256\ndefault_crl_days=2\n'
        : >"$PKI/index"
    } >"$PKI/ca.conf"
    for c; do
        openssl ca -config "$PKI/ca.conf" -keyfile "$PKI/site-ca.key" \
            -cert "$PKI/site-ca.pem" -revoke "$c" || return 1
    done
    openssl ca -config "$PKI/ca.conf" -keyfile "$PKI/site-ca.key" \
        -cert "$PKI/site-ca.pem" -gencrl -out "$PKI/crl.new" &&
        mv "$PKI/crl.new" "$PKI/crl.pem"
}
check "a CRL" crl
anew --crl-file="$PKI/crl.pem"
peer --rate 100 --records 100000 >"$SANDBOX_DIR/out/revoked" 2>&1 &
revoked=$!
connected() { test "$(show 'len(x["connections"])')" = 1; }
check_soon "is connected" 5 connected
check "its certificate is revoked" crl "$PKI/sensor.pem"
ended() { ! kill -0 $revoked 2>/dev/null; }
check_soon "it is cut off" 6 ended
kill $revoked 2>/dev/null; wait $revoked
check "it is told why" grep -q 'closed: .*revoked' "$SANDBOX_DIR/out/revoked"
check "and the log says it" log_says "sensor 'host-1' is cut off: .*revoked"
check "and it does not come back" not peer --once
check "another certificate" pki_cert site sensor host-1 DNS:host-1
check "comes in" peer_says 'acknowledged 100,' --incarnation 9

# logrotate, and a restart right behind it.
anew
peer --rate 4000 --records 20000 >"$SANDBOX_DIR/out/rotated" 2>&1 &
rotated=$!
for i in 1 2 3; do
    sleep 1
    mv "$RECORDS_FILE" "$RECORDS_FILE.$i"
    sandbox_kill collector KILL
    check "restart $i, behind a renamed output" start
done
check "all is acknowledged" wait $rotated
all_of_it() {
    equal "$(ids "$RECORDS_FILE".1 "$RECORDS_FILE".2 "$RECORDS_FILE".3 \
        "$RECORDS_FILE")" 1-20000
}
check_soon "and stands once in one of the files" 5 all_of_it
rm -f "$RECORDS_FILE".?

# The disk is full: nothing is acknowledged that is not there.
stop
mkdir "$SANDBOX_DIR/small"
mount -t tmpfs -o size=5m tmpfs "$SANDBOX_DIR/small"
head -c 3M /dev/zero >"$SANDBOX_DIR/small/filler"
JOURNAL=$SANDBOX_DIR/small/journal
rm -f "$RECORDS_FILE"
: >"$OVS_LOGDIR/collector.log"
check "starts on a small disk" start --journal-max-bytes=8M
peer --records 30000 --log "$SANDBOX_DIR/out/full.log" \
    >"$SANDBOX_DIR/out/full" 2>&1 &
full=$!
check_soon "it is full, and the log says so" 10 log_says \
    'nothing is acknowledged'
sleep 1
acknowledged() {
    awk '$2 == "ack" { n += $4 } END { print n + 0 }' "$SANDBOX_DIR/out/full.log"
}
before=$(acknowledged)
sleep 1
is "nothing more is acknowledged" "$(acknowledged)" "$before"
check "something was" test "$before" -gt 1000
check "collector/show says why" test "$(show '"trouble" in x["journal"]')" = True
# Killed while the disk is full, and again.
sandbox_kill collector KILL
check "starts while it is full" start --journal-max-bytes=8M
rm "$SANDBOX_DIR/small/filler"
mount -o remount,size=64m "$SANDBOX_DIR/small"
check_soon "there is room: all is acknowledged" 20 eval '! kill -0 $full'
check "without a fault" wait $full
check_soon "and each stands in the output once" 5 output_is 1-30000
check "exit" stop
umount "$SANDBOX_DIR/small"

# The output has no room, and the journal begins one file after the other.
mkdir "$SANDBOX_DIR/tiny"
mount -t tmpfs -o size=256k tmpfs "$SANDBOX_DIR/tiny"
JOURNAL=$SANDBOX_DIR/journal-of-tiny
RECORDS_FILE=$SANDBOX_DIR/tiny/records.json
check "starts with an output on a small disk" start --journal-max-bytes=8M
check "all is acknowledged" peer_says 'acknowledged 20000,' --records 20000
n_files() { find "$JOURNAL" -name 'journal-*' | wc -l; }
check "the journal has several files ($(n_files))" test "$(n_files)" -ge 3
check "the output has not all of it" not output_is 1-20000
mount -o remount,size=64m "$SANDBOX_DIR/tiny"
check_soon "there is room: each stands in the output once" 5 output_is 1-20000
check "exit" stop
umount "$SANDBOX_DIR/tiny"
done_testing
