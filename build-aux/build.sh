# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Build
# =====
#
# From a fresh clone to an installation, with what is missing installed and
# with progress shown.  Shared by quickstart.sh and check.sh.
#
#     . build-aux/build.sh
#     ovsext_build PREFIX BUILD_DIR        # Returns 1 after saying why not.
#
# In: OVSEXT_CONFIGURE, more arguments for configure (a word each; none with
# blanks), JOBS for make (default: the number of processors).

OVSEXT_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Files that gcc compiles for everything: for the progress only.
OVSEXT_FILES=375

ovsext_say() {
    echo "ovs-ext: $*"
}

# ovsext_packages KIND...: what of packages.txt is not installed, one a line.
ovsext_packages() {
    local kind package
    while read -r kind package; do
        if [[ " $* " == *" $kind "* ]] &&
           test "$(dpkg-query -W -f='${db:Status-Status}' "$package" \
                   2>/dev/null)" != installed; then
            echo "$package"
        fi
    done <"$OVSEXT_TOP/build-aux/packages.txt"
}

# ovsext_install KIND...: installs those, or says in one sentence what is
# missing and fails.
ovsext_install() {
    local missing
    if ! command -v dpkg-query >/dev/null; then
        ovsext_say "this is no Debian: taking for granted that what" \
            "build-aux/packages.txt names is installed"
        return 0
    fi
    missing=$(ovsext_packages "$@" | tr '\n' ' ')
    missing=${missing% }
    test -n "$missing" || return 0
    if test "$(id -u)" != 0; then
        ovsext_say "missing packages: $missing.  Run as root, or install" \
            "them: apt-get install $missing" >&2
        return 1
    fi
    if ! command -v apt-get >/dev/null; then
        ovsext_say "missing packages, and no apt-get to install them:" \
            "$missing" >&2
        return 1
    fi
    ovsext_run "installing $missing" "${OVSEXT_LOG:-/dev/null}" \
        ovsext_apt "$missing"
}

ovsext_apt() {
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get -q update && apt-get -qy -o DPkg::Lock::Timeout=300 install \
        --no-install-recommends $1
}

# ovsext_run TEXT LOG COMMAND...: runs COMMAND with its output in LOG and a
# word of progress now and then; on failure shows the end of LOG.
ovsext_run() {
    local text=$1 log=$2 start=$SECONDS status
    shift 2
    "$@" </dev/null 2>&1 | ovsext_progress "$text" "$log"
    status=${PIPESTATUS[0]}
    if test "$status" != 0; then
        test -f "$log" && tail -n 30 "$log"
        ovsext_say "$text: failed${log:+ (all of it: $log)}" >&2
        return 1
    fi
    ovsext_say "$text: done in $((SECONDS - start)) s"
}

# Copies its input to LOG; on a terminal shows one line that changes, else a
# line every 20 seconds.
ovsext_progress() {
    local text=$1 log=$2 line n=0 start=$SECONDS said=$SECONDS every=20 status
    local now='' done=''
    test -t 1 && every=1
    exec 7>"$log"
    while :; do
        IFS= read -r -t 1 line
        status=$?
        if test $status = 0; then
            printf '%s\n' "$line" >&7
            case $line in
            '  CC '*) n=$((n + 1)) now=${line##* } ;;
            '  OVS '* | '  GEN '*) now=${line##* } ;;
            esac
        elif test $status -le 128; then
            break
        fi
        if test $((SECONDS - said)) -ge $every; then
            said=$SECONDS
            done=
            if test $n != 0; then
                done=", $n of about $OVSEXT_FILES files"
            fi
            line="ovs-ext: $text: $((SECONDS - start)) s$done $now"
            if test -t 1; then
                printf '\r%.*s\033[K' "${COLUMNS:-79}" "$line"
            else
                echo "$line"
            fi
        fi
    done
    test ! -t 1 || printf '\r\033[K'
    exec 7>&-
}

# ovsext_configure PREFIX BUILD_DIR: only when it has not been done, or when
# it was done for another prefix or with other arguments.
ovsext_configure() {
    local prefix=$1 build=$2 want
    if test ! -x "$OVSEXT_TOP/configure" ||
       test "$OVSEXT_TOP/configure.ac" -nt "$OVSEXT_TOP/configure" ||
       test "$OVSEXT_TOP/m4/ovsext.m4" -nt "$OVSEXT_TOP/configure"; then
        ovsext_run "boot.sh" "$build/boot.log" "$OVSEXT_TOP/boot.sh" ||
            return 1
    fi
    want="--prefix=$prefix $OVSEXT_CONFIGURE"
    if test ! -e "$build/Makefile" ||
       test "$(cat "$build/configured-with" 2>/dev/null)" != "$want"; then
        # shellcheck disable=SC2086
        ovsext_run configure "$build/configure.log" \
            ovsext_in "$build" "$OVSEXT_TOP/configure" $want || return 1
        echo "$want" >"$build/configured-with"
    fi
}

ovsext_in() {
    cd "$1" && shift && "$@"
}

# ovsext_build PREFIX BUILD_DIR: both absolute; a second run does only what
# has changed.  PREFIX is for sandboxes: it belongs to the one who calls.
ovsext_build() {
    local prefix=$1 build=$2 jobs=${JOBS:-$(nproc 2>/dev/null || echo 1)}
    mkdir -p "$build" || return 1
    OVSEXT_LOG=$build/packages.log ovsext_install build run || return 1
    # Objects of a build elsewhere serve here as well.
    export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$build
    ovsext_configure "$prefix" "$build" || return 1
    ovsext_run "building (log: $build/make.log)" "$build/make.log" \
        make -C "$build" -j"$jobs" || return 1
    ovsext_run "installing into $prefix" "$build/install.log" \
        make -C "$build" install || return 1
}
