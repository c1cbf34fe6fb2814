#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The uplink stays within 1 % of what is inspected, over every 60 s, with
# traffic whose metadata would be several times that: connections for one small
# web page each, as fast as two processes can.
#
# What was sent is what the collector's socket has received, TLS included.
# BUDGET_SECONDS (default 80) is how long it goes on; the floor is 1,000 bytes,
# so that it plays no part.
#
# Mutations that make it fail: leave TLS's own bytes out of wire_bytes; let
# the stepper look at the last second alone.
. "$(dirname "$0")/lib.sh"
system_test "$@"

SECONDS_LONG=${BUDGET_SECONDS:-80}
host_up
need "a bridge" bridge br0
for i in 1 2; do
    check "VM $i" make_vm v$i br0 ip=10.0.0.$i/24
done
check "an uplink" make_uplink up
mkdir "$SANDBOX_DIR/site"
head -c 6000 /dev/zero | tr '\0' x >"$SANDBOX_DIR/site/page"
vm_spawn v2 web /usr/bin/python3 -m http.server \
    --directory "$SANDBOX_DIR/site" 80
check_soon "a web server" 5 vm_listens v2 tcp 80
need "an inspector" make_inspector i1 1 up br0 \
    other_config:metadata-floor=1000
check_soon "it is active" 5 status_is Inspector i1 state active
check_soon "the uplink is active" 5 uplink_active up

for i in 1 2; do
    vm_spawn v1 load$i "$TESTS_HOME/traffic.py" pages 10.0.0.2 80 \
        "$((SECONDS_LONG + 10))"
done
received() {
    ss -Htin state established "( sport = :$COLLECTOR_PORT )" |
        grep -o 'bytes_received:[0-9]*' |
        awk -F: '{ n += $2 } END { print n + 0 }'
}
end=$((SECONDS + SECONDS_LONG))
while test $SECONDS -lt $end; do
    echo "$(date +%s.%N) $(received) $(stats i1 inspected_bytes)" \
        "$(stats i1 metadata.step)"
    sleep 0.5
done >"$SANDBOX_DIR/samples"
/usr/bin/python3 - "$SANDBOX_DIR/samples" <<'END' >"$SANDBOX_DIR/worst"
import sys

rows = [line.split() for line in open(sys.argv[1])]
rows = [(float(r[0]), int(r[1]), int(r[2])) for r in rows]
worst, total = 0, rows[-1][2] - rows[0][2]
for t, wire, seen in rows:
    before = [r for r in rows if r[0] <= t - 60]
    if before:
        _, w, s = before[-1]
        worst = max(worst, (wire - w) / max(1, seen - s))
print(f'{100 * worst:.3f} {total // 1000000}')
END
read -r worst megabytes <"$SANDBOX_DIR/worst"
diag "at most $worst % in 60 s, of $megabytes MB in all; steps taken:" \
    "$(awk '{print $4}' "$SANDBOX_DIR/samples" | uniq -c | tr -s ' \n' ' ')"
check "there was load" test "$megabytes" -gt 20
check "never more than 1 %" awk -v w="$worst" \
    'BEGIN { exit !(w > 0 && w <= 1) }'
check "a step was needed" not status_is Inspector i1 metadata full
check_soon "the load is over" 20 settle i1
sums_agree() {
    flush && sleep 1
    equal "$($RECORDS sum "$RECORDS_FILE" | cut -d' ' -f3)" \
        "$(stats i1 inspected_packets)"
}
check_soon "sums over all records are exact" 20 sums_agree
host_down
done_testing
