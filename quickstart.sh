#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds Open vSwitch with the extension and shows it at work, in a sandbox
# that leaves nothing behind (build-aux/sandbox.sh draws it).
#
#      app 10.77.0.3          web 10.77.0.1          dns 10.77.0.2
#         \_______________________ | ______________________/
#                               br-int                       VMs: namespaces
#            inspector "vms" (1): automatic, in front of outputs
#            inspector "flows" (2): where two OpenFlow flows say so
#                     |            | TLS
#                     |     ovs-inspect-collector -> records.json
#                     |
#               function VM "ids": tcp/80 from app goes through it, in the end
#                                  with nobody in it
#
# With --dpdk a VM's port is a dpdkvhostuserclient, and a PMD thread polls it;
# that of the function remains a port of the kernel.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=build-aux/sandbox.sh
. "$top/build-aux/sandbox.sh"
# shellcheck source=build-aux/build.sh
. "$top/build-aux/build.sh"

usage() {
    cat <<END
quickstart.sh: see Open vSwitch inspect the traffic between three VMs
usage: ./quickstart.sh [OPTION]...

Installs what is missing (Debian packages), builds Debian's Open vSwitch with
the inspect action, and runs both in a sandbox: private network namespaces, a
private run directory, a PKI made on the spot.  Nothing of this host's
network or Open vSwitch is touched.  Ctrl-C ends the live view with a
summary; once more ends all at once.

  --dpdk         on DPDK: the VMs are vhost-user guests with virtio interfaces;
                 needs 512 MiB of memory that can become huge pages, which
                 are given back
  --once         run to the end without a terminal; succeed only when every
                 sum holds
  --build-only   stop after the build; the last line is PREFIX=DIR
  --clean        remove what a sandbox that was killed has left, and stop
  -h, --help     this text

Environment: OVSEXT_CACHE (builds are kept there; default ~/.cache/ovs-ext),
PREFIX (an installation to use instead of building).
END
}

die() {
    echo "quickstart.sh: $*" >&2
    exit 1
}

# Outside: build, and enter
# -------------------------

# What the build is made of, as one number.
fingerprint() {
    local parts=(lib ovs-ext utilities m4 configure.ac Makefile.am boot.sh
                 build-aux/build.sh)
    {
        sha256sum /usr/src/openvswitch/openvswitch.tar.gz 2>/dev/null
        cd "$top" || exit
        if git rev-parse --git-dir >/dev/null 2>&1; then
            git ls-files -z -co --exclude-standard -- "${parts[@]}"
        else
            find "${parts[@]}" -type f \( -name '*.[ch]' -o -name '*.def' \
                -o -name '*.mk' -o -name '*.ac' -o -name '*.am' \
                -o -name '*.json' -o -name '*.xml' -o -name 'ovsext.m4' \
                -o -name integrate \) -print0
        fi | LC_ALL=C sort -z | xargs -0 sha256sum 2>/dev/null
    } | sha256sum | cut -c1-16
}

# Sets PREFIX; builds what is not built yet.
build() {
    local cache place now
    cache=${OVSEXT_CACHE:-$HOME/.cache/ovs-ext}
    place=$cache/$(basename "$top")-$(printf %s "$top" | sha256sum |
                                      cut -c1-8)
    test -z "$VM_LINK" || place=$place/dpdk
    mkdir -p "$place" || die "$place: cannot be made; set OVSEXT_CACHE"
    exec 8>"$place/lock"
    flock -n 8 || {
        echo "another build is at work in $place; waiting for it"
        flock 8
    }
    PREFIX=$place/prefix
    now=$(fingerprint)
    if test "$(cat "$PREFIX/.built-from" 2>/dev/null)" = "$now"; then
        echo "Built before: $PREFIX"
    else
        rm -f "$PREFIX/.built-from"
        if test -n "$VM_LINK"; then
            OVSEXT_LOG=$place/packages.log ovsext_install dpdk || exit 1
            OVSEXT_CONFIGURE="$OVSEXT_CONFIGURE --with-dpdk=shared"
        fi
        ovsext_build "$PREFIX" "$place/build" ||
            die "the build failed; see above"
        # The packages may only now have brought Open vSwitch's source.
        fingerprint >"$PREFIX/.built-from"
    fi
    exec 8>&-
    export PREFIX
}

