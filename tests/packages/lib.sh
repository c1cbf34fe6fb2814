# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For tests/packages/*.sh that boot: packages, and a Debian 12 of its own.
#
# How it works: mmdebstrap makes the root once and keeps it as a tarball; a
# test unpacks it and boots systemd in it (systemd-nspawn, a private network,
# no access to the host's Open vSwitch).  "inside COMMAND..." runs in there.
# Where nothing can boot, the same root is entered without systemd and
# Debian's init scripts do the work.
#
# In: OVSEXT_BUILD, a build directory: what is made is kept in its packages/.
# DEBS: a folder with packages to take instead of building them.
# KEEP=yes: the root stays, for whoever looks for the reason of a failure.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
OVSEXT_BUILD=${OVSEXT_BUILD:-$TOP/_build}
STORE=$OVSEXT_BUILD/packages
# shellcheck source=../tap.sh
. "$TOP/tests/tap.sh"

# need WHAT COMMAND...: what everything after it stands on.
need() {
    check "$@" || bail "nothing else can be tested"
}

# wait_for SECONDS COMMAND...
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        test $SECONDS -lt $end || { "$@"; return; }
        sleep 0.3
    done
}

# packages_start: a folder of this run, cleaned up whatever happens.
packages_start() {
    mkdir -p "$STORE" || skip_all "$STORE: cannot be made"
    WORK=$(mktemp -d "$STORE/run.XXXXXX") || exit 1
    TAP_OUT=$WORK/check
    trap packages_end EXIT
    trap 'diag "longer than ${LIMIT:-3000} s, or stopped"; exit 124' TERM INT
    # It takes its clock along when it is told to go.
    (trap 'kill "$!"; exit' TERM
     sleep "${LIMIT:-3000}" &
     wait "$!" && kill "$$") >/dev/null 2>&1 &
    TIMER=$!
}

packages_end() {
    local i
    kill "$TIMER" 2>/dev/null
    if test -n "$ROOT_PID"; then
        # The first process of its PID namespace: all in it end with it.
        test -z "$LEADER" || kill -KILL "$LEADER" 2>/dev/null
        for ((i = 0; i < 50; i++)); do
            kill -0 "$ROOT_PID" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$ROOT_PID" 2>/dev/null
    fi
    test "$KEEP" = yes && { diag "kept: $WORK"; return; }
    rm -rf --one-file-system "$WORK"
}

# packages_debs: DEBS is the folder of the packages that are tested; built when
# there are none of this source.
packages_debs() {
    test -z "$DEBS" || return 0
    DEBS=$STORE/debs
    "$TOP/tests/packages/debian-build.sh" --only-build
}

# root_make: the tarball of a clean Debian 12, with what the packages need
# from the network, with Debian's Open vSwitch in /srv/stock, that with DPDK in
# /srv/stock-dpdk, and rpm in /srv/stock-rpm.  A folder keeps it, under a name that changes with
# what is put into it: OVSEXT_ROOT, or the build directory.
ROOT_PACKAGES=ca-certificates,dbus,ethtool,iproute2,iputils-ping,kmod,libbpf1,\
libcap-ng0,libnuma1,libpcap0.8,libssl3,libunbound8,libunwind8,libxdp1,\
logrotate,openssl,procps,python3,systemd-sysv

