# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sandbox
# =======
#
# A host of its own on this host: Open vSwitch with the extension, VMs, a
# collector, certificates.  Shared by quickstart.sh and tests/system/.
#
#   this machine                  the sandbox
#   ------------                  -----------------------------------------
#   script (outer) --unshare-->   script (inner), process 1
#     |                             PID, mount and network namespace; /run is
#     |                             a tmpfs, so that "ip netns" names are private
#     |                             +- ovsdb-server, ovs-vswitchd, collector
#     |                             +- VM "web": network namespace, veth
#     |                             +- VM "db" ...
#     +-- $SANDBOX_DIR  <---------  databases, sockets, logs, PKI, records
#
# Nothing has to be undone: processes, namespaces and links end with process
# 1, which the kernel kills when the outer script dies, however it dies (two
# parent-death signals).  What can be left behind is $SANDBOX_DIR; the next
# sandbox, or sandbox_clean, removes those whose owner is gone.
#
# The switch runs in the sandbox's first network namespace, so a program
# that is started plainly runs "on the hypervisor", and "vm web COMMAND" in a
# VM.
#
# In: PREFIX (installed there) or OVSEXT_BUILD (a build directory).
#
# With VM_LINK=virtio the switch runs on DPDK and VMs are vhost-user guests:
#
#   ovs-vswitchd                    dpdk-testpmd, a process a VM
#     port "web" ---- socket ---->    net_virtio_user <-> net_tap "eth0", in
#     dpdkvhostuserclient             the namespace of the VM
#
# so that ordinary programs speak through vhost-user.  sandbox_hugepages says
# what becomes of this host's huge pages.

SANDBOX_PATTERN=${SANDBOX_PATTERN:-/tmp/ovs-ext-sandbox.}
SANDBOX_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RECORDS="/usr/bin/python3 $SANDBOX_HOME/records.py"

# Outside
# -------

# Why no sandbox can be made here, in one sentence; fails when there is none.
sandbox_missing() {
    local program
    if test "$(uname -s)" != Linux; then
        echo "this is not Linux: the sandbox is made of network namespaces"
    elif test "$(id -u)" != 0; then
        echo "not root: network namespaces cannot be made (try sudo)"
    else
        for program in ip:iproute2 ethtool:ethtool openssl:openssl \
                       unshare:util-linux setpriv:util-linux; do
            if ! command -v "${program%:*}" >/dev/null; then
                echo "no ${program%:*}: apt-get install ${program#*:}"
                return 0
            fi
        done
        if ! unshare --pid --fork --mount --net --mount-proc true 2>/dev/null
        then
            echo "this kernel or container lets root make no namespaces" \
                 "(a container needs --privileged)"
        elif ! test -e /dev/net/tun; then
            echo "no /dev/net/tun: bridges cannot be made (a container needs" \
                 "--device /dev/net/tun)"
        else
            return 1
        fi
    fi
}

# A process by number alone may be another one by now.
sandbox_birth() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- $stat
    echo "${20}"
}

# Removes what sandboxes that are gone have left.  Prints what it removed.
sandbox_clean() {
    local dir pid birth
    for dir in "$SANDBOX_PATTERN"*; do
        test -d "$dir" && test ! -L "$dir" && test -O "$dir" || continue
        pid="" birth=""
        { read -r pid birth <"$dir/owner"; } 2>/dev/null
        if test -z "$pid"; then
            # Being made right now, or died in the instant of making.
            test -n "$(find "$dir" -maxdepth 0 -mmin +1)" || continue
        elif test "$(sandbox_birth "$pid")" = "$birth"; then
            continue
        fi
        sandbox_hugepages_back "$dir"
        rm -rf --one-file-system "$dir" && echo "$dir"
    done
}

