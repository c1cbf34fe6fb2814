#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# compare.py on small testsuites: what it must not overlook.
#
# Mutations that make it fail: take the first verdict of a test that is run
# twice; leave out what only the pristine tree has; believe any line of the
# list of differences; take what was interrupted for all there is; say nothing
# where there is nothing to compare with.
home=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# shellcheck source=../tap.sh
. "$home/../tap.sh"
TAP_OUT=$dir/out

# As an Autotest suite says it.
say_pristine() {
    cat <<'END'
  1: one                                             ok
  2: two                                             FAILED (two.at:2)
  3: three                                           skipped (three.at:3)
  4: one                                             ok
  5: five: (a #b)                                    ok

## ------------- ##
## Test results. ##
## ------------- ##
END
}
say() {     # SED COMMANDS of what the extended tree says differently
    { printf '  9: inspect - ours                                ok\n'
      say_pristine; } | sed "$@"
}
say_pristine | "$home/compare.py" --save "$dir/results" --source s1 \
    >"$dir/saved" || exit 1

# compares WHAT STATUS TEXT DIFFERENCES [OPTION]... -- SED ARGUMENT...
compares() {
    local what=$1 status=$2 text=$3 list=$4 options=() got
    shift 4
    while test "$1" != --; do
        options+=("$1")
        shift
    done
    shift
    printf '%s\n' "$list" >"$dir/differences"
    say "$@" | "$home/compare.py" --pristine "$dir/results" \
        --differences "$dir/differences" "${options[@]}" >"$dir/out"
    got=$?
    test $got = "$status" && grep -qF -- "$text" "$dir/out"
    result $? "$what" "status $got, expected $status and: $text"
}

compares "the same" 0 '1..6' '' -- ''
compares "a failure on both" 0 'two (fails on both)' '' -- ''
compares "a skip on both" 0 '# SKIP on both: three.at:3' '' -- ''
compares "one that fails here" 1 'without the extension: ok, with it: failed' \
    '' -- '/ 5:/s/ok$/FAILED (x.at:1)/'
compares "it passes the second time" 0 '1..6' '' -- \
    -e '/ 5:/{h;s/ok$/FAILED (x.at:1)/;p;g}'
compares "it fails the second time, too" 1 'not ok' '' -- \
    -e '/ 5:/{s/ok$/FAILED (x.at:1)/;p}'
compares "the second of a name" 1 'not ok 5 - one (2)' '' -- \
    '/ 4:/s/ok$/FAILED (x.at:1)/'
compares "one that is skipped here" 1 'with it: skipped' '' -- \
    '/ 5:/s/ok$/skipped (x.at:1)/'
compares "one that is gone" 1 'with it: missing' '' -- '/ 5:/d'
compares "one that is new" 1 'without the extension: missing' '' -- \
    '/ 9:/s/inspect - /x/'
compares "one of ours that fails" 1 'not ok' '' -- \
    '/ 9:/s/ok$/FAILED (x.at:1)/'
compares "one that fails there only" 0 'failed without the extension only' \
    '' -- '/ 2:/s/FAILED.*/ok/'
compares "a difference that is meant" 0 '(meant: why)' \
    'differs | one (2) | ok | failed | why' -- '/ 4:/s/ok$/FAILED (x.at:1)/'
compares "another one than is meant" 1 'not ok' \
    'differs | one (2) | ok | skipped | why' -- '/ 4:/s/ok$/FAILED (x.at:1)/'
compares "a difference that is none" 1 'explains nothing: one' \
    'differs | one | ok | failed | why' -- ''
compares "an edited test that is none" 1 'explains nothing: nine' \
    'edited | nine | why' -- ''
compares "of a part, only what was run" 0 '1..6' 'edited | nine | why' \
    --part -- ''
compares "a list that cannot be read" 1 'differences:1: neither' \
    'differs | one' -- ''
compares "no test at all" 1 'has run no test' '' -- 'd'
compares "the end is not reached" 1 'stopped before its end, after 6' '' \
    -- /##/d
compares "results of another source" 0 'it is of another source' '' \
    --source s2 -- '/ 2:/s/FAILED.*/ok/'
compares "and a failure all the same" 1 'not ok' '' --source s2 -- \
    '/ 5:/s/ok$/FAILED (x.at:1)/'
compares "no results at all" 1 'No such file or directory' '' \
    --pristine "$dir/none" -- ''
compares "no results, which need not be" 0 \
    "compared with $dir/none # SKIP compared with nothing" '' --optional \
    --pristine "$dir/none" -- '/ 2:/s/FAILED.*/ok/'
compares "and a failure even so" 1 'not ok 3 - two' '' --optional \
    --pristine "$dir/none" -- ''
compares "and the end is not reached" 1 'stopped before its end' '' \
    --optional --pristine "$dir/none" -- -e '/ 2:/s/FAILED.*/ok/' -e /##/d
compares "results that need not be, and are" 1 'with it: missing' '' \
    --optional -- '/ 5:/d'
compares "of the same source" 1 'with it: missing' '' --source s1 -- '/ 5:/d'

# What was interrupted is not kept for results.
! { say_pristine | sed /##/d | "$home/compare.py" --save "$dir/part" \
        >"$dir/out" || test -e "$dir/part"; }
result $? "results of a part are not saved"

# What the extension edits is what the list says.
/usr/bin/python3 -B - "$home" >"$dir/out" <<'END'
import importlib.machinery, importlib.util, os, sys

def load(name, *path):
    loader = importlib.machinery.SourceFileLoader(
        name, os.path.join(sys.argv[1], *path))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module

listed = load('compare', 'compare.py').read_differences(
    os.path.join(sys.argv[1], 'differences.txt'))[1]
edits = load('integrate', '..', '..', 'ovs-ext', 'integrate').THEIR_TESTS
edited = {edit.scope.split(' ', 1)[1] for edit in edits}
print('listed:', *sorted(listed), sep='\n  ')
print('edited:', *sorted(edited), sep='\n  ')
sys.exit(listed != edited)
END
result $? "tests that are edited are those that are listed"
done_testing
