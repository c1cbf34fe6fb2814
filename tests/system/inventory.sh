#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Services that VMs offer, seen in passing, and names that DHCP gives.
#
#      a           b           c                  d
#      VM          VM          VM, address        infrastructure: dnsmasq
#      10.0.0.1    10.0.0.2    by DHCP            10.0.0.254
#      |           |           |                  |
#      br0 (NORMAL) --------------- inspector i1 --TLS-- collector
#
# Mutations that make it fail: take a refused connection for a service;
# look only at events and never at connections (the echo server is missing);
# leave out the weaknesses of values; let a VM's lease name others.
. "$(dirname "$0")/lib.sh"
system_test "$@"

traffic=$TESTS_HOME/traffic.py
host_up
need "a bridge" bridge br0
check "VM a" make_vm a br0 ip=10.0.0.1/24
check "VM b" make_vm b br0 ip=10.0.0.2/24
check "VM c" make_vm c br0
check "a DHCP port" make_vm d br0 ip=10.0.0.254/24 id=none
check "an uplink" make_uplink up
need "an inspector" make_inspector i1 1 up br0 select=vm
check_soon "it is active" 5 status_is Inspector i1 state active
check_soon "the uplink is active" 5 uplink_active up
is "nothing is known" "$(appctl inspect/listeners)" "nobody has answered yet"

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$SANDBOX_DIR/web.key" \
    -out "$SANDBOX_DIR/web.pem" -days 2 -subj "/CN=old.example.com" \
    2>/dev/null
vm_spawn b old openssl s_server -accept 443 -cert "$SANDBOX_DIR/web.pem" \
    -key "$SANDBOX_DIR/web.key" -cipher DEFAULT@SECLEVEL=0 -quiet
vm_spawn b web /usr/bin/python3 -m http.server --directory "$SANDBOX_DIR" 80
vm_spawn b echo "$traffic" serve 7
for port in 443 80 7; do
    check_soon "b listens on $port" 5 vm_listens b tcp $port
done

tls() {
    vm a timeout 20 openssl s_client -connect 10.0.0.2:443 \
        -cipher DEFAULT@SECLEVEL=0 "$@" </dev/null 2>&1 |
        grep -q 'BEGIN CERTIFICATE'
}
check "TLS 1.3" tls -tls1_3
check "HTTP" vm a curl -s -m 20 -o /dev/null http://10.0.0.2/
check "no known protocol" vm a "$traffic" tcp 10.0.0.2 7 5000 0 4001
refused() { not vm a curl -s -m 2 http://10.0.0.2:81/; }
check "nobody is at port 81" refused

new() { records "event_type == 'listener' and listener.why == 'new' and $1"; }
check_soon "a record of the web server" 3 new "dest_port == 80 and
    app_proto == 'http' and 'SimpleHTTP' in listener.software and
    dest_ip == '10.0.0.2' and dest_vm.id == '$(vm_id b)'"
check "of TLS, with its version" new "dest_port == 443 and
    listener.versions == ['TLS 1.3']"
flush
check_soon "of the one that nobody knows" 3 new "dest_port == 7"
check "it refers to a connection" eval '
    id=$(records "event_type == \"listener\" and dest_port == 7" \
         --print flow_id | head -1) &&
    records "event_type == \"flow\" and flow_id == $id and dest_port == 7"'
is "not of a port where nobody is" "$(records "event_type == 'listener' and
    dest_port == 81")" 0

lists() { appctl inspect/listeners i1 | tee /dev/stderr | grep -q "$1"; }
check "inspect/listeners shows them" lists \
    "tcp 10.0.0.2:80, $(vm_id b), http, SimpleHTTP.*, connections 1, first"
is "in JSON too" "$(appctl inspect/listeners --json |
    python3 -c 'import json, sys
print(*sorted(l["port"] for l in json.load(sys.stdin)["listeners"]))')" \
    "7 80 443"

# The same server agrees to an old version: told when the first minute is
# over, shown at once.
check "TLS 1.0" tls -tls1
check_soon "the worst comes first" 3 eval 'appctl inspect/listeners |
    head -1 | grep -q "10.0.0.2:443.*weak: tls-1.0 (medium)"'
check "ovs-inspectctl says the same" eval '
    ovs-inspectctl listeners | grep -q "weak: tls-1.0"'

# Names.
vm_spawn d dhcp dnsmasq --keep-in-foreground --no-resolv --no-hosts --port=0 \
    --dhcp-range=10.0.0.100,10.0.0.120,1h --dhcp-no-override \
    --dhcp-leasefile="$SANDBOX_DIR/leases" --interface=eth0 \
    --bind-interfaces --user=root --pid-file= --log-facility=-
check_soon "a DHCP server" 5 vm_listens d udp 67
printf '#!/bin/sh\ntest "$1" != bound || ip addr add $ip/24 dev $interface\n' \
    >"$SANDBOX_DIR/bound"
chmod +x "$SANDBOX_DIR/bound"
check "c asks for an address" vm c busybox udhcpc -i eth0 -n -q -t 20 -T 1 \
    -x hostname:web-c -s "$SANDBOX_DIR/bound"
check_soon "the lease is recorded" 3 records "event_type == 'dhcp' and
    dhcp.dhcp_type == 'ack'"
check "c speaks to b" vm c curl -s -m 20 -o /dev/null http://10.0.0.2/
check_soon "c has its name in the record" 3 records "event_type == 'http' and
    src_host == 'web-c' and src_vm.id == '$(vm_id c)'"
flush
check_soon "in the connection's too" 3 records "event_type == 'flow' and
    dest_port == 80 and src_host == 'web-c'"
is "nobody else has it" "$(records "src_ip == '10.0.0.1' and
    src_host == 'web-c'")" 0

# When a VM goes, so do its services.
check "b is unplugged" ovs-vsctl --timeout=20 del-port b
check_soon "they are gone" 5 records "event_type == 'listener' and
    listener.why == 'gone' and dest_port == 443 and
    listener.severity == 'medium' and 'tls-1.0' in listener.weaknesses and
    dest_vm.id"
is_soon "all three" 5 3 records "event_type == 'listener' and
    listener.why == 'gone'"
is "and are shown no more" "$(appctl inspect/listeners |
    grep -c 10.0.0.2)" 0
host_down
done_testing
