#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What VMs say to each other is read: records of protocols at the collector,
# and rules that look at what was read.
#
#      a           b           c           VMs 1, 2, 3: 10.0.0.N, fd00::N
#      |           |           |
#      br0 (NORMAL) ------------------ inspector i1 --TLS-- collector
#
# In b: dnsmasq, a web server, a TLS server; all are ordinary programs.
#
# Mutations that make it fail: leave insp_read() out of engine/worker.c (no
# record of any protocol); do not judge anew when the protocol becomes known
# (app: and sni: never match); learn names for every VM (c gets a's names).
. "$(dirname "$0")/lib.sh"
system_test "$@"
. "$TESTS_HOME/functions.bash"

talk=$TESTS_HOME/talk.py
SITE=$SANDBOX_DIR/site
mkdir -p "$SITE"
echo "hello from b" >"$SITE/page.txt"
dd if=/dev/urandom of="$SITE/big" bs=1M count=20 2>/dev/null
host_up
need "a bridge" bridge br0
i=0
for v in a b c; do
    i=$((i + 1))
    check "VM $v" make_vm $v br0 ip=10.0.0.$i/24 ip6=fd00::$i/64
done
check "an uplink" make_uplink up
need "an inline inspector" make_inspector i1 1 up br0 mode=inline
check_soon "it is active" 5 status_is Inspector i1 state active
check_soon "the uplink is active" 5 uplink_active up

printf '10.0.0.2 www.example.com\nfd00::2 www.example.com\n10.0.0.2 db.example.com\n' \
    >"$SANDBOX_DIR/hosts"
vm_spawn b dns dnsmasq --keep-in-foreground --no-resolv --no-hosts \
    --local=/example.com/ --addn-hosts="$SANDBOX_DIR/hosts" --port=53 --listen-address=10.0.0.2 \
    --bind-interfaces --user=root --pid-file= --log-facility=-
vm_spawn b web /usr/bin/python3 -m http.server --directory "$SITE" 80
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$SANDBOX_DIR/web.key" \
    -out "$SANDBOX_DIR/web.pem" -days 2 -subj "/O=Test/CN=www.example.com" \
    2>/dev/null
vm_spawn b tls "$TESTS_HOME/traffic.py" tls 443 "$SANDBOX_DIR/web.pem" \
    "$SANDBOX_DIR/web.key"
vm_spawn b echo "$TESTS_HOME/traffic.py" serve 7
for port in 53 80 443 7; do
    check_soon "b listens on $port" 5 vm_listens b tcp $port
done

# Each kind, as ordinary clients speak it.
ask() { vm "$1" dig +tries=1 +time=15 @10.0.0.2 "${@:2}"; }
tls() {             # VM HOST NAME OPTION...
    vm "$1" timeout "${WAIT:-20}" openssl s_client -connect "$2" -servername "$3" \
        "${@:4}" </dev/null 2>&1
}
tls_met() { tls "$@" | grep -q 'BEGIN CERTIFICATE'; }
get() { vm "$1" curl -s -m 20 -o /dev/null -A "sensor test" "${@:2}"; }

check "DNS: asked" ask a www.example.com A
check "DNS: asked for what is not there" ask a none.example.com AAAA
check "DNS over TCP" ask a +tcp db.example.com A
check "HTTP: a page" get a http://10.0.0.2/page.txt
check "HTTP: none" get a http://10.0.0.2/none
check "HTTP on another port than usual, both in one connection" get a \
    http://10.0.0.2/page.txt http://10.0.0.2/page.txt
check "TLS 1.3" tls_met a 10.0.0.2:443 www.example.com -tls1_3
check "TLS 1.2" tls_met a 10.0.0.2:443 www.example.com -tls1_2 -alpn h2
check "TLS over IPv6" tls_met a '[fd00::2]:443' six.example.com
check "something that is none" vm a "$TESTS_HOME/traffic.py" tcp 10.0.0.2 7 \
    5000 0 4001
flush

