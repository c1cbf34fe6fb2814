#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How many records a second go through one uplink, over TLS 1.3 on loopback, to
# the collector: an exporter (uplink-rate.c) on one processor, the collector on
# another one, if there are two.
#
#   uplink-rate.sh --program=FILE --collector=FILE [--records=N] [--rounds=N]
#                  [--format=ipfix|json]
#
# Three forms in turn, --rounds times each: with a journal, so that each record
# is on the disk ($TMPDIR) before it is acknowledged; without, sent and counted;
# with a journal and JSON lines to a file.  Rates of a machine that has other
# work are worth little: look at what a record takes of a processor on either
# side, which bounds the rate of a core.  Prints a table, medians, and a JSON
# line.
set -u

program=
collector=
records=1000000
rounds=3
format=ipfix
for arg; do
    case $arg in
    --program=*) program=${arg#*=} ;;
    --collector=*) collector=${arg#*=} ;;
    --records=*) records=${arg#*=} ;;
    --rounds=*) rounds=${arg#*=} ;;
    --format=*) format=${arg#*=} ;;
    -h | --help) sed -n '3,/^set/s/^# \{0,1\}//p' "$0" | head -n -1; exit ;;
    *) echo "uplink-rate.sh: $arg: no such option" >&2; exit 2 ;;
    esac
done
test -x "$program" ||
    { echo "uplink-rate.sh: --program: no such program" >&2; exit 2; }
if ! test -x "$collector"; then
    echo "uplink-rate.sh: no ovs-inspect-collector (it is built with Open" \
        "vSwitch): nothing was measured"
    exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/uplink-rate.XXXXXX") || exit 1
pid=
end() {
    test -z "$pid" || { kill "$pid"; wait "$pid"; } 2>/dev/null
    pid=
}
trap 'end; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

pki() { openssl "$@" 2>>"$work/pki"; }
certificate() {         # NAME SAN
    pki req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$work/$1.key" -out "$work/$1.csr" -subj "/CN=$1" &&
        pki x509 -req -in "$work/$1.csr" -days 2 -CA "$work/ca.pem" \
            -CAkey "$work/ca.key" -CAcreateserial -out "$work/$1.pem" \
            -extfile <(printf 'subjectAltName=%s\n' "$2")
}
if ! { pki req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$work/ca.key" -out "$work/ca.pem" -days 2 -subj /CN=ca \
        -addext basicConstraints=critical,CA:TRUE &&
        certificate collector DNS:localhost,IP:127.0.0.1 &&
        certificate sensor DNS:sensor; }; then
    cat "$work/pki" >&2
    exit 1
fi

processors=$(nproc)
on() {                  # PROCESSOR COMMAND...
    if test "$processors" -gt 1; then
        exec taskset -c "$@"
    fi
    shift
    exec "$@"
}
begin() {               # OPTION...: the collector, on a port that is free.
    local i
    port=$((20000 + RANDOM % 20000))
    rm -rf "$work/journal"
    OVS_RUNDIR=$work OVS_LOGDIR=$work on 1 "$collector" \
        --listen="pssl:$port:127.0.0.1" --private-key="$work/collector.key" \
        --certificate="$work/collector.pem" --ca-cert="$work/ca.pem" \
        --unixctl="$work/ctl" "$@" >"$work/said" 2>&1 &
    pid=$!
    for ((i = 0; i < 100; i++)); do
        ss -Hltn "sport = :$port" | grep -q . && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$work/said" >&2
    return 1
}

declare -A options=(
    [journal]="--journal=$work/journal --journal-max-bytes=4G"
    [nothing]="--output=/dev/null"
    [both]="--journal=$work/journal --journal-max-bytes=4G
            --output=$work/lines"
)
for ((round = 0; round < rounds; round++)); do
    for form in journal nothing both; do
        # shellcheck disable=SC2086
        begin ${options[$form]} || exit 1
        before=$(cut -d ' ' -f 1 "/proc/$pid/schedstat")
        said=$(on 0 "$program" "ssl:127.0.0.1:$port" "$work/sensor.key" \
            "$work/sensor.pem" "$work/ca.pem" sensor "$records" "$format") ||
            { tail "$work/said" >&2; exit 1; }
        after=$(cat "/proc/$pid/task"/*/schedstat |
            awk '{ n += $1 } END { printf "%d", n }')
        echo "$form $said $((after - before))" >>"$work/rows"
        end
        rm -f "$work/lines"
    done
done

echo "$records records of connections, $format, median of $rounds rounds"
awk '
    function median(key,    n, i, j, t, v) {
        n = split(key, v, " ")
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {
                t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
            }
        return v[int((n + 1) / 2)]
    }
    !($1 in rate) { order[++n_forms] = $1 }
    {
        rate[$1] = rate[$1] " " $2 / $3
        turn[$1] = turn[$1] " " $4 / $2
        make[$1] = make[$1] " " $5 / $2
        wire[$1] = wire[$1] " " $6 / $2
        taken[$1] = taken[$1] " " $8 / $2
        lost[$1] += $7
    }
    END {
        name["journal"] = "journal, acknowledged"
        name["nothing"] = "no journal"
        name["both"] = "journal and JSON lines"
        printf "%-24s %10s %9s %9s %9s %9s %8s\n", "collector has",
            "records/s", "exporter", "making", "collector", "wire", "dropped"
        for (i = 1; i <= n_forms; i++) {
            f = order[i]
            printf "%-24s %10d %6d ns %6d ns %6d ns %7.1f B %8d\n", name[f],
                median(rate[f]), median(turn[f]), median(make[f]),
                median(taken[f]), median(wire[f]), lost[f]
            json = json sprintf("%s\"%s\":{\"rate\":%d,\"exporter_ns\":%d," \
                "\"collector_ns\":%d,\"wire_bytes\":%.1f}", i > 1 ? "," : "",
                f, median(rate[f]), median(turn[f]), median(taken[f]),
                median(wire[f]))
        }
        printf "{\"bench\":\"uplink-rate\",%s}\n", json
    }' "$work/rows"
