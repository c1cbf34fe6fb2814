#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What we write is IPFIX to programs that others wrote: tshark and libfixbuf's
# ipfixDump read a file of our messages, and find in it what we put there.
# And Documentation/records.md is what record.def says.
#
#   ipfix-sample --> file --> tshark -V
#                        +--> ipfixDump --rfc5610
#
# Needs no root.  In: IPFIX_SAMPLE, or OVSEXT_BUILD or top_builddir, a build
# directory.
#
# Mutations that make it fail: count set lengths without their header; send a
# template after the first record of it; leave out the type information.

here=$(cd "$(dirname "$0")" && pwd)
sample=${IPFIX_SAMPLE:-${OVSEXT_BUILD:-${top_builddir:-.}}/tests/system/ipfix-sample}
if ! test -x "$sample"; then
    echo "1..0 # SKIP $sample is not built (make tests/system/ipfix-sample)"
    exit 77
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=0
failed=0

check() { # WHAT COMMAND...
    local what=$1
    shift
    n=$((n + 1))
    if "$@" >"$dir/check" 2>&1; then
        echo "ok $n - $what"
    else
        echo "not ok $n - $what"
        sed 's/^/# /' "$dir/check" | head -n 20
        failed=1
    fi
}
skip() {
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}
count() { # N PATTERN FILE: that many lines match.
    local got
    got=$(grep -Ec -- "$2" "$3")
    test "$got" = "$1" || {
        echo "$got lines, not $1, match: $2"
        return 1
    }
}

check "records.md is what record.def says" /usr/bin/python3 \
    "$here/../../build-aux/gen-records.py" "$here/../.." --check
check "messages of known records" "$sample" ipfix host-1 200
"$sample" ipfix host-1 200 >"$dir/known.ipfix"
"$sample" random 5 500 >"$dir/random.ipfix"

if command -v tshark >/dev/null; then
    for f in known random; do
        tshark -r "$dir/$f.ipfix" -V -t ud >"$dir/$f.tshark" \
            2>"$dir/$f.tshark-errors"
        check "tshark reads the $f ones without a complaint" \
            count 0 'Malformed|Expert Info|No template found|\[Error' \
            "$dir/$f.tshark"
    done
    t=$dir/known.tshark
    check "addresses" count 201 'SrcAddr: 10\.0\.0\.1$' "$t"
    check "IPv6 addresses" count 1 'DstAddr: fd00::2$' "$t"
    check "ports" count 202 'DstPort: 80$' "$t"
    check "biflow" count 201 'Octets: 4000 \(Reverse' "$t"
    check "to the nanosecond" count 201 \
        'StartTime: Nov 22, 2025 23:59:50\.000001000 UTC' "$t"
    check "why it ended" count 201 'Flow End Reason: End of Flow detected' \
        "$t"
    check "what the firewall did" count 1 'Firewall Event: Flow denied' "$t"
    check "a protocol's record" count 1 'ApplicationName: tls$' "$t"
    check "the server's name in it, as CERT's element" count 1 \
        'CERT.*Type 294: .*77 77 77 2e 65 78 61 6d 70 6c 65' "$t"
    check "the VM's name, once" count 1 'Virtual Station Name: vm-1' "$t"
    check "its interface" count 1 'Virtual Station Interface Name: tap2' "$t"
    check "its MAC" count 1 'Source Mac Address: .*52:54:00:00:00:02' "$t"
    check "remainders" count 1 'Ethernet Type: 2054' "$t"
    check "the sensor's name" count 1 '68 ?6f ?73 ?74 ?2d ?31' "$t"
else
    skip "tshark reads it" "no tshark: apt-get install tshark"
fi

if command -v ipfixDump >/dev/null; then
    for f in known random; do
        ipfixDump --rfc5610 --in="$dir/$f.ipfix" >"$dir/$f.dump" \
            2>"$dir/$f.dump-errors"
        check "ipfixDump reads the $f ones" test $? = 0
        check "without a complaint" count 0 . "$dir/$f.dump-errors"
    done
    d=$dir/known.dump
    check "as many records as there are" count 1 \
        'File Stats:.* 261 Data Records, 11 Template' "$d"
    check "it learns our elements from the stream" count 0 \
        '32473.*_alienInformationElement' "$d"
    check "a protocol's record" count 1 'inspectAppRecord : .*tls$' "$d"
    check "its fields" count 1 '^client_alpns=http/1.1$' "$d"
    check "their names and values" count 201 'inspectPolicyVersion : 7$' "$d"
    check "unions of private and reverse ones" count 201 \
        'reverseInspectRetransmittedPackets : 0$' "$d"
    check "the sensor's name" count 1 'inspectSensorName : .*host-1$' "$d"
    check "identity" count 1 'virtualStationName : .*vm-2$' "$d"
    check "loss" count 1 'inspectLossRecords : 77$' "$d"
    check "restart" count 1 'inspectRestartLost : 78$' "$d"
else
    skip "ipfixDump reads it" "no ipfixDump: apt-get install libfixbuf-tools"
fi
echo "1..$n"
exit $failed
