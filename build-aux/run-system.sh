#!/bin/sh
# Runs the tests of tests/system, each through $TALLY.  They say themselves
# what they need and skip when it is not there.  In: top_srcdir, TALLY, and
# PREFIX (an installation) or OVSEXT_BUILD (a build directory).
status=0
for t in "$top_srcdir"/tests/system/*.sh; do
    case $t in
    */lib.sh | *'*.sh') continue ;;
    esac
    # shellcheck disable=SC2086
    $TALLY system -- "$t" || status=1
done
exit $status
