#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What inspecting a capture takes of a processor, for the probe and for other
# programs that are installed here.
#
#   probes.sh --probe=FILE [--reader=FILE] [--rounds=N] [--copies=N] [CAPTURE]
#
# Without CAPTURE one is made of all Ethernet captures below $INSP_PCAPS: each
# begins within the same minutes, --copies of the whole follow one another a
# day apart.  Every program reads the same file, in turn, --rounds times; the
# figure is the median of user and system time.  "less reading" takes away what
# libpcap alone takes for it (read-capture.c): the probe has a reader of its
# own, which is quicker, so to it that is a gift of as much.
#
# Prints a table and a JSON line.  Needs nothing but the probe; what is not
# there is said.
set -u

probe=
reader=${READER:-}
rounds=3
copies=12
patience=60             # Seconds, for one program.
capture=
for arg; do
    case $arg in
    --probe=*) probe=${arg#*=} ;;
    --reader=*) reader=${arg#*=} ;;
    --rounds=*) rounds=${arg#*=} ;;
    --copies=*) copies=${arg#*=} ;;
    -h | --help) sed -n '3,/^set/s/^# \{0,1\}//p' "$0" | head -n -1; exit ;;
    -*) echo "probes.sh: $arg: no such option" >&2; exit 2 ;;
    *) capture=$arg ;;
    esac
done
test -x "$probe" || { echo "probes.sh: --probe: no such program" >&2; exit 2; }

work=$(mktemp -d "${TMPDIR:-/tmp}/probes.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# FILE BEGIN K: the same packets, from another time on.
move() {
    editcap -F pcap -t "$(awk -v a="$2" -v k="$3" -v n="$4" \
        'BEGIN { printf "%.6f", 1700000000 + k * 86400 + n % 300 - a }')" \
        "$1" "$work/part-$3-$4" 2>/dev/null
}

make_capture() {
    local k n=0 f begin
    find "$INSP_PCAPS" -type f -print0 | sort -z |
        xargs -0 capinfos -T -r -E -a -S -N 2>/dev/null |
        awk -F '\t' '$2 == "ether" && $3 + 0 > 0 { print $3 "\t" $1 }' \
            >"$work/list"
    while IFS=$'\t' read -r begin f; do
        n=$((n + 1))
        for ((k = 0; k < copies; k++)); do
            move "$f" "$begin" "$k" "$n"
        done
    done <"$work/list"
    # By copy: the order is right already, and files that may be open are few.
    for ((k = 0; k < copies; k++)); do
        mergecap -F pcap -s 262144 -w "$work/copy-$k" "$work"/part-"$k"-* ||
            return 1
        rm -f "$work"/part-"$k"-*
    done
    mergecap -a -F pcap -w "$work/all.pcap" "$work"/copy-*
    rm -f "$work"/copy-*
    test -s "$work/all.pcap"
}

if test -z "$capture"; then
    if test -z "${INSP_PCAPS:-}" || ! command -v mergecap >/dev/null; then
        echo "probes.sh: no CAPTURE, and INSP_PCAPS or mergecap is missing:" \
            "nothing was measured"
        exit 0
    fi
    make_capture || { echo "probes.sh: no capture could be made" >&2; exit 1; }
    capture=$work/all.pcap
fi
cp "$capture" "$work/capture.pcap" 2>/dev/null ||
    ln -f "$capture" "$work/capture.pcap"
file=$work/capture.pcap
test "$capture" = "$work/all.pcap" && rm -f "$capture"

# NAME: writes what it has to say to $work/out.
names=()
declare -A command version
add() {
    names+=("$1")
    version[$1]=$2
    command[$1]=$3
}
have() {
    command -v "$1" >/dev/null && return
    echo "$1: not installed"
    return 1
}

test -x "$reader" && add "libpcap, reading only" "" "$reader $file"
p="$probe -q -r $file"
add "probe, JSON" "" "$p -w $work/out/json"
add "probe, IPFIX" "" "$p --format=ipfix -w $work/out/ipfix"
add "probe, flows only" "" "$p --only=flow -w $work/out/json"
have yaf && {
    v=$(yaf --version 2>&1 | awk 'NR == 1 { print $3 }')
    add "yaf" "$v" "yaf --in $file --out $work/out/yaf"
    add "yaf, labels" "$v" \
        "yaf --in $file --out $work/out/yaf --applabel --max-payload=1024"
}
have softflowd && add "softflowd" \
    "$(softflowd -h 2>&1 | grep -o '[0-9.]*[0-9]' | head -1)" \
    "softflowd -d -r $file -v 9 -n 127.0.0.1:9 -p $work/pid -c none"
have nfpcapd && add "nfpcapd" \
    "$(nfpcapd -V 2>&1 | grep -o '[0-9]\.[0-9.]*' | head -1)" \
    "nfpcapd -r $file -w $work/out -l $work/out"
have argus && add "argus" \
    "$(argus -h 2>&1 | grep -o '[0-9]\.[0-9.]*' | head -1)" \
    "argus -X -r $file -w $work/out/argus"
have ndpiReader && add "nDPI" \
    "$(ndpiReader -H 2>&1 | grep -io 'ndpi[^0-9]*[0-9.]*' | head -1 |
        grep -o '[0-9.]*$')" \
    "ndpiReader -q -i $file"
