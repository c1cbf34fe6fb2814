#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every command of ovs-inspectctl that changes rules, functions and sets or
# looks at them, used rightly and wrongly: what it says, how it exits, and
# what is in the database afterwards.
#
#     a (VM) ---+
#               br0, inspector i1 (inline)
#     b (VM) ---+
#
# Mutations that make it fail: write a row before it is checked
# (utilities/inspectctl/rules.c: carry_out() before settings_check()); let
# load_file() go on behind a bad line; forget to raise next_cfg.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
ctl() { timeout 120 ovs-inspectctl "$@"; }

# says STATUS PATTERN COMMAND...: its exit status, and an extended regular
# expression that its output or its complaint has in it.
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

column() { ovs-vsctl --timeout=5 get "$1" "$2" "$3" | tr -d '"'; }
rows() { ovs-vsctl --timeout=5 --bare --columns=name list "$1" | grep -c .; }
version() { status Inspector i1 policy_version; }

host_up
check "bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
good "enable" 'inspector i1 \(id 1\): active on br0' \
    ctl enable br0 --inspector=i1 --mode=inline --select=all
vm_spawn b serve "$traffic" serve 7
check_soon "server" 5 vm_listens b tcp 7
bad "enable: a mode that there is not" \
    "^ovs-inspectctl: mode 'inlin': not one of tap, inline$" \
    ctl enable br0 --mode=inlin
bad "enable: a select that there is not" "^ovs-inspectctl: select 'vms': not" \
    ctl enable br0 --select=vms
bad "enable: a plain uplink" "target 'tcp:c:4740': a plain uplink cannot" \
    ctl enable br0 --uplink=tcp:c:4740
bad "enable: a format that there is not" "format 'xml': not one of" \
    ctl enable br0 --uplink=ssl:c --uplink-format=xml
is "nothing of that was written" "$(rows Inspect_Uplink)" 0

# Rules.
good "add-rule" '^rule web: active, version [0-9]+$' ctl add-rule i1 web \
    priority=100 direction=to-vm source=10.0.0.0/8,192.168.0.0/16 \
    service=tcp/80,tcp/443 action=drop
is "its columns: slot" "$(column Inspect_Rule web slot)" '[]'
is "its columns: source" "$(column Inspect_Rule web source)" \
    '[10.0.0.0/8, 192.168.0.0/16]'
is "its columns: service" "$(column Inspect_Rule web service)" \
    '[tcp/443, tcp/80]'
bad "the same again" 'a rule named "web" already' ctl add-rule i1 web
good "--may-exist" 'rule web: active' ctl --may-exist add-rule i1 web \
    action=allow
is "leaves it" "$(column Inspect_Rule web action)" drop
before=$(version)
good "--replace" 'rule web: active' ctl add-rule --replace i1 web \
    source=port:a symmetric log action=alert
is "sets it" "$(column Inspect_Rule web action)" alert
is "all of it" "$(column Inspect_Rule web service)" '[]'
is "a flag" "$(column Inspect_Rule web symmetric)" true
check "is another version" test "$(version)" != "$before"
wrong "both" 'either --replace or --may-exist' ctl --replace --may-exist \
    add-rule i1 web
good "quotes are nobody's business" 'rule vm: active' ctl add-rule i1 vm \
    source="vm:$(vm_id a)" destination='!10.0.0.9,10.0.0.2'
bad "what only ovs-vswitchd can know" \
    "rule vm: destination '!set:none': there is no" ctl add-rule --replace \
    i1 vm destination='!set:none'
bad "it says that the rule is there all the same" \
    'stays in the database, out of force: .*del-rule' ctl add-rule --replace \
    i1 vm destination='!set:none'
good "del-rule" '^1 rule of inspector i1 gone$' ctl del-rule i1 vm
bad "del-rule of none" 'i1" has no rule named "vm"' ctl del-rule i1 vm
good "--if-exists" '^0 rules' ctl --if-exists del-rule i1 vm
n=$(rows Inspect_Rule)
bad "a bad port" \
    "rule r1: service 'tcp/70000': port 70000: not in 0..65535" \
    ctl add-rule i1 r1 service=tcp/70000
bad "a bad prefix" "rule r1: source '10.0.0.0/33': prefix length 33" \
    ctl add-rule i1 r1 source=10.0.0.0/33
bad "an action that the slot does not take" 'rule r1: slot 5 takes' \
    ctl add-rule i1 r1 slot=5 action=drop
