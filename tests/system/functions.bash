# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the tests of service functions, after lib.sh: a bridge, VMs that say
# nothing by themselves, functions.
#
#     lab_up                    # Database, switch, bridge br0, inspector i1.
#     silent_vm a; silent_vm b  # VM number 1, 2: wire.py knows them by it.
#     function_vm f             # Ports f-in and f-out, nothing runs in it.
#     function_run f --flood    # function.py between its two interfaces.
#     function_row f 4          # Inspect_Function in slot 4 of i1.
#     rule r slot=4 action=redirect service='"tcp/80"'
#     in_force
#     through "what" "f" a b proto=tcp dport=80
#
# The state of all of it is what wire.py wrote to $SEEN/VM and $MARKS/FUNCTION.

WIRE=$TESTS_HOME/wire.py
RUN=0

lab_up() {
    SEEN=$SANDBOX_DIR/seen
    MARKS=$SANDBOX_DIR/marks
    mkdir -p "$SEEN" "$MARKS"
    VMS=()
    FUNCTIONS=()
    need "ovsdb-server starts" switch_start_db
    need "ovs-vswitchd starts" switch_start "$@"
    need "a bridge on the userspace datapath" bridge br0 \
        other_config:mac-aging-time=3600
    need "an inline inspector" inspector i1 1 br0
}

# inspector NAME ID BRIDGE [COLUMN=VALUE]...
inspector() {
    ovs-vsctl --timeout=20 --id=@i create Inspector "name=$1" "id=$2" \
        mode=inline "${@:4}" -- add Bridge "$3" inspectors @i >/dev/null
}

# silent_vm NAME [BRIDGE [KEY=VALUE]...]: the next number; no address, so that
# no packet is there that nobody counts.
silent_vm() {
    local name=$1 bridge=${2:-br0}
    make_vm "$name" "$bridge" "${@:3}" || return 1
    VMS+=("$name")
    NUMBER[$name]=$SANDBOX_VMS
    watch "$name" eth0
}
declare -A NUMBER

number() {
    echo "${NUMBER[$1]}"
}

watch() {           # NAMESPACE IFACE...
    vm_spawn "$1" "watch-$1" "$WIRE" watch "$SEEN/$1" "${@:2}"
    sandbox_wait 5 grep -q ready "$SEEN/$1"
}

# hello [VM]...: so that bridges know where they are.
hello() {
    local v n
    test $# -gt 0 || set -- "${VMS[@]}"
    for v; do
        n=$(number "$v")
        vm "$v" "$WIRE" hello eth0 "$n" || return 1
    done
    for v; do
        # In vain where no frame of this kind gets in, as at a trunk.
        sandbox_wait 1 is_known "$v"
    done
    sleep 0.2           # To the bridges behind.
}

# is_known VM [VLAN]: its bridge has its MAC at its port.
is_known() {
    macs "$(ovs-vsctl iface-to-br "$1")" |
        grep -q "^$(of "$1") ${2:-[0-9]*} $(mac_of "$1")\$"
}

# function_vm NAME [BRIDGE [one]]
function_vm() {
    local name=$1 bridge=${2:-br0} i port
    ip netns add "$name" && vm "$name" ip link set dev lo up || return 1
    for i in in out; do
        port=$name-$i
        ip link add name "$port" type veth peer name "$i" netns "$name" &&
        ip link set dev "$port" up &&
        vm "$name" sh -c "echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6" &&
        vm "$name" ip link set dev "$i" up &&
        ovs-vsctl --timeout=20 add-port "$bridge" "$port" || return 1
        vm "$name" ethtool -K "$i" tx off >/dev/null 2>&1
        test "$3" != one || break
    done
    FUNCTIONS+=("$name")
    FUNCTION_ARMS[$name]=${3:-two}
}
declare -A FUNCTION_ARMS

# function_run NAME [OPTION]...: begins, or begins anew; is up.
function_run() {
    function_begin "$@" || return 1
    # If it was up before: the gap is shorter than probe_timeout.
    ovs-vsctl get Inspect_Function "$1" name >/dev/null 2>&1 || return 0
    function_is "$1" up 5
}

function_begin() {
    local name=$1 arms=(in out)
    shift
    test "${FUNCTION_ARMS[$name]}" = two || arms=(in)
    sandbox_kill "run-$name" TERM
    rm -f "$MARKS/$name"
    vm_spawn "$name" "run-$name" "$TESTS_HOME/function.py" \
        --mark "$MARKS/$name" "$@" "${arms[@]}"
    sandbox_wait 5 grep -q ready "$MARKS/$name"
}

# function_row NAME SLOT [COLUMN=VALUE]...: in force, and up.
function_row() {
    function_row_begin "$@" && function_is "$1" up 5
}

# function_row_begin NAME SLOT [COLUMN=VALUE]...: in force.
function_row_begin() {
    local name=$1 slot=$2 out=()
    shift 2
    test "${FUNCTION_ARMS[$name]}" = one || out=("output_port=$name-out")
    ovs-vsctl --timeout=20 --id=@f create Inspect_Function "name=$name" \
        "slot=$slot" "input_port=$name-in" "${out[@]}" probe_interval=100 \
        probe_timeout=5000 "$@" \
        -- add Inspector i1 functions @f >/dev/null && in_force
}

