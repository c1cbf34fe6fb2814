#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of Debian packages, each through $TALLY.  They say themselves
# what they need and skip when it is not there.  In: top_srcdir, TALLY,
# OVSEXT_BUILD (a build directory; packages and roots are kept in there).
status=0
# shellcheck disable=SC2154
for t in "$top_srcdir"/tests/packages/debian*.sh; do
    # shellcheck disable=SC2086
    $TALLY packages --timeout 3600 -- "$t" || status=1
done
exit $status