# The last one that is made: all others are there.
check_soon "what is none is unknown" 5 records "event_type == 'flow' and
    src_port == 4001 and app_proto == 'unknown'"
check "dns record" records "event_type == 'dns' and
    dns.rrname == 'www.example.com' and dns.rrtype == 'A' and
    dns.rcode == 'NOERROR' and src_vm.port == 'a' and dest_vm.port == 'b'"
check "with the answer" records "event_type == 'dns' and
    dns.rrname == 'www.example.com' and '10.0.0.2' in str(dns.grouped)"
check "of what is not there" records "event_type == 'dns' and
    dns.rrname == 'none.example.com' and dns.rcode == 'NXDOMAIN'"
check "over TCP" records "event_type == 'dns' and proto == 'TCP' and
    dns.rrname == 'db.example.com'"
is "a record a transaction" "$(records "event_type == 'dns' and
    src_vm.port == 'a'")" 3
check "http record" records "event_type == 'http' and
    http.url == '/page.txt' and http.status == 200 and
    http.http_method == 'GET' and http.http_user_agent == 'sensor test' and
    http.hostname == '10.0.0.2'"
check "of what is not there" records "event_type == 'http' and
    http.url == '/none' and http.status == 404"
check "it refers to its connection" eval '
    id=$(records "event_type == \"http\" and http.url == \"/none\"" \
         --print flow_id | head -1) &&
    records "event_type == \"flow\" and flow_id == $id and
             app_proto == \"http\""'
check "tls record, 1.3" records "event_type == 'tls' and
    tls.sni == 'www.example.com' and tls.version == 'TLS 1.3' and
    len(tls.ja4) == 36"
check "tls record, 1.2, with the certificate" records "event_type == 'tls' and
    tls.version == 'TLS 1.2' and 'www.example.com' in tls.subject and
    len(tls.ja3.hash) == 32 and len(tls.ja3s.hash) == 32"
fingerprint=$(openssl x509 -in "$SANDBOX_DIR/web.pem" -noout -fingerprint \
              -sha256 | sed 's/.*=//' | tr A-F a-f)
check "whose fingerprint openssl says as well" records "event_type == 'tls' and
    '${fingerprint//:/}' in str(tls).replace(':', '').lower()"
check "tls record over IPv6" records "event_type == 'tls' and
    tls.sni == 'six.example.com' and src_ip == 'fd00::1'"
check "asked once more" ask a db.example.com A
shows_dns() { appctl inspect/flows | tee /dev/stderr | grep -q ', dns, '; }
check "inspect/flows says the protocol" shows_dns
is "readers are counted" "$(stats i1 readers.connections.tls)" 3
is "nothing was left unread" "$(stats i1 readers.not_read.no-dialog)" 0

# Rules that look at what was read.
check "reset app:http" rule r1 action=reset service='"app:http"'
not_got() { not get "$@"; }
check "HTTP on port 80 is cut" not_got a http://10.0.0.2/page.txt
check "TCP to the same port is not: nothing was said" \
    vm a "$talk" connect 10.0.0.2 80 15
check "TLS passes" tls_met a 10.0.0.2:443 www.example.com
flush
check_soon "the record says why" 3 records "event_type == 'flow' and
    app_proto == 'http' and inspect.verdict == 'reset' and
    inspect.rule == 'r1'"
check "drop sni:*.example.com of TLS from a" eval '
    rules_gone && rule r2 action=drop source="\"port:a\"" \
        service="\"sni:*.example.com\""'
not_tls() { WAIT=5 not tls_met "$@"; }
check "a cannot speak to www" not_tls a 10.0.0.2:443 www.example.com
check "nor over IPv6" not_tls a '[fd00::2]:443' www.example.com
check "but to another name at the same address" \
    tls_met a 10.0.0.2:443 www.example.org
check "and not below it, but itself" tls_met a 10.0.0.2:443 example.com
check "c can speak to www" tls_met c 10.0.0.2:443 www.example.com

