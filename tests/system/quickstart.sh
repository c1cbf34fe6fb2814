#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ./quickstart.sh --once: every sum holds, and afterwards nothing is left: no
# namespace, no process, no file; also after SIGINT, and after kill -9 with
# --clean.  Runs outside of any sandbox.
#
# In: PREFIX (then nothing is built) and top_srcdir.
# Mutations that make it fail: leave out --kill-child in build-aux/sandbox.sh;
# let build-aux/function.py forget the mark of one packet in a hundred.
. "$(dirname "$0")/lib.sh"

top_srcdir=${top_srcdir:-$TESTS_HOME/../..}
quickstart=$top_srcdir/quickstart.sh
if why=$(sandbox_missing); then
    echo "1..0 # SKIP $why"
    exit 77
fi
SANDBOX_DIR=$(mktemp -d /tmp/ovs-ext-quickstart.XXXXXX)
mkdir "$SANDBOX_DIR/out"
OVS_LOGDIR=$SANDBOX_DIR/none
: >"$SANDBOX_DIR/stderr"
trap 'at_exit; rm -rf "$SANDBOX_DIR"' EXIT

# Sandboxes under a name of their own: others may be at work.
export SANDBOX_PATTERN=$SANDBOX_DIR-sandbox.
inventory() {
    ls -d "$SANDBOX_PATTERN"* 2>/dev/null
    ls /run/netns 2>/dev/null
    ls /sys/class/net
    for p in /proc/[0-9]*; do
        tr '\0' ' ' <"$p/cmdline"
        echo
    done 2>/dev/null | grep -F "$SANDBOX_PATTERN" | grep -v '^grep '
    true
}
unchanged() {
    sandbox_wait 5 eval 'test "$(inventory)" = "$before"'
    equal "$(inventory)" "$before"
}
before=$(inventory)

check "--help" "$quickstart" --help
check "a wrong option is a usage error" eval \
    '"$quickstart" --wrong; test $? = 2'
once() {
    "$quickstart" --once >"$SANDBOX_DIR/out/once" || {
        cat "$SANDBOX_DIR/out/once"
        return 1
    }
}
check "--once succeeds" once
check "its summary says that every sum holds" \
    grep 'Every sum holds' "$SANDBOX_DIR/out/once"
check "some packets went through the function, the others past it" \
    grep -E 'while it ran +[1-9][0-9,]* +[1-9][0-9,]* +0 +0  =$' \
    "$SANDBOX_DIR/out/once"
check "killed: fail_mode=open lets them pass" \
    grep -E 'fail_mode=open +0 +0 +[1-9][0-9,]* +0  =$' \
    "$SANDBOX_DIR/out/once"
check "killed: fail_mode=closed drops them" \
    grep -E 'fail_mode=closed +0 +0 +0 +[1-9][0-9,]*  =$' \
    "$SANDBOX_DIR/out/once"
check "nothing is left" unchanged

# A shell starts what is in the background with SIGINT ignored; python does
# not.
interrupt() {       # SIGNAL: some seconds into the run.
    /usr/bin/python3 - "$1" "$quickstart" <<'END'
import glob, os, signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[2], '--once'], stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, start_new_session=True)
end = time.monotonic() + 300
while p.poll() is None and time.monotonic() < end:
    time.sleep(0.2)
    if glob.glob(os.environ['SANDBOX_PATTERN'] + '*/records.json'):
        break
else:
    sys.exit('it never ran')
time.sleep(1)
p.send_signal(int(sys.argv[1]))
try:
    print(p.wait(60))
except subprocess.TimeoutExpired:
    p.kill()
    sys.exit('it did not end')
END
}
check "SIGINT ends it" interrupt 2
check "nothing is left after SIGINT" unchanged
check "SIGTERM ends it" interrupt 15
check "nothing is left after SIGTERM" unchanged
check "kill -9" interrupt 9
all_dead() {
    ! inventory | grep -q ovs-vswitchd
}
check_soon "no process survives it" 3 all_dead
check "--clean removes the rest" "$quickstart" --clean
check "nothing is left after kill -9 and --clean" unchanged
done_testing
