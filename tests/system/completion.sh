#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Completion of command lines: what bash is given for lines that end in the
# middle of something, with the programs, a database and Open vSwitch's own
# completion there.
#
# Mutations that make it fail: forget what stands before "=" or ":"
# (_ovs_inspect_reply); let a command of ovs-inspectctl be missing in --help;
# do not ask who completed ovs-appctl before.
. "$(dirname "$0")/lib.sh"
system_test "$@"

installed=$PREFIX/etc/bash_completion.d
source=$TESTS_HOME/../../utilities/completion/ovs-inspect-bashcomp.bash

# completes LINE: what bash would offer, sorted, on one line.
completes() {
    bash -c '
        for f in "$2"/ovs-*-bashcomp.bash; do
            case $f in */ovs-inspect-*) ;; *) . "$f" ;; esac
        done 2>/dev/null
        . "$1"
        . "$1"                  # Twice does no harm.
        COMP_LINE=$3 COMP_POINT=${#3} COMP_TYPE=9 COMP_KEY=9
        read -ra COMP_WORDS <<<"$COMP_LINE"
        case $COMP_LINE in *" ") COMP_WORDS+=("") ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        f=$(complete -p "${COMP_WORDS[0]}" | sed "s/.* -F \([^ ]*\) .*/\1/")
        "$f" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" \
            "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}" | sed "s/ *$//" | sort -u | xargs
    ' bash "$source" "$installed" "$1"
}
# Whoever completes waits a second at most for a program, and then offers less.
offers() { is_soon "$1 -> $2" 3 "$2" completes "$1"; }
has_word() { completes "$1" | grep -qw -- "$2"; }
# offers_too LINE WORD: among others.
offers_too() {
    check_soon "$1 -> ... $2 ..." 3 has_word "$1" "$2"
}

need "certificates can be made" pki_init
need "ovsdb-server starts" switch_start_db
need "ovs-vswitchd starts" switch_start
need "rows" eval 'bridge br0 && bridge br1 &&
    ovs-inspectctl enable br0 --inspector=alpha --mode=inline &&
    ovs-inspectctl add-set dc 10.0.0.1 &&
    ovs-inspectctl add-rule alpha no-telnet service=tcp/23 action=drop &&
    ovs-inspectctl add-rule alpha no-ftp service=tcp/21 action=drop &&
    make_uplink soc'
if test -n "$PREFIX"; then
    check "it is installed" cmp "$source" \
        "$installed/ovs-inspect-bashcomp.bash"
else
    skip "it is installed" "a build, not an installation (PREFIX)"
fi

# Commands: all that --help has, none that it does not.
offers 'ovs-inspectctl add-' 'add-address add-function add-rule add-set add-uplink'
offers 'ovs-inspectctl -T 5 del-u' del-uplink
offers 'ovs-inspectctl enable br' 'br0 br1'
offers 'ovs-inspectctl enable br0 --mode=' 'inline tap'
offers 'ovs-inspectctl enable br0 --sel' --select=
offers 'ovs-inspectctl enable br0 --inspector=al' alpha
offers 'ovs-inspectctl add-rule ' alpha
offers 'ovs-inspectctl add-rule alpha new act' action=
offers 'ovs-inspectctl add-rule alpha new action=re' 'redirect reset'
offers 'ovs-inspectctl add-rule alpha new source=set:' dc
offers 'ovs-inspectctl add-rule alpha new service=tcp/80,ud' tcp/80,udp/
offers 'ovs-inspectctl add-function alpha f fail_mode=c' closed
offers 'ovs-inspectctl del-rule alpha ' 'no-ftp no-telnet'
offers 'ovs-inspectctl del-rule alpha no-ftp no-t' no-telnet
offers 'ovs-inspectctl uplink-test ' soc
offers 'ovs-inspectctl sets ' dc
offers 'ovs-inspectctl explain alpha in=br' 'br0 br1'
offers 'ovs-inspectctl explain alpha sn' sni=
touch "$SANDBOX_DIR/rules-1" "$SANDBOX_DIR/rules-2"
offers "ovs-inspectctl load-rules alpha $SANDBOX_DIR/rul" \
    "$SANDBOX_DIR/rules-1 $SANDBOX_DIR/rules-2"
offers 'ovs-inspectctl nothing-like-that ' ''

# Options: every one of --help.
all_options() {
    local option program=$1 got
    got=$(completes "$program --")
    while read -r option; do
        grep -qw -- "$option" <<<"$got" || {
            echo "$option is not offered"
            return 1
        }
    done < <("$program" --help | grep -oE -- '[ ,] --[a-z][a-z-]*[a-z]' |
             sed 's/^[ ,]*//' | sort -u)
}
for program in ovs-inspectctl ovs-inspect-collector ovs-inspect-probe; do
    check_soon "$program: every option" 3 all_options $program
done
offers 'ovs-inspect-probe --fo' --format=
offers 'ovs-inspect-probe --format=' 'ipfix json'
offers 'ovs-inspect-probe --only=dns,tl' dns,tls
offers 'ovs-inspect-probe -i l' lo
offers "ovs-inspect-probe -r $SANDBOX_DIR/rules-1" "$SANDBOX_DIR/rules-1"
offers "ovs-inspect-probe --read=$SANDBOX_DIR/rules-1" "$SANDBOX_DIR/rules-1"
offers 'ovs-inspect-collector --listen=ps' pssl:4740
offers 'ovs-inspect-collector --ssl-p' --ssl-protocols=

# ovs-appctl: every command of ours, and Open vSwitch's as before.
commands=$(ovs-appctl list-commands | grep -oE '^ *inspect/[a-z-]+' | xargs)
check "there are commands" test -n "$commands"
offers 'ovs-appctl inspect/' "$commands"
offers 'ovs-appctl -t ovs-vswitchd inspect/fl' 'inspect/flows inspect/flush'
offers 'ovs-appctl inspect/flows --' '--json --limit= --sort'
offers 'ovs-appctl inspect/show ' alpha
offers 'ovs-appctl inspect/explain alpha ds' 'dst= dst_mac='
check "a collector" collector_start --unixctl="$OVS_RUNDIR/c.ctl"
offers "ovs-appctl -t $OVS_RUNDIR/c.ctl collector/" \
    'collector/reopen collector/show'
if test -n "$PREFIX"; then
    offers_too 'ovs-appctl dpctl/dump-f' dpctl/dump-flows
else
    skip "Open vSwitch's own" "a build, not an installation (PREFIX)"
fi

# Without anybody to ask it offers nothing, and says nothing.
check "ovs-vswitchd ends" switch_stop
ovs-appctl -t ovsdb-server exit
offers 'ovs-inspectctl add-rule ' ''
check "no word of complaint" eval \
    'test -z "$(completes "ovs-inspectctl add-rule " 2>&1)"'
done_testing
