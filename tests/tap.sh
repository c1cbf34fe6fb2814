# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# TAP, for tests that are shell scripts: tests/system/lib.sh and
# tests/packages/lib.sh source this.
#
#     check "what must hold" COMMAND...
#     done_testing
#
# In: TAP_OUT, a file for what a command says, which is shown when it fails
# (default: out/check in SANDBOX_DIR).

N_TESTS=0
N_SAID=0
N_FAILED=0
# Set when the plan is out: an end without it is a failure.
# shellcheck disable=SC2034
FINISHED=

skip_all() {
    echo "1..0 # SKIP $*"
    exit 77
}

bail() {
    diag "$*"
    # shellcheck disable=SC2034
    FINISHED=1
    echo "1..$N_TESTS"
    exit 1
}

diag() {
    printf '%s\n' "$*" | sed 's/^/# /'
}

# check WHAT COMMAND...
check() {
    local what=$1 out=${TAP_OUT:-$SANDBOX_DIR/out/check}
    shift
    N_TESTS=$((N_TESTS + 1))
    if "$@" >"$out" 2>&1; then
        echo "ok $N_TESTS - $what"
        N_SAID=$((N_SAID + 1))
        return 0
    fi
    echo "not ok $N_TESTS - $what"
    N_SAID=$((N_SAID + 1))
    diag "failed: $*"
    tail -n 200 "$out" | sed 's/^/# /'
    N_FAILED=$((N_FAILED + 1))
    return 1
}

# is WHAT GOT EXPECTED
is() {
    check "$1" equal "$2" "$3"
}

# Of more than a line, what differs.
equal() {
    test "$1" = "$2" && return
    case $1$2 in
    *$'\n'*)
        diff --label got --label expected -U 0 \
            <(printf '%s\n' "$1") <(printf '%s\n' "$2")
        ;;
    *)
        echo "got:      $1"
        echo "expected: $2"
        ;;
    esac
    return 1
}

not() {
    ! "$@"
}

skip() {
    N_TESTS=$((N_TESTS + 1))
    N_SAID=$((N_SAID + 1))
    echo "ok $N_TESTS - $1 # SKIP $2"
}

# An error in an expression, $(( )), takes bash out of a check that then says
# nothing.
done_testing() {
    if test $N_SAID != $N_TESTS; then
        N_TESTS=$((N_TESTS + 1))
        N_FAILED=$((N_FAILED + 1))
        echo "not ok $N_TESTS - each check came to its end"
    fi
    FINISHED=1
    echo "1..$N_TESTS"
    test $N_FAILED = 0
    exit
}