have suricata && add "Suricata, no rules" \
    "$(suricata -V | grep -o '[0-9][0-9.]*' | head -1)" \
    "suricata -r $file -l $work/out -S /dev/null --runmode=single"

n_packets=$(test -x "$reader" && "$reader" "$file" | cut -d ' ' -f 1)
if test -z "$n_packets"; then
    n_packets=$("$probe" -q -r "$file" --only=stats -w "$work/n" &&
        capinfos -T -r -c -N "$file" 2>/dev/null | cut -f 2)
fi
test "${n_packets:-0}" -gt 0 ||
    { echo "probes.sh: $file: no packets" >&2; exit 1; }
size=$(stat -c %s "$file")
cat "$file" >/dev/null          # From memory, for the first one too.

declare -A failed
TIMEFORMAT='%U %S'
for ((round = 0; round < rounds; round++)); do
    for name in "${names[@]}"; do
        test -z "${failed[$name]:-}" || continue
        mkdir -p "$work/out"
        # shellcheck disable=SC2086
        { time timeout "$patience" ${command[$name]} >"$work/said" 2>&1; } \
            2>"$work/time"
        code=$?
        if test $code -ne 0; then
            echo "$name: exit status $code: $(tail -n 1 "$work/said")"
            failed[$name]=yes
        fi
        awk -v name="$name" -v code=$code \
            '{ print name "\t" $1 + $2 "\t" code }' "$work/time" \
            >>"$work/times"
        du -bs "$work/out" | awk -v name="$name" \
            '{ print name "\t" $1 - 4096 }' >>"$work/sizes"
        rm -rf "$work/out"
    done
done

{
    for name in "${names[@]}"; do
        awk -F '\t' -v name="$name" '$1 == name && !$3 { print $2 }' \
            "$work/times" | sort -n |
            awk -v name="$name" -v version="${version[$name]}" '
                { t[NR] = $1 }
                END { if (NR) print name "\t" version "\t" \
                          t[int((NR + 1) / 2)] }'
    done
} >"$work/medians"

echo
echo "$n_packets packets, $((size / 1000000)) MB, median of $rounds rounds"
awk -F '\t' -v n="$n_packets" -v size="$size" -v rounds="$rounds" \
    -v sizes="$work/sizes" '
    BEGIN {
        while ((getline line < sizes) > 0) {
            split(line, f, "\t"); out[f[1]] = f[2]
        }
        printf "%-24s %-10s %12s %12s %8s %10s\n", "program", "version",
            "ns a packet", "less reading", "Mpps", "output %"
    }
    {
        ns = $3 * 1e9 / n
        if ($1 ~ /^libpcap/) reading = ns
        printf "%-24s %-10s %12.0f %12.0f %8.2f %10.2f\n", $1, $2, ns,
            ns - reading, 1000 / ns, 100 * out[$1] / size
        json = json sprintf("%s{\"program\":\"%s\",\"version\":\"%s\"," \
            "\"ns\":%.1f,\"less_reading_ns\":%.1f,\"output_bytes\":%d}",
            json ? "," : "", $1, $2, ns, ns - reading, out[$1])
    }
    END {
        printf "{\"bench\":\"probes\",\"packets\":%d,\"bytes\":%d," \
            "\"rounds\":%d,\"programs\":[%s]}\n", n, size, rounds, json
    }' "$work/medians"