# Programs that the demonstration runs: installed when missing and possible.
demo_programs() {
    local program missing=
    ovsext_install run ${VM_LINK:+dpdk} || exit 1
    # Not a Debian, or a package that has them elsewhere.
    for program in curl dig dnsmasq ethtool ip iperf3 openssl ping ss; do
        command -v $program >/dev/null || missing="$missing $program"
    done
    test -z "$missing" || die "not found:$missing; install them first"
}

outside() {
    local mode=live why status
    VM_LINK=
    while test $# -gt 0; do
        case $1 in
        --dpdk) VM_LINK=virtio ;;
        --once) mode=once ;;
        --build-only) mode=build ;;
        --clean) mode=clean ;;
        -h | --help) usage; exit 0 ;;
        *)
            echo "quickstart.sh: $1: no such option; try --help" >&2
            exit 2
            ;;
        esac
        shift
    done
    if test $mode = clean; then
        sandbox_clean | sed 's/^/removed /'
        exit 0
    fi
    if test $mode != build && test "$(id -u)" != 0; then
        die "not root: installing packages and making network namespaces" \
            "needs it; try sudo (or --build-only without)"
    fi
    test -n "$PREFIX" || build
    if test $mode = build; then
        echo "PREFIX=$PREFIX"
        exit 0
    fi
    demo_programs
    if why=$(sandbox_missing) ||
       { test -n "$VM_LINK" && why=$(dpdk_missing); }; then
        die "$why"
    fi
    test $mode = once || test -t 1 || mode=once
    SANDBOX_WHY=
    sandbox_enter "$BASH" "$top/quickstart.sh" "$mode"
    status=$?
    test -z "$SANDBOX_WHY" || die "$SANDBOX_WHY"
    exit $status
}

# Inside: the host
# ----------------

BOLD='' DIM='' PLAIN=''
if test -t 1; then
    BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m'
fi