# Runs COMMAND as process 1 of a sandbox; its exit status, or 77 and a
# sentence in SANDBOX_WHY if it cannot have what it needs.  A first SIGINT
# asks it to finish when it said (sandbox_finish_on_signal) that it can; any
# other signal ends it at once.
sandbox_enter() {
    local child status
    sandbox_clean >/dev/null
    SANDBOX_DIR=$(mktemp -d "${SANDBOX_PATTERN}XXXXXX") || return 1
    trap sandbox_remove EXIT
    echo "$$ $(sandbox_birth $$)" >"$SANDBOX_DIR/owner"
    chmod 755 "$SANDBOX_DIR"
    export SANDBOX_DIR
    if test "$VM_LINK" = virtio; then
        export VM_LINK
        SANDBOX_WHY=$(sandbox_hugepages) || return 77
    fi
    # SIGINT of the terminal is for this process: it decides.
    setpriv --pdeathsig KILL \
        unshare --fork --kill-child --pid --mount --net --mount-proc \
        -- "$@" <&0 &
    child=$!
    SANDBOX_STATUS=
    trap 'sandbox_signal INT 130 '$child INT
    trap 'sandbox_signal TERM 143 '$child TERM
    trap 'sandbox_signal HUP 129 '$child HUP
    while :; do
        { wait $child; } 2>/dev/null
        status=$?
        kill -0 $child 2>/dev/null || break
    done
    trap - INT TERM HUP
    return "${SANDBOX_STATUS:-$status}"
}

sandbox_signal() {
    if test "$1" = INT && test -e "$SANDBOX_DIR/may-finish" &&
       test ! -e "$SANDBOX_DIR/finish"; then
        : >"$SANDBOX_DIR/finish"
    else
        SANDBOX_STATUS=$2
        kill -KILL "$3" 2>/dev/null
    fi
}

# What was just killed may still be writing.
sandbox_remove() {
    local i
    test -n "$SANDBOX_DIR" || return 0
    sandbox_hugepages_back "$SANDBOX_DIR"
    for i in 1 2 3 4 5 6 7 8 9; do
        rm -rf --one-file-system "$SANDBOX_DIR" 2>/dev/null && return 0
        sleep 0.2
    done
    rm -rf --one-file-system "$SANDBOX_DIR"
}

# Outside: DPDK
# -------------

HUGEPAGES=/sys/kernel/mm/hugepages/hugepages-2048kB
DPDK_MEMORY=256         # MiB of the switch.
DPDK_GUEST_MEMORY=64    # MiB of each guest.
DPDK_GUESTS=4           # As many at once.

# Why no sandbox with VM_LINK=virtio can be made here, in one sentence; fails
# when there is none.  After sandbox_missing.
dpdk_missing() {
    local need=$((DPDK_MEMORY + DPDK_GUESTS * DPDK_GUEST_MEMORY))
    local free why
    if why=$(sandbox_programs 2>&1 >/dev/null); test -n "$why"; then
        echo "$why"
    elif ! (sandbox_programs && ovs-vswitchd --version) 2>/dev/null |
            grep -q '^DPDK'; then
        echo "this Open vSwitch was built without DPDK (configure" \
             "--with-dpdk)"
    elif ! command -v dpdk-testpmd >/dev/null; then
        echo "no dpdk-testpmd: apt-get install dpdk-dev"
    elif ! test -r $HUGEPAGES/nr_hugepages; then
        echo "this kernel has no huge pages of 2 MiB"
    else
        free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
        free=$((free + 2 * $(cat $HUGEPAGES/free_hugepages)))
        test "$free" -lt $((need + 512)) || return 1
        echo "$free MiB of memory: DPDK needs $need in huge pages, and 512" \
             "for the rest"
    fi
}

