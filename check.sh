#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds, runs every test.  The last line is the
# sum over all suites: "N passed, N failed, N skipped".

top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=build-aux/build.sh
. "$top/build-aux/build.sh"
# shellcheck source=build-aux/unpack.sh
. "$top/build-aux/unpack.sh"

# In the order they run: what fails soonest first.
SUITES="static unit fuzz pcap bench asan tsan inspect ovs system"
# Only with --all, or when they are named.  Documentation/testing.md says what
# each is for; build-aux/check-tiers.py compares the two.
MORE="dpdk vm openstack agreement fuzzing packages versions ovs-system"

usage() {
    cat <<END
check.sh: build ovs-ext and run its tests
usage: ./check.sh [OPTION]... [SUITE]...

Suites (those up to "system" unless some are named):
  static    layers, signs, columns, the distribution is complete
  unit      CUnit, a program a room
  fuzz      the corpus of every fuzz target
  pcap      what the probe says of captures
  bench     how many instructions a packet takes, against what it took
  asan      unit, fuzz and pcap under the address and undefined sanitizers
  tsan      unit and fuzz under the thread sanitizer
  inspect   the action in Open vSwitch's own testsuite (no root)
  ovs       Open vSwitch's tests of what the extension touches, compared with
            what they come to without it
  system    network namespaces, real traffic (root)
  dpdk      a second build, on DPDK, with vhost-user guests (root; its first
            run takes some minutes more)
  vm        two guests in QEMU talk through the switch, behind taps and, in
            the build on DPDK, by vhost-user (root; fetches a kernel)
  openstack OVN, and Neutron's server and agent (openstack-neutron), program
            the bridge (root; fetches them, some 150 MB)
  agreement captures of others, if there are any, held against tshark
  fuzzing   each fuzz target once more, for FUZZ_NIGHTLY executions (default
            a million; hours)
  packages  the tarball, RPM packages, and Debian packages: built twice,
            installed, upgraded and removed on a Debian 12 of their own (root;
            its first run builds Open vSwitch three times more and downloads
            that Debian)
  versions  the extension in Open vSwitch 3.1, and in 3.5 and 4.0 as Debian
            trixie and sid have them, which are downloaded and built: inspect
            and part of system in each (root, network; half an hour, with
            nothing in ccache an hour)
  ovs-system
            Open vSwitch's system tests of the userspace datapath, with the
            extension and without, compared (root; builds Open vSwitch without
            the extension, too)

  --all            all suites, and all of Open vSwitch's own tests: what runs
                   at night (make check-all)
  --all-ovs        all of Open vSwitch's own tests, with the extension and
                   without, compared: an hour
  --build-dir=DIR  default: _build
  --no-build       take what is built there as it is
  -h, --help       this text

Environment: V=1 shows everything, JOBS (default: the number of processors).
Exits 0 when nothing failed.  Anything skipped says why.
END
}

die() {
    echo "check.sh: $*" >&2
    exit "${STATUS:-1}"
}

build=$top/_build
build_it=yes
gate=check-ovs-gate
wanted=
while test $# -gt 0; do
    case $1 in
    --all)
        gate=check-ovs
        SUITES="$SUITES $MORE"
        MORE=
        ;;
    --all-ovs) gate=check-ovs ;;
    --build-dir=?*) build=$(realpath -m "${1#*=}") ;;
    --no-build) build_it=no ;;
    -h | --help) usage; exit 0 ;;
    -*) STATUS=2 die "$1: no such option; try --help" ;;
    *)
        [[ " $SUITES $MORE " == *" $1 "* ]] ||
            STATUS=2 die "$1: no such suite; there are: $SUITES $MORE"
        wanted="$wanted $1"
        ;;
    esac
    shift
done
wanted=${wanted:-$SUITES}
jobs=${JOBS:-$(nproc 2>/dev/null || echo 1)}
start=$SECONDS

mkdir -p "$build" || die "$build: cannot be made"
kinds="build run test"
[[ " $wanted " != *" fuzzing "* ]] || kinds="$kinds fuzz"
[[ " $wanted " != *" ovs-system "* && $gate != check-ovs ]] ||
    kinds="$kinds ovs"
# shellcheck disable=SC2086
OVSEXT_LOG=$build/packages.log ovsext_install $kinds || exit 1
PREFIX=$build/prefix
export PREFIX
if test "$wanted" != " dpdk"; then
    if test $build_it = yes; then
        ovsext_build "$PREFIX" "$build" || die "the build failed; see above"
    fi
    test -e "$build/Makefile" || die "$build: nothing is built there"
fi
python=/usr/bin/python3
test -x $python || python=python3

tally() {
    $python "$top/build-aux/tally.py" --totals "$build/tests/totals" \
        --logs "$build/tests/logs" "$@"
}

# A build of its own; it needs no other.  build_dpdk SUITE
build_dpdk() {
    if ! OVSEXT_LOG=$build/packages-dpdk.log ovsext_install dpdk; then
        tally "$1" --skip "DPDK cannot be installed"
        return 1
    fi
    test $build_it != yes || OVSEXT_CONFIGURE=--with-dpdk=shared \
        ovsext_build "$build/dpdk/prefix" "$build/dpdk"
}

suite_dpdk() {
    local t
    build_dpdk dpdk || return
    for t in dpdk dpdk-quickstart; do
        PREFIX=$build/dpdk/prefix tally dpdk -- "$top/tests/system/$t.sh"
    done
}

# Programs of others are unpacked for these; they need the build above.
suite_vm() {
    if ! OVSEXT_LOG=$build/packages-vm.log ovsext_install vm ||
       ! ovsext_unpack "$build/unpacked" vm; then
        tally vm --skip "QEMU, or a kernel for guests, cannot be had"
        return
    fi
    make --no-print-directory -C "$build" check-vm
    build_dpdk vm || return
    VM_LINK=virtio UNPACKED=$build/unpacked PREFIX=$build/dpdk/prefix \
        tally vm --name vm-virtio --timeout 2000 -- "$top/tests/system/vm.sh"
}

suite_openstack() {
    if ! ovsext_unpack "$build/unpacked" ovn neutron; then
        tally openstack --skip "Neutron and OVN cannot be had"
        return
    fi
    make --no-print-directory -C "$build" check-openstack
}

suite_packages() {
    if ! OVSEXT_LOG=$build/packages-package.log ovsext_install package; then
        tally packages --skip "what packaging needs cannot be installed"
        return
    fi
    make --no-print-directory -C "$build" check-packages
}

suite() {
    local target before
    echo
    echo "== $1 =="
    # A suite that dies before it counts anything is a failure, too.
    before=$(wc -l <"$build/tests/totals")
    case $1 in
    ovs) target=$gate ;;
    *) target=check-$1 ;;
    esac
    case $1 in
    dpdk | vm | openstack | packages) "suite_$1" ;;
    *)
        make --no-print-directory -C "$build" "$target" OVS_JOBS="-j$jobs" \
            FUZZ_JOBS="$jobs" FUZZ_NIGHTLY="${FUZZ_NIGHTLY:-1000000}"
        ;;
    esac
    if test "$before" = "$(wc -l <"$build/tests/totals")"; then
        echo "  not ok - $1: did not run"
        echo "$1 0 1 0" >>"$build/tests/totals"
    fi
}

mkdir -p "$build/tests"
: >"$build/tests/totals"
for s in $SUITES $MORE; do
    [[ " $wanted " == *" $s "* ]] && suite "$s"
done
echo
echo "$(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s; logs:" \
    "$build/tests/logs"
tally --sum
