# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For tests/packages/debian*.sh: TAP, packages, and a Debian 12 of its own.
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
N_TESTS=0
N_FAILED=0

diag() {
    printf '%s\n' "$*" | sed 's/^/# /'
}

skip_all() {
    echo "1..0 # SKIP $*"
    exit 77
}

skip() {
    N_TESTS=$((N_TESTS + 1))
    echo "ok $N_TESTS - $1 # SKIP $2"
}

# check WHAT COMMAND...
check() {
    local what=$1 out=$WORK/check
    shift
    N_TESTS=$((N_TESTS + 1))
    if "$@" >"$out" 2>&1; then
        echo "ok $N_TESTS - $what"
        return 0
    fi
    echo "not ok $N_TESTS - $what"
    diag "failed: $*"
    tail -n 40 "$out" | sed 's/^/# /'
    N_FAILED=$((N_FAILED + 1))
    return 1
}

# is WHAT GOT EXPECTED
is() {
    check "$1" equal "$2" "$3"
}

equal() {
    test "$1" = "$2" || {
        diff <(printf '%s\n' "$1") <(printf '%s\n' "$2") | head -n 20
        return 1
    }
}

not() {
    ! "$@"
}

# need WHAT COMMAND...: what everything after it stands on.
need() {
    check "$@" && return
    echo "1..$N_TESTS"
    exit 1
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

done_testing() {
    echo "1..$N_TESTS"
    test $N_FAILED = 0
    exit
}

# packages_start: a folder of this run, cleaned up whatever happens.
packages_start() {
    mkdir -p "$STORE" || skip_all "$STORE: cannot be made"
    WORK=$(mktemp -d "$STORE/run.XXXXXX") || exit 1
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
# from the network, and with Debian's Open vSwitch in /srv/stock.
# A folder keeps it: OVSEXT_ROOT, or the build directory.
ROOT_PACKAGES=ca-certificates,dbus,ethtool,iproute2,iputils-ping,kmod,libbpf1,\
libcap-ng0,libnuma1,libpcap0.8,libssl3,libunbound8,libunwind8,libxdp1,\
logrotate,openssl,procps,python3,systemd-sysv

root_make() {
    ROOT_TAR=${OVSEXT_ROOT:-$STORE}/debian-12.tar
    test -e "$ROOT_TAR" && return
    mkdir -p "$(dirname "$ROOT_TAR")"
    # shellcheck disable=SC2016
    mmdebstrap --variant=apt --include="$ROOT_PACKAGES" --customize-hook='
            chroot "$1" apt-get -qy --no-install-recommends --download-only \
                install openvswitch-switch &&
            mkdir "$1/srv/stock" &&
            cp "$1"/var/cache/apt/archives/*.deb "$1/srv/stock"' \
        bookworm "$ROOT_TAR.new.tar" \
        "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" &&
        mv "$ROOT_TAR.new.tar" "$ROOT_TAR"
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
inside() {
    nsenter --target "$LEADER" --mount --uts --ipc --net --pid --root --wd \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
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