# What DNS has told: any protocol, from the first packet on; for who asked.
check "drop sni:db.example.com" eval '
    rules_gone && ovs-vsctl set Inspector i1 other_config:dns-names=true &&
    rule r3 action=drop service="\"sni:db.example.com\",\"sni:www.example.com\""'
check "c has not asked" vm c "$talk" connect 10.0.0.2 7 15
ask_and() {         # VM NAME: silent to 10.0.0.2 after it has asked.
    ask "$1" "$2" A +short >/dev/null &&
        equal "$(vm "$1" "$talk" connect 10.0.0.2 7 1 | cut -d' ' -f1)" silent
}
check "c asks, and then cannot" ask_and c db.example.com
check "a has not asked since" vm a "$talk" connect 10.0.0.2 7 15
check "dns-names=false" eval 'ovs-vsctl set Inspector i1 \
    other_config:dns-names=false && in_force'
check "c can again" vm c "$talk" connect 10.0.0.2 7 15
check "no rules" rules_gone

# A live connection is judged anew when a rule comes.
check "reset app:http, again" rule r4 action=reset service='"app:http"'
check "and gone" rules_gone

# Readers can be switched off.
check "readers-off=http" eval 'ovs-vsctl set Inspector i1 \
    other_config:readers-off=http && in_force'
check "status says so" status_is Inspector i1 readers_off http
before=$(stats i1 readers.connections.http)
check "HTTP" get a http://10.0.0.2/page.txt
is "is not read" "$(stats i1 readers.connections.http)" "$before"
check "on again" eval 'ovs-vsctl remove Inspector i1 other_config \
    readers-off && in_force'

# How much is sent.  Bulk first, so that there is something to have 1 % of.
check "20 MB" get a http://10.0.0.2/big
flush
wire() { ovs-vsctl get Inspect_Uplink up statistics:wire_bytes; }
diag "$(wire) bytes sent of $(stats i1 inspected_bytes) inspected"
check "metadata-level=connections" eval 'ovs-vsctl set Inspector i1 \
    other_config:metadata-level=connections && in_force'
check_soon "status says so" 3 status_is Inspector i1 metadata connections
before=$(records "event_type == 'http'")
check "HTTP" get a http://10.0.0.2/page.txt?level
flush
sleep 0.5
is "has no record" "$(records "event_type == 'http'")" "$before"
check "metadata-level=aggregates" eval 'ovs-vsctl set Inspector i1 \
    other_config:metadata-level=aggregates && in_force'
check_soon "status says so" 3 status_is Inspector i1 metadata aggregates
flush
sums_agree() {      # Of records of connections and of the rest.
    local inspected sum
    settle i1 && flush && sleep 1 || return 1
    inspected=$(stats i1 inspected_packets)
    sum=$($RECORDS sum "$RECORDS_FILE" | cut -d' ' -f3)
    equal "$sum" "$inspected"
}
check "30 pages" eval 'for i in $(seq 30); do
    get a http://10.0.0.2/page.txt || exit 1; done'
flush
check_soon "one record for all of them" 3 records "event_type == 'flow' and
    inspect.end == 'aggregated' and inspect.connections >= 30 and
    app_proto == 'http' and inspect.metadata == 'aggregates'"
check_soon "sums over all records are exact" 10 sums_agree
check "metadata-level=full, metadata-budget=0.01" eval 'ovs-vsctl \
    set Inspector i1 other_config:metadata-level=full \
    other_config:metadata-budget=0.01 other_config:metadata-floor=1000 &&
    in_force'
check_soon "status: full" 5 status_is Inspector i1 metadata full
pages() {
    local i
    for ((i = 0; i < 15; i++)); do
        get a http://10.0.0.2/page.txt
    done
    test "$(status Inspector i1 metadata)" != full
}
check_soon "over the budget: a step is taken" 60 pages
check "bad words" ovs-vsctl set Inspector i1 \
    other_config:metadata-budget=1.23456
check_soon "are faults" 3 status_matches Inspector i1 error \
    'metadata-budget .1\.23456'
host_down
done_testing