# Huge pages for this sandbox, added to those that the host has; as many as
# came are noted in the sandbox's folder and given back by whoever removes it.
# Nobody mounts a hugetlbfs: switch and guests take theirs from memfd_create(),
# and hand them to each other through the vhost-user socket.
sandbox_hugepages() {
    local need=$(((DPDK_MEMORY + DPDK_GUESTS * DPDK_GUEST_MEMORY) / 2))
    local before after free
    exec 6<$HUGEPAGES/nr_hugepages
    flock 6
    before=$(cat $HUGEPAGES/nr_hugepages)
    echo $((before + need)) 2>/dev/null >$HUGEPAGES/nr_hugepages
    after=$(cat $HUGEPAGES/nr_hugepages)
    echo $((after - before)) >"$SANDBOX_DIR/hugepages"
    exec 6<&-
    free=$(cat $HUGEPAGES/free_hugepages)
    test "$free" -ge $need && return 0
    echo "$free huge pages of 2 MiB can be had, DPDK needs $need: free some" \
         "memory, or reserve them soon after boot (echo $need" \
         ">$HUGEPAGES/nr_hugepages)"
    return 1
}

# Gives back what the sandbox in DIR took.  Pages that are still in use go
# when their last user does.
sandbox_hugepages_back() {
    local taken
    taken=$(cat "$1/hugepages" 2>/dev/null) || return 0
    rm -f "$1/hugepages"
    test "$taken" -gt 0 || return 0
    exec 6<$HUGEPAGES/nr_hugepages
    flock 6
    echo $(($(cat $HUGEPAGES/nr_hugepages) - taken)) >$HUGEPAGES/nr_hugepages
    exec 6<&-
}

# Inside: the host
# ----------------

sandbox_inside() {
    test $$ = 1 && test -n "$SANDBOX_DIR"
}

sandbox_finish_on_signal() {
    : >"$SANDBOX_DIR/may-finish"
}

sandbox_should_finish() {
    test -e "$SANDBOX_DIR/finish"
}

# After SECONDS: SIGTERM to the script, and the end of all that it waits for.
sandbox_timer() {
    (
        sleep "$1"
        kill -TERM 1
        sleep 0.2
        kill -KILL -1
    ) </dev/null >/dev/null 2>&1 &
}

# Where the programs are.
sandbox_programs() {
    local build
    if test -n "$PREFIX"; then
        PATH=$PREFIX/sbin:$PREFIX/bin:$PATH
        SANDBOX_SCHEMA=$PREFIX/share/openvswitch/vswitch.ovsschema
    elif test -n "$OVSEXT_BUILD"; then
        build=$OVSEXT_BUILD/ovs
        PATH=$build/vswitchd:$build/ovsdb:$build/utilities:$PATH
        PATH=$OVSEXT_BUILD/utilities:$PATH
        SANDBOX_SCHEMA=$build/vswitchd/vswitch.ovsschema
    else
        echo "set PREFIX (an installation) or OVSEXT_BUILD (a build)" >&2
        return 1
    fi
    test -r "$SANDBOX_SCHEMA" || {
        echo "$SANDBOX_SCHEMA: not there; build first" >&2
        return 1
    }
}

# The empty host: loopback, a private /run, environment.
sandbox_init() {
    sandbox_programs || return 1
    export PATH
    export OVS_RUNDIR=$SANDBOX_DIR/run OVS_LOGDIR=$SANDBOX_DIR/log
    export OVS_DBDIR=$SANDBOX_DIR/db OVS_SYSCONFDIR=$SANDBOX_DIR/etc
    PKI=$SANDBOX_DIR/pki
    RECORDS_FILE=$SANDBOX_DIR/records.json
    COLLECTOR_PORT=4740
    SANDBOX_VMS=0
    mkdir -p "$OVS_RUNDIR" "$OVS_LOGDIR" "$OVS_DBDIR" "$OVS_SYSCONFDIR" \
        "$SANDBOX_DIR/pid" "$SANDBOX_DIR/out" || return 1
    mount -t tmpfs tmpfs /run && mkdir /run/netns &&
        mount -t sysfs sysfs /sys || return 1
    sandbox_quiet_ip6
    ip link set dev lo up
}