root_fill() {
    # shellcheck disable=SC2016
    mmdebstrap --variant=apt --include="$ROOT_PACKAGES" --customize-hook='
            get() {
                chroot "$1" apt-get -qy clean &&
                chroot "$1" apt-get -qy --no-install-recommends \
                    --download-only install $3 &&
                mkdir "$1/srv/$2" &&
                cp "$1"/var/cache/apt/archives/*.deb "$1/srv/$2"
            }
            get "$1" stock openvswitch-switch &&
            get "$1" stock-dpdk "openvswitch-switch-dpdk dpdk" &&
            get "$1" stock-rpm rpm' \
        bookworm "$1" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
}

root_make() {
    local made
    made=$({ declare -f root_fill; echo "$ROOT_PACKAGES"; } | cksum)
    ROOT_TAR=${OVSEXT_ROOT:-$STORE}/debian-12-${made%% *}.tar
    test -e "$ROOT_TAR" && return
    mkdir -p "$(dirname "$ROOT_TAR")" &&
    root_fill "$ROOT_TAR.new.tar" && mv "$ROOT_TAR.new.tar" "$ROOT_TAR"
}

# root_boot: unpacks it into ROOT and starts it.  BOOTED=systemd or plain.
root_boot() {
    ROOT=$WORK/root
    mkdir "$ROOT" && tar -xf "$ROOT_TAR" -C "$ROOT" || return 1
    # Nothing that downloads, nor waits for a network that is not there.
    rm -f "$ROOT"/etc/systemd/system/timers.target.wants/apt-daily*.timer
    ln -sf /dev/null "$ROOT/etc/systemd/system/systemd-networkd-wait-online.service"
    BOOTED=systemd
    root_boot_systemd && return
    diag "systemd does not boot in here: $(tail -n 1 "$WORK/boot.log")"
    # shellcheck disable=SC2034
    BOOTED=plain
    root_boot_plain
}

root_boot_systemd() {
    command -v systemd-nspawn >/dev/null || return 1
    systemd-nspawn --quiet --boot --directory="$ROOT" --private-network \
        --machine="ovs-ext-$$" --register=no --keep-unit --capability=all \
        --bind=/dev/net/tun --console=passive </dev/null \
        >"$WORK/boot.log" 2>&1 &
    ROOT_PID=$!
    wait_for 30 root_leader || return 1
    wait_for 120 inside_is_up
}

root_leader() {
    LEADER=$(ps -o pid= --ppid "$ROOT_PID" | head -n 1 | tr -d ' ')
    test -n "$LEADER" && test "$(cat "/proc/$LEADER/comm")" = systemd
}

inside_is_up() {
    inside systemctl is-active multi-user.target
}

root_boot_plain() {
    test -z "$ROOT_PID" || kill "$ROOT_PID" 2>/dev/null
    LEADER=
    # shellcheck disable=SC2016
    unshare --mount --pid --net --uts --ipc --fork --kill-child \
        sh -c 'mount --make-rprivate / && mount --rbind /dev "$1/dev" &&
               mount -t proc proc "$1/proc" && mount -t sysfs sys "$1/sys" &&
               mount -t tmpfs tmp "$1/run" && ip link set lo up &&
               exec chroot "$1" sleep infinity' sh "$ROOT" \
        >"$WORK/boot.log" 2>&1 &
    ROOT_PID=$!
    wait_for 20 plain_leader
}

plain_leader() {
    LEADER=$(ps -o pid= --ppid "$ROOT_PID" | head -n 1 | tr -d ' ')
    test -n "$LEADER" && test "$(cat "/proc/$LEADER/comm")" = sleep
}

# inside COMMAND...
INSIDE_PATH=/usr/sbin:/usr/bin:/sbin:/bin
inside() {
    nsenter --target "$LEADER" --mount --uts --ipc --net --pid --root --wd \
        env -i PATH="$INSIDE_PATH" HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

# inside_sh SCRIPT: by its shell.
inside_sh() {
    inside sh -c "$1"
}

# put FILE...: into /srv of the root.
put() {
    cp -r "$@" "$ROOT/srv/"
}

# What happens to a host
# ----------------------

# host COMMAND: of host.sh, which says what the host has.
host() {
    inside /srv/host.sh "$@"
}

# host_start: Debian's own Open vSwitch, with what an operator has.
host_start() {
    put "$TOP/tests/packages/host.sh" "$TOP/tests/packages/traffic.py"
    need "Debian's openvswitch-switch is installed" \
        inside_sh "apt-get -qy --no-install-recommends install /srv/stock/*.deb"
    need "it runs" wait_for 20 inside ovs-vsctl --timeout=5 show
    need "two VMs on a bridge" host vms
    need "they reach each other" ping_works
}

vswitchd_pid() {
    cat "$ROOT/run/openvswitch/ovs-vswitchd.pid" 2>/dev/null ||
        inside cat /run/openvswitch/ovs-vswitchd.pid
}

# The binary that runs, also when it is no more on the disk.
vswitchd_is() {
    local exe
    exe=$(inside readlink "/proc/$(vswitchd_pid)/exe")
    test "${exe% (deleted)}" = "$1" || {
        echo "runs: $exe"
        return 1
    }
}

has_table() {
    inside ovsdb-client list-tables | grep -q '^Inspector$'
}

ping_works() {
    inside ip netns exec a ping -c 2 -W 2 -i 0.2 10.9.0.2
}

traffic_start() {
    rm -f "$ROOT/srv/stop" "$ROOT/srv/counts"
    inside ip netns exec b /srv/traffic.py count 300 /srv/counts \
        9000 9997 9998 9999 &
    inside ip netns exec a /srv/traffic.py send 10.9.0.2 300 \
        9000 9997 9998 9999 &
    wait_for 10 test -e "$ROOT/srv/counts"
}

came() {
    awk -v port="$1" '$1 == port { print $2 }' "$ROOT/srv/counts"
}

# goes_on PORT: more of it come than have come.
goes_on() {
    local before
    before=$(came "$1")
    wait_for 20 more_than "$1" "$before"
}

more_than() {
    test "$(came "$1")" -gt "$2"
}

traffic_stop() {
    touch "$ROOT/srv/stop"
    sleep 2
}

# restart_by_systemd: while traffic goes.  Flows are lost, as ever; the
# inspector that needs none is not, and bridges wait for it.  Then the flows
# are made anew, and traffic has stopped.
restart_by_systemd() {
    check "systemctl restart" inside systemctl restart ovs-vswitchd
    check "what is allowed comes" goes_on 9000
    is "what the inserted inspector drops has never come" "$(came 9999)" 0
    check "nothing waits any more" inside_sh \
        "! ovs-vsctl get Open_vSwitch . other_config | grep flow-restore"
    traffic_stop
    need "flows are made anew" host refill
}

# What is to be left of what "host flows" said before.
without_inspect() {
    sed -e 's/actions=inspect([^()]*),bucket/actions=drop,bucket/' \
        -e 's/inspect([^()]*),//' -e 's/clone(inspect([^()]*)),//'
}

# What packages, and nobody else, have put there.
files() {
    inside find /etc /usr /var/lib/dpkg/alternatives /var/lib/systemd \
        /var/lib/openvswitch /var/log -xdev \
        -not -name '*.log' -not -name '*.log.*' -not -path '*/journal/*' \
        -not -name '.pwd.lock' -not -name '*-' \
        -not -path '/usr/share/mime/*' -not -name '__pycache__' \
        -not -name '*.pyc' -not -name 'ld.so.cache' |
        LC_ALL=C sort
}

records=/var/log/ovs-inspect/records.json
is_connected() {
    test "$(inside ovs-vsctl get Inspect_Uplink soc is_connected)" = true || {
        inside ovs-vsctl list Inspect_Uplink
        inside tail -n 5 /var/log/ovs-inspect/ovs-inspect-collector.log
        return 1
    }
}
recorded() {
    inside ovs-appctl inspect/flush
    inside grep -h '"event_type":"flow"' "${1:-$records}" |
        grep '"proto":"ICMP"' |
        grep '000000000001.*000000000002' || {
        inside tail -n 3 "$records"
        return 1
    }
}