# 1234567 -> 1,234,567
group() {
    local n=$1 out=
    while test ${#n} -gt 3; do
        out=,${n: -3}$out
        n=${n:0:-3}
    done
    echo "$n$out"
}

say() {
    printf '%s%s%s\n' "$BOLD" "$*" "$PLAIN"
}

# Shows a command, and runs it.
show() {
    local word line='  $'
    for word; do
        word=${word//$SANDBOX_DIR/\$DIR}
        case $word in
        *[\ \"\']*) line+=" '$word'" ;;
        *) line+=" $word" ;;
        esac
    done
    printf '%s%s%s\n' "$DIM" "$line" "$PLAIN"
    "$@" >/dev/null || die "this failed: $*"
}

step() {
    printf '  %-58s' "$1"
    shift
    if "$@" >"$SANDBOX_DIR/out/step" 2>&1; then
        echo ok
    else
        echo failed
        sed 's/^/    /' "$SANDBOX_DIR/out/step" "$OVS_LOGDIR"/*.log | tail
        exit 1
    fi
}

both_in_force() {
    status_is Inspector vms state active &&
        status_is Inspector flows state active &&
        uplink_active vms && uplink_active flows
}

build_host() {
    say "A host of its own, in ${SANDBOX_DIR}"
    step "certificates: a CA, the collector's, the sensor's" pki_init host-1
    step "ovsdb-server" switch_start_db
    if test -n "$VM_LINK"; then
        step "ovs-vswitchd on DPDK" switch_start_dpdk
    else
        step "ovs-vswitchd" switch_start
    fi
    step "ovs-inspect-collector on 127.0.0.1:$COLLECTOR_PORT" collector_start
    step "br-int, on the userspace datapath" bridge br-int
    step "VM web 10.77.0.1" make_vm web br-int ip=10.77.0.1/24 \
        ip6=fd77::1/64
    step "VM dns 10.77.0.2" make_vm dns br-int ip=10.77.0.2/24 \
        ip6=fd77::2/64
    step "VM app 10.77.0.3" make_vm app br-int ip=10.77.0.3/24 \
        ip6=fd77::3/64
}

switch_on() {
    local group='dl_dst=01:00:00:00:00:00/01:00:00:00:00:00'
    local same=(-- --id=@u create Inspect_Uplink)
    say "Inspection is switched on"
    show ovs-vsctl set-ssl "$PKI/sensor.key" "$PKI/sensor.pem" \
        "$PKI/site-ca.pem"
    show ovs-vsctl "${same[@]}" name=vms \
        "target=\"ssl:127.0.0.1:$COLLECTOR_PORT\"" \
        -- --id=@i create Inspector name=vms id=1 uplinks=@u \
        active_timeout=1 idle_timeout=10 \
        other_config:identity-keys=vm-name \
        -- add Bridge br-int inspectors @i
    echo "  ... and once more where flows say so, to have their counters as" \
         "reference:"
    show ovs-vsctl "${same[@]}" name=flows \
        "target=\"ssl:127.0.0.1:$COLLECTOR_PORT\"" \
        -- --id=@i create Inspector name=flows id=2 select=flows uplinks=@u \
        active_timeout=1 idle_timeout=10 \
        -- add Bridge br-int inspectors @i
    show ovs-ofctl add-flow br-int \
        "priority=1,$group,actions=inspect(id=2),NORMAL"
    show ovs-ofctl add-flow br-int 'priority=0,actions=inspect(id=2),NORMAL'
    step "in force, uplinks connected" sandbox_wait 60 both_in_force
}

start_servers() {
    local www=$SANDBOX_DIR/www
    mkdir -p "$www"
    head -c 100000 /dev/urandom >"$www/page"
    echo tiny >"$www/tiny"
    pki_cert site web web.shop.test \
        DNS:web.shop.test,IP:10.77.0.1 || return 1
    vm_spawn web http /usr/bin/python3 -c '
import functools, http.server as h, socketserver, sys
h.ThreadingHTTPServer.request_queue_size = 512
handler = functools.partial(h.SimpleHTTPRequestHandler, directory=sys.argv[1])
h.ThreadingHTTPServer(("", 80), handler).serve_forever()' "$www"
    vm_spawn web tls openssl s_server -accept 443 -www -quiet \
        -cert "$PKI/web.pem" -key "$PKI/web.key"
    vm_spawn web bulk iperf3 --server
    vm_spawn dns dns dnsmasq --keep-in-foreground --conf-file=/dev/null \
        --no-resolv --no-hosts --no-poll --user=root --pid-file= \
        --listen-address=10.77.0.2 --bind-interfaces \
        --address=/web.shop.test/10.77.0.1 --local=/shop.test/
    sandbox_wait 30 eval 'vm_listens web tcp 80 && vm_listens web tcp 443 &&
        vm_listens web tcp 5201 && vm_listens dns udp 53'
}

all_reach_all() {
    local v i
    for v in web dns app; do
        for i in 1 2 3; do
            vm $v ping -q -c 1 -W 10 10.77.0.$i || return 1
            vm $v ping -q -c 1 -W 10 fd77::$i || return 1
        done
    done
}

# Inside: a function VM
# ---------------------

ids_start() {
    vm_spawn ids ids "$top/build-aux/function.py" forward in out \
        "$SANDBOX_DIR/ids.log" "$SANDBOX_DIR/ids.counts"
}

ids_make() {
    make_function ids br-int && ids_start &&
        vm_spawn web witness "$top/build-aux/function.py" witness eth0 \
            10.77.0.3 80 "$SANDBOX_DIR/witness.counts" &&
        sandbox_wait 30 test -s "$SANDBOX_DIR/ids.counts" -a \
            -s "$SANDBOX_DIR/witness.counts"
}

ids_is() {
    test "$(function_stats ids state)" = "$1"
}

# What the inspector says of it, in its own words.
ids_says() {
    local state effect
    read -r state effect <<<"$(function_stats ids state effect)"
    echo "    $state: $effect"
}

function_joins() {
    say "A function VM joins: two arms; it marks, logs and forwards"
    step "VM ids, behind the ports ids-in and ids-out" ids_make
    show ovs-vsctl -- --id=@f create Inspect_Function name=ids slot=4 \
        input_port=ids-in output_port=ids-out \
        probe_interval=100 \
        -- --id=@r create Inspect_Rule name=app-web slot=4 action=redirect \
        direction=from-vm 'source="id:vm-name=app"' 'service="tcp/80"' \
        -- set Inspector vms mode=inline functions=@f rules=@r
    step "in force, its probes come back" sandbox_wait 30 ids_is up
}

# sent to it, came back, passed it by, dropped | what ids counted: tcp/80,
# others | what web got: app's with the mark, without; others' with, without.
ids_counters() {
    local own
    read -r -a own <"$SANDBOX_DIR/ids.counts"
    echo "$(function_stats ids in out bypassed refused)" "${own[@]:0:2}" \
        "$(cat "$SANDBOX_DIR/witness.counts")"
}

# What became of packets since the last phase, into PHASES.
phase() {
    local now
    now=$(at_rest 0.3 ids_counters) # Who counts may be late.
    PHASES[$1]=$(census_difference "$now" "$IDS_LAST")
    IDS_LAST=$now
}

# Killed, it cannot say goodbye: its links stay up, only probes tell.
function_dies() {
    say "The function is killed, and comes back"
    sandbox_kill ids KILL
    step "killed: down when its probes are lost" \
        sandbox_wait 30 ids_is probes-lost
    ids_says
    step "fail_mode=open: app reads 5 pages, past it" app_reads 5
    phase open
    show ovs-vsctl set Inspect_Function ids fail_mode=closed
    step "fail_mode=closed: app reads no page" app_reads_none
    ids_says
    step "... but speaks DNS and TLS, and others read" others_pass
    phase closed
    step "started again: up by itself" eval \
        'ids_start; sandbox_wait 30 ids_is up'
    step "app reads 5 pages, through it" app_reads 5
    phase again
}

app_reads() {
    vm app curl -sSf --max-time 30 -o /dev/null "http://10.77.0.1/tiny?[1-$1]"
}

# Twice: the first may have been on its way when the mode changed.
app_reads_none() {
    sandbox_wait 15 function_closed &&
        ! vm app curl -sSf --max-time 2 -o /dev/null http://10.77.0.1/tiny
}

function_closed() {
    test "$(function_stats ids fail_mode)" = closed
}

others_pass() {
    traffic_dns && traffic_tls &&
        vm dns curl -sSf --max-time 30 -o /dev/null http://10.77.0.1/tiny
}

# Inside: traffic, all by ordinary clients
# ----------------------------------------

traffic_ping() {
    # Who is it?  Asked of all, by ARP and neighbour discovery.
    vm app ip neigh flush dev eth0
    vm web ip neigh flush dev eth0
    vm app ping -q -c 10 -i 0.05 -W 10 10.77.0.1 &&
        vm web ping -q -c 10 -i 0.05 -W 10 fd77::2
}

traffic_dns() {
    local i
    for i in 1 2 3 4 5 6 7 8 9 10; do
        vm app dig +tries=1 +time=15 +short @10.77.0.2 web.shop.test |
            grep -q 10.77.0.1 || return 1
    done
    vm web dig +tries=1 +time=15 @10.77.0.2 nobody.shop.test &&
        vm app dig +tcp +time=15 @10.77.0.2 web.shop.test
}

traffic_http() {
    vm app curl -sSf --max-time 60 -o /dev/null \
        'http://10.77.0.1/page?[1-20]'
}

traffic_tls() {
    local i
    for i in 1 2 3 4 5; do
        vm app curl -sSf --max-time 30 --cacert "$PKI/site-ca.pem" \
            --resolve web.shop.test:443:10.77.0.1 -o /dev/null \
            https://web.shop.test/ || return 1
    done
}

traffic_burst() {
    vm dns curl -sSf -Z --parallel-max 20 --max-time 60 -o /dev/null \
        'http://10.77.0.1/tiny?[1-500]'
}

traffic_bulk() {
    vm app timeout 120 iperf3 -c 10.77.0.1 -n "${1:-200M}"
}

round_once() {
    step "ping, IPv4 and IPv6" traffic_ping
    step "DNS: 12 questions, one of them over TCP" traffic_dns
    step "HTTP: 20 pages" traffic_http
    step "TLS: 5 pages" traffic_tls
    step "a burst of 500 short connections" traffic_burst
    step "a bulk transfer of 200 MB" traffic_bulk 200M
}

rounds() {
    while :; do
        traffic_ping
        traffic_dns
        traffic_http
        traffic_tls
        traffic_burst
        traffic_bulk 100M
        sleep 1
    done >"$SANDBOX_DIR/out/rounds" 2>&1
}

live() {
    local pid
    sandbox_finish_on_signal
    rounds &
    pid=$!
    printf '\e[2J'
    $RECORDS watch "$RECORDS_FILE" --inspector 1 --stop "$SANDBOX_DIR/finish"
    printf '\e[2J\e[H'
    # The loop, and what it is running.
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    for pid in $(ip netns pids app; ip netns pids dns; ip netns pids web); do
        case $(cat "/proc/$pid/comm" 2>/dev/null) in
        curl | dig | ping | iperf3 | timeout)
            test "$pid" = "$(cat "$SANDBOX_DIR/pid/bulk")" ||
                kill -KILL "$pid" 2>/dev/null ;;
        esac
    done
    sleep 0.5
}

# Inside: the sums
# ----------------

ids_row() {     # TITLE PHASE HOLDS: a line, and whether it is as it must be.
    local c mark='='
    read -ra c <<<"${PHASES[$2]}"
    sent=${c[0]} back=${c[1]} past=${c[2]} dropped=${c[3]}
    own=${c[4]} own_rest=${c[5]}
    marked=${c[6]} plain=${c[7]} alien=${c[8]}
    if ! (($3)); then
        mark=DIFFERS
        FAULTS=$((FAULTS + 1))
    fi
    printf '  %-26s %11s %10s %10s %10s  %s\n' "$1" "$(group "$sent")" \
        "$(group "$back")" "$(group "$past")" "$(group "$dropped")" "$mark"
}

# Everything that was inspected, but what the rule speaks of.
summary_function() {
    local sent back past dropped own own_rest marked plain alien
    local total=() p c i
    say "Function \"ids\", with one rule: tcp/80 from app"
    printf '  %-26s %11s %10s %10s %10s\n' packets 'sent to it' 'came back' \
        'past it' dropped
    ids_row "while it ran" ran 'sent > 0 && back == sent && own == sent &&
        marked == sent && past + dropped + plain + own_rest + alien == 0'
    ids_row "killed, fail_mode=open" open 'past > 0 && plain == past &&
        sent + back + dropped + marked + alien == 0'
    ids_row "killed, fail_mode=closed" closed 'dropped > 0 &&
        sent + back + past + marked + plain + alien == 0'
    ids_row "started again" again 'sent > 0 && back == sent && own == sent &&
        marked == sent && past + dropped + plain + own_rest + alien == 0'
    for p in "${PHASES[@]}"; do
        read -ra c <<<"$p"
        for i in "${!c[@]}"; do
            total[i]=$((total[i] + c[i]))
        done
    done
    printf '  %-50s %s of tcp/80, %s others\n' "it has logged itself" \
        "$(group "${total[4]}")" "$(group "${total[5]}")"
    printf '  %-50s %s with its mark, %s without\n' "web got from app" \
        "$(group "${total[6]}")" "$(group "${total[7]}")"
    printf '  %-50s %s with its mark, %s without\n' \
        "          from others by tcp/80" \
        "$(group "${total[8]}")" "$(group "${total[9]}")"
    printf '  %-50s %s packets\n' "everything else, past it" \
        "$(group $((I1[0] - total[0] - total[2] - total[3])))"
    test "${total[9]}" -gt 0 || FAULTS=$((FAULTS + 1))
}

# The counters of the demonstration: what was before is not part of it.
compare() {
    local all
    read -ra all <<<"$(census_difference "$1" "$ZERO")"
    M=("${all[@]:0:2}")
    U=("${all[@]:2:2}")
    I1=("${all[@]:4:2}")
    I2=("${all[@]:6:2}")
    R1=("${all[@]:8:2}")
    R2=("${all[@]:10:2}")
    # Three VMs: a copy of a group packet goes to two of them.
    A=($((U[0] + 2 * M[0])) $((U[1] + 2 * M[1])))
    B=($((U[0] + M[0])) $((U[1] + M[1])))
}

sums_hold() {
    test "${I1[*]}" = "${A[*]}" && test "${I2[*]}" = "${B[*]}" &&
        test "${R1[*]}" = "${I1[*]}" && test "${R2[*]}" = "${I2[*]}"
}

row_of() {
    local mark=''
    test "$#" = 3 || { test "$2 $3" = "$4 $5" && mark='=' || mark='DIFFERS'; }
    printf '  %-50s %12s %16s  %s\n' "$1" "$(group "$2")" "$(group "$3")" \
        "$mark"
}

terms() {           # INSPECTOR: seen = inspected + skipped + lost.
    local seen inspected skipped lost
    read -r seen inspected skipped lost \
        <<<"$(stats "$1" seen_packets inspected_packets skipped lost)"
    printf '  %-8s seen %s = inspected %s + skipped %s + lost %s' "$1:" \
        "$(group "$seen")" "$(group "$inspected")" "$(group "$skipped")" \
        "$(group "$lost")"
    check_sum $((inspected + skipped + lost)) "$seen"
    test "$lost" = 0 || FAULTS=$((FAULTS + 1))
}

uplink_terms() {    # NAME: produced = sent + queued + dropped.
    local produced sent queued dropped
    read -r produced sent queued dropped \
        <<<"$(uplink_records "$1")"
    printf '  %-8s produced %s = sent %s + queued %s + dropped %s' "$1:" \
        "$(group "$produced")" "$(group "$sent")" "$(group "$queued")" \
        "$(group "$dropped")"
    check_sum $((sent + queued + dropped)) "$produced"
    test "$dropped" = 0 || FAULTS=$((FAULTS + 1))
}

check_sum() {
    if test "$1" = "$2"; then
        echo
    else
        echo "  DIFFERS"
        FAULTS=$((FAULTS + 1))
    fi
}

summary() {
    local records wire
    FAULTS=0
    say "Counting"
    compare "$(census_at_rest br-int)"
    read -ra records <<<"$($RECORDS sum "$RECORDS_FILE" --inspector 1)"
    wire=$(($(uplink vms wire_bytes) - WIRE_ZERO))
    say "Who talked to whom, as the collector has it"
    $RECORDS pairs "$RECORDS_FILE" --inspector 1 --limit 16 | sed 's/^/  /'
    echo
    say "Conservation: each line is counted at another place"
    printf "  %-50s %12s %16s\n" '' packets bytes
    row_of "flows that carry inspect(id=2): to one VM" "${U[@]}"
    row_of "                                to a group" "${M[@]}"
    echo "  inspector \"flows\": each packet of a flow once"
    row_of "  expected: n_packets, n_bytes" "${B[@]}"
    row_of "  inspected" "${I2[@]}" "${B[@]}"
    row_of "  in records at the collector" "${R2[@]}" "${B[@]}"
    echo "  inspector \"vms\": each output to a VM once (a group has two more)"
    row_of "  expected: to one VM + 2 x to a group" "${A[@]}"
    row_of "  inspected" "${I1[@]}" "${A[@]}"
    row_of "  in records at the collector" "${R1[@]}" "${A[@]}"
    sums_hold || FAULTS=$((FAULTS + 1))
    echo
    say "Terms, since the start"
    terms vms
    terms flows
    uplink_terms vms
    uplink_terms flows
    echo
    summary_function
    echo
    say "Summary"
    printf '  connections           %s, in %s records\n' \
        "$(group "${records[0]}")" "$(group "${records[1]}")"
    printf '  bytes inspected       %s\n' "$(group "${I1[1]}")"
    printf '  metadata on the wire  %s bytes, TLS included: %s %%\n' \
        "$(group "$wire")" \
        "$(awk -v w="$wire" -v b="${I1[1]}" \
           'BEGIN { printf "%.3f", b ? 100 * w / b : 0 }')"
    if test "$FAULTS" = 0; then
        say "Every sum holds."
    else
        say "$FAULTS sums do not hold."
        return 1
    fi
}

inside() {
    local mode=$1
    sandbox_init || die "the sandbox could not be made"
    build_host
    switch_on
    step "servers: HTTP, TLS, DNS, iperf3" start_servers
    step "everyone reaches everyone" all_reach_all
    function_joins
    ZERO=$(census_at_rest br-int) || die "the counters are not at rest"
    WIRE_ZERO=$(uplink vms wire_bytes)
    declare -A PHASES
    IDS_LAST='0 0 0 0 0 0 0 0 0 0'
    if test "$mode" = once; then
        say "Traffic"
        round_once
    else
        live
    fi
    phase ran
    function_dies
    summary
    exit
}

if sandbox_inside; then
    inside "$@"
else
    outside "$@"
fi