# No packet of the kernel's own: neighbour and router discovery come when a
# VM has an IPv6 address, and not before.
sandbox_quiet_ip6() {
    local conf=/proc/sys/net/ipv6/conf
    test -d $conf || return 0
    echo 1 >$conf/all/disable_ipv6
    echo 1 >$conf/default/disable_ipv6
}

# Waits at most SECONDS until COMMAND succeeds; SANDBOX_PATIENCE times as long
# where that is set.
sandbox_wait() {
    local ends
    ends=$((${EPOCHREALTIME/./} + $1 * 1000000 * ${SANDBOX_PATIENCE:-1}))
    shift
    until "$@" >/dev/null 2>&1; do
        test "${EPOCHREALTIME/./}" -lt "$ends" || return 1
        sleep 0.05
    done
}

# sandbox_spawn NAME COMMAND...: in the background, output to out/NAME.
sandbox_spawn() {
    local name=$1
    shift
    "$@" </dev/null >"$SANDBOX_DIR/out/$name" 2>&1 &
    echo $! >"$SANDBOX_DIR/pid/$name"
}

# sandbox_kill NAME [SIGNAL]: what was spawned; returns when it is gone.
sandbox_kill() {
    local pid
    pid=$(cat "$SANDBOX_DIR/pid/$1" 2>/dev/null) || return 0
    rm -f "$SANDBOX_DIR/pid/$1"
    kill "-${2:-TERM}" "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    return 0
}

# Inside: certificates
# --------------------

# pki_ca NAME: a certification authority.  PKI_DAYS: how long it is good, and
# what it signs.
pki_ca() {
    mkdir -p "$PKI"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$PKI/$1-ca.key" -out "$PKI/$1-ca.pem" \
        -days "${PKI_DAYS:-2}" \
        -subj "/CN=$1 CA" -addext basicConstraints=critical,CA:TRUE \
        2>>"$SANDBOX_DIR/out/pki"
}

# pki_cert CA NAME COMMON-NAME SAN: $PKI/NAME.key and NAME.pem.
pki_cert() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$PKI/$2.key" -out "$PKI/$2.csr" -subj "/CN=$3" \
        2>>"$SANDBOX_DIR/out/pki" &&
    openssl x509 -req -in "$PKI/$2.csr" -days "${PKI_DAYS:-2}" \
        -CA "$PKI/$1-ca.pem" \
        -CAkey "$PKI/$1-ca.key" -CAcreateserial -out "$PKI/$2.pem" \
        -extfile <(printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' \
                   "$4") 2>>"$SANDBOX_DIR/out/pki"
}

# The usual ones: "collector" is known as localhost, the sensor by its id.
pki_init() {
    SENSOR=${1:-host-1}
    pki_ca site &&
    pki_cert site collector collector 'DNS:localhost,IP:127.0.0.1' &&
    pki_cert site sensor "$SENSOR" "DNS:$SENSOR"
}

# Inside: Open vSwitch
# --------------------

switch_start_db() {
    if test ! -e "$OVS_DBDIR/conf.db"; then
        ovsdb-tool create "$OVS_DBDIR/conf.db" "$SANDBOX_SCHEMA" || return 1
    fi
    ovsdb-server "$OVS_DBDIR/conf.db" --remote="punix:$OVS_RUNDIR/db.sock" \
        --no-chdir --detach --pidfile --log-file -vconsole:off \
        -vsyslog:off &&
    ovs-vsctl --no-wait init -- set Open_vSwitch . \
        external_ids:system-id="${SENSOR:-host-1}"
}

# switch_start [OPTION]...: ovs-vswitchd.
switch_start() {
    ovs-vswitchd "unix:$OVS_RUNDIR/db.sock" --no-chdir --detach --pidfile \
        --log-file -vconsole:off -vsyslog:off "$@"
}

