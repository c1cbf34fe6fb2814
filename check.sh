#!/bin/bash
# Installs what the tests need, builds, runs every test.  The last line is the
# sum over all suites: "N passed, N failed, N skipped".

top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=build-aux/build.sh
. "$top/build-aux/build.sh"

# In the order they run: what fails soonest first.
SUITES="static unit fuzz pcap asan tsan inspect ovs system"

usage() {
    cat <<END
check.sh: build ovs-ext and run its tests
usage: ./check.sh [OPTION]... [SUITE]...

Suites (all of them unless some are named):
  static    layers, signs, columns, the distribution is complete
  unit      CUnit, a program a room
  fuzz      the corpus of every fuzz target
  pcap      what the probe says of captures
  asan      unit, fuzz and pcap under the address and undefined sanitizers
  tsan      unit and fuzz under the thread sanitizer
  inspect   the action in Open vSwitch's own testsuite (no root)
  ovs       Open vSwitch's tests of what the extension touches
  system    network namespaces, real traffic (root)

  --all-ovs        all of Open vSwitch's own tests, most of an hour
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
    --all-ovs) gate=check-ovs ;;
    --build-dir=?*) build=$(realpath -m "${1#*=}") ;;
    --no-build) build_it=no ;;
    -h | --help) usage; exit 0 ;;
    -*) STATUS=2 die "$1: no such option; try --help" ;;
    *)
        [[ " $SUITES " == *" $1 "* ]] ||
            STATUS=2 die "$1: no such suite; there are: $SUITES"
        wanted="$wanted $1"
        ;;
    esac
    shift
done
wanted=${wanted:-$SUITES}
jobs=${JOBS:-$(nproc 2>/dev/null || echo 1)}
start=$SECONDS

mkdir -p "$build" || die "$build: cannot be made"
OVSEXT_LOG=$build/packages.log ovsext_install build run test || exit 1
PREFIX=$build/prefix
export PREFIX
if test $build_it = yes; then
    ovsext_build "$PREFIX" "$build" || die "the build failed; see above"
fi
test -e "$build/Makefile" || die "$build: nothing is built there"

suite() {
    local target before
    case $1 in
    ovs) target=$gate ;;
    *) target=check-$1 ;;
    esac
    echo
    echo "== $1 =="
    # A suite that dies before it counts anything is a failure, too.
    before=$(wc -l <"$build/tests/totals")
    make --no-print-directory -C "$build" "$target" \
        OVS_JOBS="-j$jobs"
    if test "$before" = "$(wc -l <"$build/tests/totals")"; then
        echo "  not ok - $1: did not run"
        echo "$1 0 1 0" >>"$build/tests/totals"
    fi
}

mkdir -p "$build/tests"
: >"$build/tests/totals"
for s in $SUITES; do
    [[ " $wanted " == *" $s "* ]] && suite "$s"
done
echo
echo "$(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s; logs:" \
    "$build/tests/logs"
python=/usr/bin/python3
test -x $python || python=python3
$python "$top/build-aux/tally.py" --totals "$build/tests/totals" --sum
