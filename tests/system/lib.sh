# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For tests/system/*.sh: a sandbox (build-aux/sandbox.sh) and TAP.
#
#     . "$(dirname "$0")/lib.sh"
#     system_test "$@"          # Enters the sandbox; returns in it.
#     ...
#     check "what must hold" COMMAND...
#     done_testing
#
# In: PREFIX, or OVSEXT_BUILD for what is not installed.  LIMIT: seconds that
# the test may take; it ends what hangs, so it is far more than any test needs.
# VM_LINK=virtio: on DPDK, or skipped.  KEEP=DIR: the sandbox's files are copied
# to DIR at the end, for whoever looks for the reason of a failure.

LIMIT=${LIMIT:-900}
# Seconds to wait are those of a quiet machine: one that is slow, or busy with
# other things, has this many times as long.  Nothing waits longer than it must.
SANDBOX_PATIENCE=5

TESTS_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../build-aux/sandbox.sh
. "$TESTS_HOME/../../build-aux/sandbox.sh"
# shellcheck source=../tap.sh
. "$TESTS_HOME/../tap.sh"

system_test() {
    local why status
    if sandbox_inside; then
        trap at_exit EXIT
        trap 'diag "longer than $LIMIT s"; exit 124' TERM
        sandbox_timer "$LIMIT"
        exec 2>"$SANDBOX_DIR/stderr"
        sandbox_init || bail "the sandbox could not be made"
        return
    fi
    export OVSEXT_BUILD
    if why=$(sandbox_missing) ||
       { test "$VM_LINK" = virtio && why=$(dpdk_missing); }; then
        echo "1..0 # SKIP $why"
        exit 77
    fi
    SANDBOX_WHY=''
    sandbox_enter "$BASH" "$0" "$@"
    status=$?
    test -z "$SANDBOX_WHY" || echo "1..0 # SKIP $SANDBOX_WHY"
    exit $status
}

at_exit() {
    sed 's/^/# /' "$SANDBOX_DIR/stderr"
    if test -z "$FINISHED"; then
        echo "not ok $((N_TESTS + 1)) - ran to its end"
        echo "1..$((N_TESTS + 1))"
    fi
    if test -n "$KEEP"; then
        mkdir -p "$KEEP" && cp -r "$SANDBOX_DIR/." "$KEEP/" 2>/dev/null
    fi
}

# Something that everything after it needs.
need() {
    check "$@" && return
    diag "$(tail -n 5 "$OVS_LOGDIR"/*.log 2>/dev/null)"
    bail "nothing else can be tested"
}

# check_soon WHAT SECONDS COMMAND...: with patience.
check_soon() {
    local what=$1 seconds=$2
    shift 2
    check "$what (within $seconds s)" soon "$seconds" "$@"
}

# soon SECONDS COMMAND...: it was true once; if not, what it says at last.
soon() {
    sandbox_wait "$@" || "${@:2}"
}

# check_within WHAT SECONDS COMMAND...: where the time is what is promised; only
# what others want of the processors is allowed for.
check_within() {
    # shellcheck disable=SC2034
    local SANDBOX_PATIENCE=1
    check_soon "$1" $(($2 * $(busy))) "${@:3}"
}

# How many want each processor, in the last minute or now.
busy() {
    awk -v n="$(nproc)" '{ now = $4 + 0
        print int(($1 > now ? $1 : now) / n) + 1 }' /proc/loadavg
}

# is_soon WHAT SECONDS EXPECTED COMMAND...: what it prints becomes that.
is_soon() {
    sandbox_wait "$2" prints "${@:3}"
    is "$1" "$("${@:4}" 2>/dev/null)" "$3"
}

prints() {
    test "$("${@:2}")" = "$1"
}

# in_force [INSPECTOR]: what is in the database now, is; a fault is no reason
# to wait.  And no flow of the datapath is of before.
in_force() {
    local name=${1:-i1}
    CFG=$((CFG + 1))
    ovs-vsctl --timeout=60 set Inspector "$name" next_cfg=$CFG &&
    ovs-vsctl --timeout=60 wait-until Inspector "$name" cur_cfg=$CFG &&
    appctl revalidator/wait >/dev/null
}
CFG=0

# is_active INSPECTOR: for each packet from now on.
is_active() {
    status_is Inspector "$1" state active && appctl revalidator/wait >/dev/null
}

# records EXPR [OPTION]...: how many records the collector wrote fulfil it.
records() {
    $RECORDS query "$RECORDS_FILE" --where "$@"
}

# The whole host up to the collector: PKI, database, switch, collector.
host_up() {
    need "certificates can be made" pki_init
    need "ovsdb-server starts" switch_start_db
    if test "$VM_LINK" = virtio; then
        need "ovs-vswitchd starts on DPDK" switch_start_dpdk "$@"
    else
        need "ovs-vswitchd starts" switch_start "$@"
    fi
    need "the collector starts" collector_start
}

# What ends every test: no crash on the way, a clean exit.
host_down() {
    local pid
    pid=$(switch_pid)
    check "ovs-vswitchd is alive" kill -0 "$pid"
    check "ovs-vswitchd ends by itself" switch_stop --cleanup
    check "no crash report, no assertion" no_crash
}

no_crash() {
    ! compgen -G "$OVS_LOGDIR/inspect-crash.*" &&
    ! grep -hE 'EMER|assertion|SIGSEGV|SIGABRT' "$OVS_LOGDIR"/*.log
}

# settle: until the inspected packets stop growing.
settle() {
    local last=-1 now i
    for ((i = 0; i < 50; i++)); do
        now=$(stats "$1" inspected_packets)
        test "$now" = "$last" && return 0
        last=$now
        sleep 0.2
    done
    return 1
}

# inspected: packets of inspector "vms".
inspected() { stats vms inspected_packets; }

# more WHAT BEFORE N: so many have been inspected since, and no more come.
more() {
    sandbox_wait 2 prints $(($2 + $3)) inspected
    sleep 0.3
    is "$1" $(($(inspected) - $2)) "$3"
}

# once WHAT FROM TO ADDRESS [N]: N datagrams to the echo on TO are 2 N
# inspections of inspector "vms" and one record.  Of the caller: $traffic,
# settled FROM ADDRESS, and between FROM TO, which prints what is to be true of
# the record's two ends.  $port is the one that was used.
port=5000
once() {
    local what=$1 from=$2 to=$3 address=$4 n=${5:-20} before got
    port=$((port + 1))
    settled "$from" "$address"
    before=$(inspected)
    got=$(vm "$from" "$traffic" udp "$address" 7 "$n" 200 $port)
    is "$what: all $n are echoed" "$got" "$n"
    more "$what: each inspected once" "$before" $((2 * n))
    flush vms
    sandbox_wait 3 records "src_port == $port"
    is "$what: one connection between the two VMs" \
        "$(records "src_port == $port and $(between "$from" "$to") and
            flow.pkts_toserver == $n and flow.pkts_toclient == $n")" 1
}