# switch_start_dpdk [OPTION]...: the same on DPDK, with one PMD thread on the
# last processor; all else, guests too, keeps to the first.  It finds no
# device of this host.
switch_start_dpdk() {
    local cpus
    read -ra cpus <<<"$(dpdk_cpus)"
    ovs-vsctl --no-wait set Open_vSwitch . other_config:dpdk-init=true \
        other_config:dpdk-socket-mem=$DPDK_MEMORY \
        other_config:dpdk-socket-limit=$DPDK_MEMORY \
        other_config:dpdk-lcore-mask="$(dpdk_mask "${cpus[0]}")" \
        other_config:pmd-cpu-mask="$(dpdk_mask "${cpus[-1]}")" \
        other_config:dpdk-extra="--no-pci --no-telemetry --in-memory" &&
        switch_start "$@" &&
        sandbox_wait 20 dpdk_initialized
}

dpdk_initialized() {
    test "$(ovs-vsctl get Open_vSwitch . dpdk_initialized)" = true
}

# The processors that this process may use, each a word.
dpdk_cpus() {
    /usr/bin/python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)))'
}

dpdk_mask() {
    /usr/bin/python3 -c 'import sys; print(hex(1 << int(sys.argv[1])))' "$1"
}

switch_pid() {
    cat "$OVS_RUNDIR/ovs-vswitchd.pid" 2>/dev/null
}

switch_gone() {
    ! kill -0 "$1" 2>/dev/null
}

# Ends it as its init script does; fails if it does not go by itself.
switch_stop() {
    local pid
    pid=$(switch_pid) || return 0
    test -n "$pid" || return 0
    timeout 30 ovs-appctl -t ovs-vswitchd exit "$@" >/dev/null
    sandbox_wait 15 switch_gone "$pid" && return 0
    kill -KILL "$pid"
    sandbox_wait 5 switch_gone "$pid"
    return 1
}

switch_kill() {
    local pid
    pid=$(switch_pid)
    test -n "$pid" && kill -KILL "$pid"
    sandbox_wait 5 switch_gone "$pid"
    rm -f "$OVS_RUNDIR/ovs-vswitchd.pid"
}

# bridge NAME: on the userspace datapath, and without a MAC table that ages.
bridge() {
    ovs-vsctl --timeout=20 add-br "$1" -- set Bridge "$1" \
        datapath_type=netdev "${@:2}"
}

# Inside: VMs
# -----------

# make_vm NAME BRIDGE [KEY=VALUE]...: a network namespace behind a port of
# that name with the external_ids of libvirt and OpenStack.  Keys:
#   ip, ip6   address with prefix length      tag     access VLAN
#   mac       address                         id      vm-uuid ("none": no VM)
#   iface     iface-id ("none": none)         port    name of the port
#   mtu
# BRIDGE "-": makes the namespace and the link only.
make_vm() {
    local name=$1 bridge=$2 ip='' ip6='' tag='' mac='' id='' iface='' mtu=''
    local port=$1 word
    shift 2
    SANDBOX_VMS=$((SANDBOX_VMS + 1))
    mac=$(printf '52:54:00:00:%02x:%02x' $((SANDBOX_VMS / 256)) \
          $((SANDBOX_VMS % 256)))
    id=$(printf '5a000000-0000-4000-8000-%012d' $SANDBOX_VMS)
    iface=$(printf '1f000000-0000-4000-8000-%012d' $SANDBOX_VMS)
    for word; do
        printf -v "${word%%=*}" %s "${word#*=}"
    done
    ip netns add "$name" && vm "$name" ip link set dev lo up || return 1
    if test "$VM_LINK" = virtio; then
        vm_config "$name" "$ip" "$ip6" "$mtu" >"$SANDBOX_DIR/run/$name.guest"
        guest_start "$name" "$port" "$mac"
    else
        ip link add name "$port" type veth peer name eth0 netns "$name" \
            address "$mac" || return 1
        vm "$name" ethtool -K eth0 tx off >/dev/null 2>&1
        test -z "$mtu" || ip link set dev "$port" mtu "$mtu"
        vm_config "$name" "$ip" "$ip6" "$mtu" | vm "$name" sh
        ip link set dev "$port" up
    fi
    test "$bridge" = - && return 0
    plug "$port" "$bridge" "$mac" "$iface" "$id" "$tag" || return 1
    test "$VM_LINK" != virtio || guest_boots "$name"
}

