#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of tests/system, each through $TALLY, as many at a time as
# there are processors: each has namespaces and a switch of its own, and most of
# its time is waiting.  Those that hold times or rates against each other run
# alone, at the end.  They say themselves what they need and skip when it is
# not there; each ends itself after LIMIT seconds (lib.sh), before $TALLY would.
# In: top_srcdir, TALLY, PREFIX (an installation) or OVSEXT_BUILD (a
# build directory), JOBS.
alone='budget policy-load quickstart throughput'
tests=${top_srcdir:?}/tests/system

# "--beside NAME FOLDER": one of several; what it says is shown when it has
# ended, so that lines of two do not mix.
if test "$1" = --beside; then
    # shellcheck disable=SC2086
    $TALLY system -- "$tests/$2.sh" >"$3/$2" 2>&1
    status=$?
    flock "$3/lock" cat "$3/$2"
    exit $status
fi

list() {
    local t
    for t in "$tests"/*.sh; do
        case $t in
        */lib.sh | *'*.sh') ;;
        # By name: check-vm, check-openstack.  openstack.sh runs here for what
        # needs nothing unpacked.
        */vm.sh | */openstack-neutron.sh) ;;
        *) basename "$t" .sh ;;
        esac
    done
}

out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
status=0
list | grep -vxF "${alone// /$'\n'}" |
    xargs -P "${JOBS:-$(nproc 2>/dev/null || echo 1)}" -I{} \
        "$BASH" "$0" --beside {} "$out" || status=1
for t in $(list | grep -xF "${alone// /$'\n'}"); do
    # shellcheck disable=SC2086
    $TALLY system -- "$tests/$t.sh" || status=1
done
exit $status
