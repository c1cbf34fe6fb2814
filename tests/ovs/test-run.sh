#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh and pristine.sh on a tree of two tests: what they keep apart.
#
# Mutations that make it fail: run it where this script runs; do not end what
# has detached; take results of other tests for these; keep results of a run
# that stopped.
home=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# shellcheck source=../tap.sh
. "$home/../tap.sh"
TAP_OUT=$dir/out

# Its testsuite says in which network it is, and leaves a process behind.
mkdir "$dir/tree"
printf '#!/bin/sh\ntouch configured\n' >"$dir/tree/configure"
chmod +x "$dir/tree/configure"
cat >"$dir/tree/Makefile" <<'END'
.RECIPEPREFIX = >
all:
check check-system-userspace:
> @readlink /proc/self/ns/net
> @echo "with $(TESTSUITEFLAGS)" >>$(LOG)
> @setsid sleep 20 >/dev/null 2>&1 & echo "left $$!"
> @echo "  1: one        ok"
> @echo "  2: two        FAILED (two.at:2)"
> @test -n "$(STOPS)" || echo "## Test results. ##"
END
export LOG=$dir/log STOPS=
: >"$LOG"

what="the tests run with their flags"
"$home/run.sh" "$dir/tree" check '-j2 -k one' >"$dir/out" 2>&1
test "$(cat "$LOG")" = "with -j2 -k one" &&
    grep -q '2: two *FAILED' "$dir/out"
result $? "$what"

what="with root they run in a network of their own"
gone="what they leave behind is gone with them"
if test "$(id -u)" != 0 || ! unshare --pid --fork --net true 2>/dev/null; then
    skip "$what" "no root that may make namespaces"
    skip "$gone" "no root that may make namespaces"
else
    ! grep -qF "$(readlink /proc/self/ns/net)" "$dir/out" &&
        grep -q '^net:' "$dir/out"
    result $? "$what"
    # Its number is of its own namespace: look at where it works.  Seen from
    # another mount namespace that may be "(unreachable)/...".
    sleep 0.2
    left=
    for p in /proc/[0-9]*; do
        [[ $(readlink "$p/cwd" 2>/dev/null) != *"$dir/tree" ]] ||
            left="$left ${p#/proc/}"
    done
    test -z "$left"
    result $? "$gone"
fi

# pristine FLAGS [OPTION]...: prints the file of results.
pristine() {
    local flags=$1
    shift
    "$home/pristine.sh" --results=toy --flags="$flags" "$@" "$dir/tree" \
        "$dir/built" 2>"$dir/out"
}

rm -f "$dir/tree/configured"
: >"$LOG"
one=$(pristine '-k one')
test "$(grep -c '^ok one\|^failed two' "$one")" = 2 &&
    test ! -e "$dir/tree/configured" &&
    grep -q '1 ok, 1 failed, 0 skipped' "$dir/out"
result $? "results are kept, and the source stays as it is"
test "$(pristine '-j4 -k one')" = "$one" && test "$(wc -l <"$LOG")" = 1
result $? "the same tests are not run again"
two=$(pristine '-k two')
test -e "$two" && test "$two" != "$one" && test "$(wc -l <"$LOG")" = 2
result $? "other tests are"
test "$(pristine '-k one' --target=check-system-userspace)" != "$one" ||
    test "$(id -u)" != 0
result $? "and those of another testsuite"
: >"$LOG"
test "$(pristine '-k one' --anew)" = "$one" && test "$(wc -l <"$LOG")" = 1
result $? "they are run anew when that is asked for"
export STOPS=yes
three=$(pristine '-k three')
test $? = 1 && test -z "$three" &&
    grep -q 'stopped before its end, after 2 tests' "$dir/out"
result $? "a run that stops has no results"
done_testing