# What a VM does to its eth0 when it boots.
vm_config() {
    local ip=$2 ip6=$3 mtu=$4 conf=/proc/sys/net/ipv6/conf/eth0
    test -z "$mtu" || echo "ip link set dev eth0 mtu $mtu"
    if test -n "$ip6"; then
        echo "echo 0 >$conf/accept_dad
              echo 0 >$conf/autoconf
              echo 0 >$conf/router_solicitations
              echo 0 >$conf/disable_ipv6
              ip addr add $ip6 dev eth0 nodad"
    else
        echo "echo 1 >$conf/disable_ipv6"
    fi
    test -z "$ip" || echo "ip addr add $ip dev eth0"
    echo "ip link set dev eth0 up"
}

# plug PORT BRIDGE MAC IFACE-ID VM-ID [TAG]: as Nova does.
plug() {
    local ids=()
    test "$4" = none || ids+=("external_ids:iface-id=$4"
                              "external_ids:iface-status=active"
                              "external_ids:attached-mac=$3")
    test "$5" = none || ids+=("external_ids:vm-uuid=$5"
                              "external_ids:vm-name=$1")
    test "$VM_LINK" != virtio || ids+=(type=dpdkvhostuserclient
        "options:vhost-server-path=\"$(guest_socket "$1")\"")
    # shellcheck disable=SC2086
    ovs-vsctl --timeout=20 add-port "$2" "$1" ${6:+tag=$6} \
        ${ids[0]:+-- set Interface "$1" "${ids[@]}"}
}

# make_function NAME BRIDGE: a function VM, a network namespace with the
# interfaces "in" and "out" behind the ports NAME-in and NAME-out.  It has no
# address, and is no VM to the inspector.
make_function() {
    local name=$1 arm
    ip netns add "$name" || return 1
    for arm in in out; do
        ip link add name "$name-$arm" type veth \
            peer name $arm netns "$name" || return 1
        vm "$name" sh -c "
            echo 1 >/proc/sys/net/ipv6/conf/$arm/disable_ipv6
            ethtool -K $arm tx off" >/dev/null 2>&1
        vm "$name" ip link set dev $arm promisc on up
        ip link set dev "$name-$arm" up
    done
    ovs-vsctl --timeout=20 add-port "$2" "$name-in" \
        -- add-port "$2" "$name-out"
}

# Inside: guests of VM_LINK=virtio
# --------------------------------

guest_socket() {
    echo "$SANDBOX_DIR/run/$1.sock"
}

# guest_start NAME [PORT MAC]: switched on, for the first time or again: a
# dpdk-testpmd between its virtio device, on whose socket it waits for the
# switch, and a tap that is its eth0.  It polls for ever, so it makes way for
# everyone else on its processor (nice).
guest_start() {
    local name=$1 run=$SANDBOX_DIR/run port mac cpu
    test $# = 1 || echo "$2 $3" >"$run/$name.link"
    read -r port mac <"$run/$name.link"
    cpu=$(dpdk_cpus)
    cpu=${cpu%% *}
    rm -f "$(guest_socket "$port")"
    sandbox_spawn "$name-guest" ip netns exec "$name" \
        nice -n 10 dpdk-testpmd --lcores="0@$cpu,1@$cpu" \
        --no-pci --no-telemetry --in-memory --single-file-segments \
        -m $DPDK_GUEST_MEMORY --log-level=notice \
        --vdev="net_virtio_user0,path=$(guest_socket "$port"),server=1,$(:
               )queues=1,queue_size=1024,mac=$mac" \
        --vdev="net_tap0,iface=eth0,mac=$mac" \
        -- --nb-cores=1 --forward-mode=io --no-mlockall --no-lsc-interrupt \
        --total-num-mbufs=8192 --rxd=1024 --txd=1024 --auto-start \
        --stats-period=3600
}

