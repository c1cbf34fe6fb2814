#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Uplinks by ovs-inspectctl alone: a token, add-uplink, uplink-test that says
# what it meets and what is wrong, uplinks, del-uplink.
#
# Mutations that make it fail: leave the reference out of member_add(); delete
# a row that another inspector still refers to; let uplink-test end with 0
# whatever it finds.
. "$(dirname "$0")/lib.sh"
system_test "$@"

ctl() { timeout 120 ovs-inspectctl "$@"; }

# says STATUS PATTERN COMMAND...: see tools.sh.
says() {
    local status=$1 pattern=$2 out got
    shift 2
    out=$("$@" 2>&1)
    got=$?
    echo "$out"
    test $got = "$status" || { echo "exit status $got, not $status"; return 1; }
    grep -Eq -- "$pattern" <<<"$out" || { echo "no match: $pattern"; return 1; }
}
good() { check "$1" says 0 "${@:2}"; }
bad() { check "$1" says 1 "${@:2}"; }
wrong() { check "$1" says 2 "${@:2}"; }

host_up
check "bridge" bridge br0
check "an uplink by ovs-vsctl" make_uplink up
check "inspector" make_inspector i1 1 up br0
check "a second one" make_inspector i2 2 up -
check_soon "active" 5 uplink_active up

# What is there.
good "uplinks" '^uplink up' ctl uplinks
good "uplink-test of one that works" 'TLSv1\.3' ctl uplink-test up
good "it shows the certificate" 'collector' ctl uplink-test up
bad "of none" 'no uplink named "nope"' ctl uplink-test nope

# A token.
good "token" '^a token for host-1 is in ' ctl token "$PKI/token"
is "nobody else can read it" "$(stat -c %a "$PKI/token")" 600
check "it is 256 bits" grep -Eqx 'host-1:[0-9a-f]{64}' "$PKI/token"
bad "it is not overwritten" 'there already' ctl token "$PKI/token"
cp -p "$PKI/token" "$PKI/token.before"
good "but with --replace" '^a token for host-1' ctl --replace token \
    "$PKI/token"
check "by another one" not cmp -s "$PKI/token" "$PKI/token.before"
good "for a name of its own" '^a token for host-9' ctl token "$PKI/other" \
    host-9
secret=$(cut -d: -f2 "$PKI/token")

# A collector that takes it.
sandbox_spawn soc ovs-inspect-collector --listen pssl:4741:127.0.0.1 \
    --private-key "$PKI/collector.key" --certificate "$PKI/collector.pem" \
    --ca-cert "$PKI/site-ca.pem" --token-file "$PKI/token" \
    --unixctl="$SANDBOX_DIR/run/soc.ctl" --output "$SANDBOX_DIR/soc.json" \
    --log-file="$OVS_LOGDIR/soc.log"
soc_listens() { ss -Hltn 'sport = :4741' | grep -q .; }
check_soon "a collector with tokens" 5 soc_listens
good "add-uplink" '^uplink soc: ' ctl add-uplink i1 soc \
    target=ssl:127.0.0.1:4741 token_file="$PKI/token"
check_soon "it is connected" 10 uplink_active soc
good "uplink-test says that it was the token" '[Tt]oken' ctl uplink-test soc
good "and finds nothing wrong" '^all is well$' ctl uplink-test soc

# The switch has another name than its token: this collector cannot say why it
# closes, the switch can.
last_error() { ovs-vsctl --timeout=5 get Inspect_Uplink soc status:last_error; }
guesses() { last_error | grep -q "perhaps because .* not for 'host-7'"; }
check "another system-id" ovs-vsctl --timeout=5 set Open_vSwitch . \
    external_ids:system-id=host-7
check_soon "the status says what the reason may be" 10 guesses
good "so does uplink-test" "not for 'host-7'" ctl uplink-test soc
good "which does not call all well" '^all targets .* mind the name$' \
    ctl uplink-test soc
check "the old one" ovs-vsctl --timeout=5 set Open_vSwitch . \
    external_ids:system-id=host-1
check_soon "is connected again" 15 uplink_active soc
bad "add-uplink again" 'is an uplink named "soc" already' \
    ctl add-uplink i1 soc target=ssl:127.0.0.1:4741
good "--may-exist" '^uplink soc: ' ctl --may-exist add-uplink i1 soc \
    target=ssl:127.0.0.1:9 token_file="$PKI/token"
is "changes nothing" "$(ovs-vsctl get Inspect_Uplink soc target)" \
    '"ssl:127.0.0.1:4741"'
good "--replace" '^uplink soc: ' ctl --replace add-uplink i1 soc \
    target=ssl:127.0.0.1:4741 token_file="$PKI/token" max_backoff=2000
is "does" "$(ovs-vsctl get Inspect_Uplink soc max_backoff)" 2000
bad "a plain target" "target 'tcp:127.0.0.1:4741'" ctl add-uplink i1 plain \
    target=tcp:127.0.0.1:4741
bad "to an inspector that there is not" 'no inspector' ctl add-uplink i9 x \
    target=ssl:127.0.0.1:4741
wrong "a word without a value" 'target' ctl add-uplink i1 x target

# What is wrong, in words.
good "a target where nobody is" '^uplink dead: ' ctl add-uplink i1 dead \
    target=ssl:127.0.0.1:9 token_file="$PKI/token"
bad "nobody listens" '[Cc]onnection refused' ctl uplink-test dead
good "one with another secret" '^uplink soc9: ' ctl add-uplink i1 soc9 \
    target=ssl:127.0.0.1:4741 token_file="$PKI/other"
bad "the token is not known there" 'token|identity' ctl uplink-test soc9
chmod 644 "$PKI/other"
bad "a token that others can read" 'others|0600|chmod' ctl uplink-test soc9
check "no secret is shown or logged" not grep -rq "$secret" "$OVS_LOGDIR"

# And away.
good "del-uplink" '^uplink dead: gone$' ctl del-uplink i1 dead
bad "of none" 'has no uplink named "dead"' ctl del-uplink i1 dead
good "--if-exists" '^$' ctl --if-exists del-uplink i1 dead
good "one that another inspector has" '^uplink up: gone$' ctl del-uplink i1 up
check "stays there" ovs-vsctl --timeout=5 get Inspect_Uplink up name
good "until that goes, too" '^uplink up: gone$' ctl del-uplink i2 up
check "then its row is gone" not ovs-vsctl --timeout=5 get Inspect_Uplink up \
    name
sandbox_kill soc
host_down
done_testing