# function_is NAME STATE SECONDS
function_is() {
    sandbox_wait "$3" status_is Inspect_Function "$1" state "$2" && return
    ovs-vsctl get Inspect_Function "$1" status
    return 1
}

# function_set NAME COLUMN=VALUE...
function_set() {
    ovs-vsctl --timeout=20 set Inspect_Function "$@" && in_force
}

# rule NAME COLUMN=VALUE...: in i1.
rule() {
    ovs-vsctl --timeout=20 --id=@r create Inspect_Rule "name=$1" "${@:2}" \
        -- add Inspector i1 rules @r >/dev/null && in_force
}

# redirect NAME SLOT COLUMN=VALUE...
redirect() {
    rule "$1" slot="$2" action=redirect "${@:3}"
}

rules_gone() {      # [NAME]...: all without a name.
    local r
    # shellcheck disable=SC2046
    for r in "${@:-$(ovs-vsctl --bare --columns=name list Inspect_Rule)}"; do
        for r in $r; do
            ovs-vsctl --timeout=20 destroy Inspect_Rule "$r" || return 1
        done
    done
    in_force
}

functions_gone() {  # NAME...
    local f
    for f; do
        ovs-vsctl --timeout=20 destroy Inspect_Function "$f" || return 1
    done
    in_force
}

# fn NAME KEY...: counters of a function.
fn() {
    appctl inspect/functions --json | "$WIRE" function "$@"
}

balanced() {        # NAME...
    local f
    for f; do
        equal "$f: $(fn "$f" balance in_flight)" "$f: 0 0" || {
            appctl inspect/functions
            return 1
        }
    done
}

# send FROM TO [KEY=VALUE]...: the next RUN, 20 frames; TO is a VM or one of
# wire.py's words.
send() {
    local from=$1 to=$2
    shift 2
    RUN=$((RUN + 1))
    send_more "$from" "$to" "$@"
}

# send_more: of the same RUN.
send_more() {
    local from=$1 to=$2 n
    shift 2
    n=$(number "$to")
    vm "$from" "$WIRE" send eth0 "$(number "$from")" "${n:-$to}" \
        run=$RUN "$@"
}

# trip COUNT FUNCTIONS TO|- [OPTION]...: where the frames of RUN must have been:
# through the FUNCTIONS, in that order, to TO; and nowhere else.
trip() {
    local count=$1 functions=$2 to=$3 args=() f v
    shift 3
    test "$to" = - || args+=(--to "$SEEN/$to")
    for f in $functions; do
        args+=(--via "$MARKS/$f")
    done
    for f in "${FUNCTIONS[@]}"; do
        [[ " $functions " == *" $f "* ]] || test ! -e "$MARKS/$f" ||
            args+=(--not "$MARKS/$f")
    done
    for v in "${VMS[@]}"; do
        [[ " $to $ALSO " == *" $v "* ]] || args+=(--not "$SEEN/$v")
    done
    "$WIRE" trip $RUN "$count" "${args[@]}" ${ORDER:+--any yes} "$@"
}
ALSO=           # VMs that may see them, too.
ORDER=          # "any": whoever writes down what passes is not in the way.

sent_through() {    # FUNCTIONS FROM TO KEY=VALUE...
    local functions=$1 from=$2 to=$3
    shift 3
    send "$from" "$to" "$@" &&
        trip "${COUNT:-20}" "$functions" "$to" --expect "${EXPECT:-True}"
}

# through WHAT FUNCTIONS FROM TO [KEY=VALUE]...: a check.  COUNT: how many are
# expected (count= says how many are sent); EXPECT: true of each at the end.
through() {
    check "$1" sent_through "${@:2}"
}

# lost WHAT FUNCTIONS FROM TO [KEY=VALUE]...: goes through these functions and
# arrives nowhere.
lost() {
    check "$1" sent_lost "${@:2}"
}

sent_lost() {
    local functions=$1 from=$2 to=$3
    shift 3
    send "$from" "$to" "$@" && sleep 0.5 &&
        trip "${COUNT:-20}" "$functions" -
}

# NORMAL's MAC table, port numbers and MACs alone.
macs() {
    appctl fdb/show "${1:-br0}" | awk 'NR > 1 { print $1, $2, $3 }' | sort
}

mac_of() {          # VM
    printf '52:54:00:00:00:%02x' "$(number "$1")"
}

of() { ovs-vsctl get Interface "$1" ofport; }

lab_down() {
    if test -n "${FUNCTIONS[*]}"; then
        check_soon "in + injected = out + lost, nothing is in flight" 6 \
            all_balanced
    fi
    host_down
    done_testing
}

all_balanced() {
    local names
    names=$(ovs-vsctl --bare --columns=name list Inspect_Function)
    # shellcheck disable=SC2086
    balanced $names
}
