#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of packages and of the tarball, each through $TALLY.  They say
# themselves what they need and skip when it is not there.  In: top_srcdir,
# TALLY, OVSEXT_BUILD (a build directory; packages and roots are kept in there).
status=0
for t in tarball debian-build debian piuparts rpm rpm-host; do
    # shellcheck disable=SC2086,SC2154
    $TALLY packages --timeout 7200 -- "$top_srcdir/tests/packages/$t.sh" ||
        status=1
done
exit $status