# Waits until the switch has come; configures eth0.
guest_boots() {
    sandbox_wait 20 guest_runs "$1" && vm "$1" sh <"$SANDBOX_DIR/run/$1.guest"
}

guest_runs() {
    grep -q 'start packet forwarding' "$SANDBOX_DIR/out/$1-guest" &&
        vm "$1" test -e /sys/class/net/eth0
}

# As when its process crashes: without a word.
guest_kill() {
    sandbox_kill "$1-guest" KILL
}

# vm NAME COMMAND...
vm() {
    ip netns exec "$@"
}

# vm_spawn VM NAME COMMAND...: a server in a VM.
vm_spawn() {
    sandbox_spawn "$2" ip netns exec "$1" "${@:3}"
}

# vm_listens VM tcp|udp PORT
vm_listens() {
    ip netns exec "$1" ss -Hln "--$2" "sport = :$3" | grep -q .
}

# The external id that make_vm gave to the port.
vm_id() {
    ovs-vsctl get Interface "$1" external_ids:vm-uuid | tr -d '"'
}

# Inside: the collector and what is switched on
# ---------------------------------------------

# collector_start [OPTION]...: on 127.0.0.1, appending to $RECORDS_FILE.
collector_start() {
    sandbox_spawn collector ovs-inspect-collector \
        --listen "pssl:$COLLECTOR_PORT:127.0.0.1" \
        --private-key "$PKI/collector.key" \
        --certificate "$PKI/collector.pem" --ca-cert "$PKI/site-ca.pem" \
        --output "$RECORDS_FILE" --log-file="$OVS_LOGDIR/collector.log" \
        "$@"
    sandbox_wait 15 collector_listens
}

collector_listens() {
    ss -Hltn "sport = :$COLLECTOR_PORT" | grep -q .
}

# make_uplink NAME [COLUMN=VALUE]...: in UPLINK_FORMAT.
make_uplink() {
    ovs-vsctl --timeout=20 create Inspect_Uplink "name=$1" \
        "format=${UPLINK_FORMAT:-ipfix}" \
        "target=\"ssl:127.0.0.1:$COLLECTOR_PORT\"" \
        "private_key=\"$PKI/sensor.key\"" \
        "certificate=\"$PKI/sensor.pem\"" "ca_cert=\"$PKI/site-ca.pem\"" \
        "${@:2}" >/dev/null
}

# make_inspector NAME ID UPLINK BRIDGE|- [COLUMN=VALUE]...
make_inspector() {
    local name=$1 id=$2 uplink=$3 bridge=$4
    shift 4
    # shellcheck disable=SC2046
    ovs-vsctl --timeout=20 --id=@i create Inspector "name=$name" "id=$id" \
        "uplinks=$(row Inspect_Uplink "$uplink")" "$@" \
        $(test "$bridge" = - || echo -- add Bridge "$bridge" inspectors @i) \
        >/dev/null
}

# row TABLE NAME: its UUID.
row() {
    ovs-vsctl --timeout=20 get "$1" "$2" _uuid
}

# status TABLE NAME KEY: of the status column, empty if not there.
status() {
    ovs-vsctl --timeout=20 --if-exists get "$1" "$2" "status:$3" | tr -d '"'
}

status_is() {
    test "$(status "$1" "$2" "$3")" = "$4"
}

status_matches() {
    status "$1" "$2" "$3" | grep -Eq "$4"
}

uplink_active() {
    status_is Inspect_Uplink "$1" state active
}