bad "a slot too many" 'rule r1: slot' ctl add-rule i1 r1 slot=12
bad "all faults at once" "70000.*10.0.0.0/33|10.0.0.0/33.*70000" \
    ctl add-rule i1 r1 source=10.0.0.0/33 service=tcp/70000
wrong "a word that is none" "'colour=red': no such setting; there are" \
    ctl add-rule i1 r1 colour=red
wrong "no value" "'source': needs a value" ctl add-rule i1 r1 source
wrong "an empty value" "a value is empty" ctl add-rule i1 r1 source=,
wrong "set twice" "priority is set twice" ctl add-rule i1 r1 priority=1 \
    priority=2
wrong "no name" "add-rule needs an inspector, a name" ctl add-rule i1
wrong "the name forgotten" "the name of the rule comes first" \
    ctl add-rule i1 priority=5
wrong "another command's option" 'add-rule does not take --prune' \
    ctl add-rule --prune i1 r1
bad "no such inspector" 'no inspector named "i9"' ctl add-rule i9 r1
is "nothing of this was written" "$(rows Inspect_Rule)" "$n"
good "--no-wait" '^$' ctl --no-wait add-rule i1 quiet action=allow
check_soon "is taken up nevertheless" 3 status_is Inspect_Rule quiet state \
    active

# Files.
rules=$SANDBOX_DIR/rules
cat >"$rules" <<'END'
# A comment, and an empty line.

one priority=30 service=tcp/1 action=drop
two priority=20 service=udp/2-3 action=reset   # one more
"number three" source=10.0.0.0/8 destination=!10.0.0.9 action=allow
END
before=$(version)
good "load-rules" '^3 rules in the database, 0 of them refused$' \
    ctl load-rules i1 "$rules"
is "is one version" "$(version)" $((before + 1))
bad "load-rules again" 'a rule named "one" already' ctl load-rules i1 "$rules"
good "--replace" '^3 rules' ctl --replace load-rules i1 "$rules"
good "rules is what load-rules reads" '^3 rules' eval \
    'ctl rules i1 | grep -E "^(one|two|\"number)" |
         ctl --replace load-rules i1 -'
printf 'four action=drop\nfive service=tcp/x\nsix slot=3\nfive\n' >"$rules"
n=$(rows Inspect_Rule)
bad "a bad line" ":2: rule five: service 'tcp/x'" ctl load-rules i1 "$rules"
bad "is named" ':4: rule five: stands in line 2 already' \
    ctl load-rules i1 "$rules"
bad "and refuses all" 'nothing has been changed' ctl load-rules i1 "$rules"
is "indeed" "$(rows Inspect_Rule)" "$n"
bad "no such file" 'No such file' ctl load-rules i1 /nowhere/rules
good "--prune" '^[0-9]+ other rules of inspector i1 are gone$' eval \
    'echo "echo service=tcp/7 action=drop priority=50" |
         ctl --prune load-rules i1 -'
is "leaves those that are named" "$(rows Inspect_Rule)" 1
big() {             # One transaction, one answer.
    local i
    for ((i = 0; i < 2000; i++)); do
        echo "r$i priority=$i source=10.$((i / 250)).$((i % 250)).0/24" \
             "service=tcp/$((i + 1000)) action=drop"
    done
}
good "2,000 rules" '^2000 rules in the database, 0 of them refused$' eval \
    'big | ctl --timeout=100 load-rules i1 -'
good "and away" '^2000 other rules' eval \
    'echo "echo service=tcp/7 action=drop priority=50" |
         ctl --timeout=100 --replace --prune load-rules i1 -'

# Looking at rules, with traffic that meets one.
check "traffic" eval 'vm a "$traffic" tcp 10.0.0.2 7 1 10 4000 || true'
good "rules: counters" '^echo .*# judged [1-9][0-9]*, dropped [1-9]' \
    ctl rules i1
good "rules --json" '"judged":[1-9]' ctl rules --json i1
good "inspect/rules" 'slot 2, priority 50, echo \(both\): drop, judged [1-9]' \
    appctl inspect/rules i1
check "inspect/rules --json" eval \
    'appctl inspect/rules --json | /usr/bin/python3 -m json.tool'
bad "rules of nobody" 'no inspector named "i9"' ctl rules i9

# explain
explain() { ctl explain i1 "$@"; }
good "explain: the rule that drops" 'verdict: drop, by rule echo' \
    explain in=a out=b src=10.0.0.1 dst=10.0.0.2 tcp/7
