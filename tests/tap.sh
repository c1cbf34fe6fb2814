# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# TAP, for tests that are shell scripts: tests/system/lib.sh,
# tests/packages/lib.sh and tests/ovs/test-*.sh source this.
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
    "$@" >"$out" 2>&1
    tap_say $? "$what" "$out" "failed: $*"
}

# result STATUS WHAT [SENTENCE]: of what has been run, with its output in
# TAP_OUT.
result() {
    N_TESTS=$((N_TESTS + 1))
    tap_say "$1" "$2" "${TAP_OUT:-$SANDBOX_DIR/out/check}" "$3"
}

tap_say() { # STATUS WHAT OUTPUT SENTENCE
    N_SAID=$((N_SAID + 1))
    if test "$1" = 0; then
        echo "ok $N_TESTS - $2"
        return 0
    fi
    echo "not ok $N_TESTS - $2"
    test -z "$4" || diag "$4"
    tail -n 200 "$3" | sed 's/^/# /'
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