appctl() {
    timeout 60 ovs-appctl -t ovs-vswitchd "$@"
}

# flush [INSPECTOR]: all that is open becomes records.
flush() {
    appctl inspect/flush "$@" >/dev/null
}

# Inside: counters
# ----------------

# stats INSPECTOR KEY...: numbers that the inspector of that name counted, as
# "inspect/stats --json" calls them, dots between levels; a level as a whole
# is the sum of what is in it.
stats() {
    appctl inspect/stats --json | $RECORDS stats - "$@"
}

# uplink NAME KEY...: the same of "inspect/uplinks --json".
uplink() {
    appctl inspect/uplinks --json | $RECORDS stats - "$@"
}

# function_stats FUNCTION KEY..., rule_stats RULE KEY...: the same of
# "inspect/functions --json" and "inspect/rules --json".
function_stats() {
    appctl inspect/functions --json | $RECORDS stats - "$@"
}

rule_stats() {
    appctl inspect/rules --json | $RECORDS stats - "$@"
}

# uplink_records NAME: produced sent queued dropped.
uplink_records() {
    uplink "$1" records.produced records.sent records.queued records.dropped
}

# flow_sums BRIDGE MATCH: n_packets and n_bytes of the flows whose text has
# the extended regular expression in it, after all statistics are in.
flow_sums() {
    appctl revalidator/wait >/dev/null
    ovs-ofctl -O OpenFlow15 dump-flows "$1" | grep -E -- "$2" |
        sed -n 's/.*n_packets=\([0-9]*\), n_bytes=\([0-9]*\),.*/\1 \2/p' |
        awk '{ p += $1; b += $2 } END { printf "%.0f %.0f\n", p, b }'
}

# port_sums COUNTER PORT...: e.g. tx_packets of the ports, as the kernel
# counts them now.
port_sums() {
    local counter=$1 port sum=0
    shift
    for port; do
        sum=$((sum + $(cat "/sys/class/net/$port/statistics/$counter")))
    done
    echo $sum
}

# What is compared when packets are said to be conserved
# ------------------------------------------------------
#
# On a bridge with two flows that carry inspect(id=2), at priority 1 for group
# addresses and at priority 0 for the rest, and the inspectors "vms" (1, by
# itself) and "flows" (2).  As one line, packets and bytes of
#
#    group flow | other flow | vms, flows: inspected | vms, flows: records
census() {
    flush >/dev/null || return 1
    echo "$(flow_sums "$1" 'priority=1,')" "$(flow_sums "$1" 'priority=0 ')" \
        "$(stats vms inspected_packets inspected_bytes)" \
        "$(stats flows inspected_packets inspected_bytes)" \
        "$($RECORDS sum "$RECORDS_FILE" --inspector 1 | cut -d' ' -f3-)" \
        "$($RECORDS sum "$RECORDS_FILE" --inspector 2 | cut -d' ' -f3-)"
}

# The same at rest: neighbours are still being probed some seconds after the last
# word, and the last records may be on their way to the collector.
census_at_rest() {
    at_rest 0.5 census "$1"
}

# at_rest SECONDS COMMAND...: what it prints when that is the same three times in
# a row, so far apart.  1: it fails, or never rests.
at_rest() {
    local last='' now i same=0 pause=$1
    shift
    for ((i = 0; i < 60; i++)); do
        now=$("$@") || return 1
        if test "$now" != "$last"; then
            same=0
        elif test $((same += 1)) = 2; then
            echo "$now"
            return 0
        fi
        last=$now
        sleep "$pause"
    done
    echo "$now"
    return 1
}

# census_difference LATER EARLIER
census_difference() {
    local i later earlier
    read -ra later <<<"$1"
    read -ra earlier <<<"$2"
    for i in "${!later[@]}"; do
        later[i]=$((later[i] - earlier[i]))
    done
    echo "${later[*]}"
}