good "by another name" 'slot 2 \(firewall\)' explain in=a out=b \
    src=10.0.0.1 dst=10.0.0.2 proto=tcp dport=7
good "nothing matches" 'verdict: allow, by no rule' explain in=a out=b \
    src=10.0.0.1 dst=10.0.0.2 tcp/8
good "by the VM's id" 'in: a on br0' explain in="$(vm_id a)" out=b arp
good "what was assumed" 'assumed: sport=49152' explain in=a out=b \
    src=10.0.0.1 dst=10.0.0.2 tcp/8
good "neighbour discovery" 'packet: nd' explain in=a out=b src=fe80::1 \
    dst=fe80::2 nd
check "as JSON" eval 'explain --json in=a out=b arp |
    /usr/bin/python3 -m json.tool'
bad "no ends" 'in and out are missing' explain src=10.0.0.1 dst=10.0.0.2 icmp
bad "no address" 'dst is missing' explain in=a out=b src=10.0.0.1 icmp
bad "no service" 'service is missing' explain in=a src=10.0.0.1 dst=10.0.0.2
bad "no port" 'dport is missing' explain in=a src=10.0.0.1 dst=10.0.0.2 tcp
bad "a range" 'one port, not a range' explain in=a src=10.0.0.1 \
    dst=10.0.0.2 tcp/1-5
bad "two families" 'not of one IP version' explain in=a src=10.0.0.1 \
    dst=fe80::1 udp/1
bad "no such port" "in='x': no port is called that" explain in=x arp
bad "a bad key" "'colour=red': no such key" explain in=a colour=red arp
bad "a bad address" "src '10.0.0.300'" explain in=a src=10.0.0.300 \
    dst=10.0.0.1 tcp/1
bad "explain of nobody" 'no inspector is called "i9"' ctl explain i9 in=a arp

# Sets.
good "add-set" '^set servers:' ctl add-set servers 10.0.0.2 10.1.0.0/16
good "a rule with it" '^rule by-set: active' ctl add-rule i1 by-set \
    priority=200 destination=set:servers service=udp/9 action=drop
good "is met" 'drop, by rule by-set' explain in=a out=b src=10.0.0.1 \
    dst=10.0.0.2 udp/9
good "del-address" '^set servers:' ctl del-address servers 10.0.0.2
good "is met no longer" 'allow, by no rule' explain in=a out=b src=10.0.0.1 \
    dst=10.0.0.2 udp/9
good "add-address" '^set servers:' ctl add-address servers 10.0.0.2
good "is met again" 'drop, by rule by-set' explain in=a out=b src=10.0.0.1 \
    dst=10.0.0.2 udp/9
bad "del-address of none" 'has no address "10.9.9.9"' \
    ctl del-address servers 10.9.9.9
bad "a bad address" "set servers: addresses 'x'" ctl add-address servers x
bad "no such set" 'no set named "none"' ctl add-address none 10.0.0.1
good "sets" '^servers addresses=10.0.0.2,10.1.0.0/16 +# 2 addresses' ctl sets
good "sets --json" '"addresses":\["10.0.0.2"' ctl sets --json servers
printf '10.7.0.0/16 10.8.0.1\n# none\n2001:db8::/32\n' >"$SANDBOX_DIR/list"
good "@FILE" '^set listed:' ctl add-set listed "@$SANDBOX_DIR/list"
is "is what is in it" "$(column Inspect_Address_Set listed addresses)" \
    '[10.7.0.0/16, 10.8.0.1, 2001:db8::/32]'
bad "add-set again" 'a set named "listed" already' ctl add-set listed
good "--replace" '^set listed:' ctl --replace add-set listed 10.9.0.1
good "del-set" '^set listed: gone$' ctl del-set listed
bad "del-set of none" 'no set named "listed"' ctl del-set listed
good "--if-exists" '^$' ctl --if-exists del-set listed
good "the set of a rule goes" '^set servers: gone$' ctl del-set servers
check_soon "and the rule says so" 3 status_matches Inspect_Rule by-set error \
    servers
good "as does rules" '^by-set .*# error: .*servers' ctl rules i1
good "del-rule of several" '^2 rules of' ctl del-rule i1 by-set echo

