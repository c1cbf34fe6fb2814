#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Open vSwitch without the extension, built with the same options, for what
# its tests come to.  One tree for each source and set of options, built once.

usage() {
    cat <<END
pristine.sh: build Open vSwitch without the extension
usage: pristine.sh [OPTION]... SOURCE FOLDER ARGUMENT...

SOURCE is a folder or a tarball, FOLDER where builds are kept, each ARGUMENT
one for Open vSwitch's configure.  Prints the tree, which is built on the
first call only; all else goes to its log.

  --id             prints what identifies SOURCE and builds nothing
  --results=NAME   runs its tests, and prints the file of what they came to;
                   the first call only for each NAME, TARGET and FLAGS
  --anew           runs them though they have been run
  --target=TARGET  the tests: check (default) or check-system-userspace
  --flags=FLAGS    for the testsuite, such as "-j2 -k bridge"
  -h, --help       this text

Environment: JOBS (default: the number of processors).
END
}

die() {
    echo "pristine.sh: $*" >&2
    exit 1
}

home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
id_only=
name=
anew=
target=check
flags=
while test $# -gt 0; do
    case $1 in
    -h | --help) usage; exit 0 ;;
    --id) id_only=yes ;;
    --results=?*) name=${1#*=} ;;
    --anew) anew=yes ;;
    --target=?*) target=${1#*=} ;;
    --flags=*) flags=${1#*=} ;;
    -*) die "$1: no such option; try --help" ;;
    *) break ;;
    esac
    shift
done
test $# -ge 1 || die "no SOURCE; try --help"
source=$1

# Of a folder: what its tests and programs are made of.
identify() {
    if test -d "$source"; then
        (cd "$source" && find . -type f \( -name '*.[ch]' -o -name '*.at' \
             -o -name '*.py' -o -name '*.mk' -o -name configure.ac \) \
             ! -name 'config.h' ! -path './tests/testsuite.dir/*' -print0 |
             LC_ALL=C sort -z | xargs -0 sha256sum)
    elif test -f "$source"; then
        cat "$source"
    else
        die "$source: no such folder or tarball"
    fi | sha256sum | cut -c 1-16
}
id=$(identify)
if test -n "$id_only"; then
    echo "$id"
    exit 0
fi

test $# -ge 2 || die "no FOLDER; try --help"
folder=$2
shift 2
options=$(printf '%s\n' "$@" | sha256sum | cut -c 1-8)
tree=$folder/$id-$options
log=$tree.log
if test ! -e "$tree/built"; then
    rm -rf "$tree"
    mkdir -p "$tree" || die "$tree: cannot be made"
    if test -d "$source"; then
        (cd "$source" && tar -cf - --exclude=.git .) | tar -xf - -C "$tree"
    else
        tar -xf "$source" -C "$tree" --strip-components=1
    fi || die "$source cannot be copied to $tree"
    cd "$tree" || die "$tree: cannot be made"
    export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$tree
    echo "pristine.sh: building Open vSwitch without the extension" \
        "(log: $log)" >&2
    { ./configure "$@" &&
      make -j"${JOBS:-$(nproc 2>/dev/null || echo 1)}"; } \
        </dev/null >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "Open vSwitch does not build (log: $log)"
    }
    : >built
fi
if test -z "$name"; then
    echo "$tree"
    exit 0
fi

# Copies its input, and says every minute how far it is.
progress() {
    local line n=0 said=$SECONDS
    while IFS= read -r line; do
        printf '%s\n' "$line"
        [[ ! $line =~ ^\ *[0-9]+:\  ]] || n=$((n + 1))
        if test $((SECONDS - said)) -ge 60; then
            said=$SECONDS
            echo "pristine.sh: $n tests, $((SECONDS - start)) s" >&2
        fi
    done
}

# How many run at once makes no other tests of them.
# shellcheck disable=SC2086
tests=$(printf '%s\n' "$target" $flags | grep -v '^-j[0-9]*$' | sha256sum |
        cut -c 1-8)
results=$tree/results-$name-$tests
log=$tree/$name-$tests.log
if test ! -e "$results" || test -n "$anew"; then
    echo "pristine.sh: running its tests (log: $log)" >&2
    start=$SECONDS
    "$home/run.sh" "$tree" "$target" "$flags" 2>&1 | progress >"$log"
    "$home/compare.py" --save "$results" --source "$id" <"$log" >&2 ||
        die "no results (log: $log)"
    echo "pristine.sh: that took $((SECONDS - start)) s" >&2
fi
echo "$results"