# Functions.
check "ports for functions" eval \
    'ovs-vsctl add-port br0 f1 -- set Interface f1 type=internal \
         -- add-port br0 f2 -- set Interface f2 type=internal &&
     ip link set f1 up && ip link set f2 up'
good "add-function" '^function fw: ' ctl add-function i1 fw slot=4 input=f1 \
    fail_mode=closed probe_interval=0
good "add-function" '^function ips: ' ctl add-function i1 ips slot=5 \
    input=f2 probe_interval=0
is "its port" "$(column Inspect_Function fw input_port)" f1
bad "a slot that is built in" 'function f3: .*slot 2 is built in' \
    ctl add-function i1 f3 slot=2 input=f3
bad "no port" 'function f3: input_port: must be set' \
    ctl add-function i1 f3 slot=6
bad "one port both ways" 'function f3: .*arms' ctl add-function i1 f3 \
    slot=6 input=f3 arms=by-direction
bad "the same again" 'a function named "fw" already' \
    ctl add-function i1 fw slot=6 input=f1
bad "a slot that is taken" "function f3: slot 5 has function 'ips' already" \
    ctl add-function i1 f3 slot=5 input=f3
bad "a port that is taken" "function f3: function 'ips' is behind that port" \
    ctl add-function i1 f3 slot=6 input=f3 output=f2
good "a port that is not there" '^function f3: no-port: ' \
    ctl add-function i1 f3 slot=6 input=f3
good "del-function" '^function f3: gone$' ctl del-function i1 f3
bad "del-function of none" 'has no function named "f3"' \
    ctl del-function i1 f3
good "--if-exists" '^$' ctl --if-exists del-function i1 f3
good "functions" '^fw slot=4 input_port=f1 fail_mode=closed' ctl functions i1
good "with counters" '# in [0-9]+, injected [0-9]+, out' ctl functions i1
good "functions --json" '"in_flight":0' ctl functions --json i1
good "inspect/functions" 'slot 4: function fw' appctl inspect/functions i1
good "a rule for it" '^rule to-fw: active' ctl add-rule i1 to-fw slot=4 \
    direction=from-vm action=redirect service=udp/5
good "explain: where to" 'goes to function fw' explain in=a out=b \
    src=10.0.0.1 dst=10.0.0.2 udp/5
before=$(version)
good "swap-slots" '^function fw: slot 5$' ctl swap-slots fw ips
is "is one version" "$(version)" $((before + 1))
is "both ways" "$(column Inspect_Function ips slot)" 4
good "the other one gets it now" 'goes to function ips' explain in=a out=b \
    src=10.0.0.1 dst=10.0.0.2 udp/5
wrong "one twice" 'two functions, not one twice' ctl swap-slots fw fw
bad "one that is not there" 'no function named "f3"' ctl swap-slots fw f3
check "its port goes" ip link set f2 down
check_soon "explain: down, and what follows" 5 says 0 \
    'function ips is down \(link-down.*fail_mode=open: bypasses it' \
    explain in=a out=b src=10.0.0.1 dst=10.0.0.2 udp/5
check "mode=tap" ovs-vsctl set Inspector i1 mode=tap
check_soon "explain: a tap" 3 says 0 'nothing of this is carried out' \
    explain in=a out=b src=10.0.0.1 dst=10.0.0.2 udp/5

# The rest of the command line.
good "--help names every command" 'swap-slots NAME NAME' ctl --help
for command in enable disable add-rule del-rule load-rules add-function \
        del-function swap-slots add-set del-set add-address del-address rules \
        functions sets explain show flows top stats uplinks coverage flush
do
    check "--help: $command" eval 'ctl --help | grep -Eq "^  $command( |$)"'
done
wrong "no such command" . ctl frobnicate
wrong "too many words" 'show needs the name of an inspector' ctl show i1 i2
good "generic commands know the tables" '^to-fw' ctl --bare --columns=name \
    list Inspect_Rule
good "and their own --if-exists" '^$' ctl --if-exists get Inspect_Rule none \
    name
bad "no database" 'cannot reach the database' \
    ctl --db=unix:/no/such.sock add-rule i1 r1
check "ovs-vswitchd ends" switch_stop
bad "nobody takes it up" 'ovs-vswitchd has not taken it up in time' \
    ctl --timeout=1 add-rule i1 late
good "it is in the database" '^late +# ' ctl rules i1
good "--no-wait" '^$' ctl --no-wait del-rule i1 late
check "ovs-vswitchd comes back" switch_start
host_down
done_testing
