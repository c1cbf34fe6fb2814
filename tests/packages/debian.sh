#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The packages on a Debian 12 that runs its own Open vSwitch with bridges,
# flows and two VMs: installed, restarted, upgraded, downgraded, removed,
# purged.  What the operator had is there after each step, and traffic that a
# rule drops never gets through while one ovs-vswitchd takes another's place.
#
# Mutations that make it fail: no "without-inspect" in prerm (the flows are
# lost with the next restart); no diversion of the schema (the database is
# converted back); no drop-in (packets pass after "systemctl restart");
# RESTART=yes as default (another ovs-vswitchd after the installation).
. "$(dirname "$0")/lib.sh"

export LIMIT=2400
test "$(id -u)" = 0 || skip_all "needs root"
for tool in mmdebstrap nsenter dpkg-deb; do
    command -v $tool >/dev/null ||
        skip_all "no $tool: apt-get install mmdebstrap util-linux dpkg-dev"
done
test -c /dev/net/tun || skip_all "no /dev/net/tun"

own=/usr/lib/openvswitch-switch-inspect
stock=/usr/lib/openvswitch-switch/ovs-vswitchd
ctl=/usr/share/openvswitch/scripts/ovs-ctl
packages="openvswitch-switch-inspect ovs-inspect-tools ovs-inspect-collector
ovs-inspect-probe ovs-ext-doc"

apt_install() {
    inside apt-get -qy --no-install-recommends \
        --allow-downgrades "$@"
}

# debs [SUFFIX]: the files of that version, as arguments.
debs() {
    local p
    for p in $packages; do
        (cd "$ROOT" && ls srv/debs"$1"/"$p"_*.deb) | sed 's|^|/|'
    done
}

restart() {
    inside $own/ovs-inspect-switch restart
}

# The same without the package.
ovs_ctl_restart() {
    if test "$BOOTED" = systemd; then
        inside systemctl reload openvswitch-switch
    else
        inside "$ctl" --system-id=random restart
    fi
}

packages_start
need "packages are built" packages_debs
need "a clean Debian 12" root_make
need "it boots" root_boot
diag "booted: $BOOTED"
mkdir "$ROOT/srv/debs" && cp "$DEBS"/*.deb "$ROOT/srv/debs/"

# Debian's own, with what an operator has
host_start
before=$(host flows)
files >"$WORK/files-before"
pid=$(vswitchd_pid)
db_before=$(inside ovs-vsctl list-ports br0)

# Installed beside it
# shellcheck disable=SC2046
need "the packages are installed" apt_install install $(debs)
is "the ovs-vswitchd that runs is the old one" "$(vswitchd_pid)" "$pid"
check "which is Debian's" vswitchd_is $stock
check "ours is the alternative that comes next" \
    inside test /usr/sbin/ovs-vswitchd -ef $own/ovs-vswitchd
check "Debian's is an alternative still" \
    inside_sh "update-alternatives --list ovs-vswitchd | grep -x $stock"
check "no file of Debian's packages was changed" inside_sh \
    "! dpkg --verify openvswitch-switch openvswitch-common 2>&1 | grep ."
check "the schema of the running database has the tables" has_table
check "with a backup" inside_sh "ls /etc/openvswitch/conf.db.inspect-backup*"
is "flows are there" "$(host flows)" "$before"
check "VMs reach each other" ping_works
check "ovs-vsctl knows the tables" inside ovs-vsctl list Inspector
check "inspectctl has its --version" inside ovs-inspectctl --version
check "the probe runs" inside ovs-inspect-probe --version
check "bash completes ovs-appctl, with Debian's and our commands" inside \
    bash -c '. /usr/share/bash-completion/completions/ovs-appctl
             complete -p ovs-appctl | grep -w _ovs_inspect_appctl
             declare -F "$_ovs_inspect_appctl_before"'
check "documents find each other" inside_sh \
    "cd /usr/share/doc/ovs-ext-doc && grep Documentation/house.md README.md &&
     test -e Documentation/house.md && test -e Documentation/README.md"
check "the manual of the database has them" inside_sh \
    "zgrep -q Inspect_Uplink /usr/share/man/man5/ovs-vswitchd.conf.db.5.gz"

need "ours takes its place" restart
check "it runs" vswitchd_is $own/ovs-vswitchd
is "flows are there" "$(host flows)" "$before"
check "VMs reach each other" wait_for 10 ping_works

# It inspects, and the packaged collector has the records
need "certificates" host pki
need "an inspector" host inspect
if test $BOOTED = systemd; then
    collector=ovs-inspect-collector.service
    check "the collector did not run without a certificate" \
        inside_sh "test \$(systemctl is-active $collector) = inactive"
    need "the collector starts" inside systemctl start $collector
    check "as a user of its own" inside_sh \
        "test \$(ps -o user= -C ovs-inspect-coll) = ovs-insp+ ||
         ps -o user:20= -C ovs-inspect-coll | grep -x 'ovs-inspect *'"
    check "ovs-appctl finds it by its name" \
        inside ovs-appctl -t ovs-inspect-collector collector/show
    check "without capabilities" inside_sh \
        "grep -x 'CapBnd:.0*' /proc/\$(pidof ovs-inspect-collector)/status"
    exposure=$(inside systemd-analyze security --no-pager $collector |
               sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
    diag "systemd-analyze security: $exposure"
    check "systemd calls it safe (at most 1.5)" \
        awk "BEGIN { exit !($exposure > 0 && $exposure <= 1.5) }"
else
    skip "the collector as a service" "systemd does not boot in here"
    inside runuser -u ovs-inspect -- env OVS_RUNDIR=/run/ovs-inspect \
        OVS_LOGDIR=/var/log/ovs-inspect ovs-inspect-collector \
        --listen=pssl:4740 --private-key=/etc/ovs-inspect/collector.key \
        --certificate=/etc/ovs-inspect/collector.pem \
        --ca-cert=/etc/ovs-inspect/sensors-ca.pem \
        --journal=/var/lib/ovs-inspect/journal \
        --output=/var/log/ovs-inspect/records.json \
        --detach --pidfile --log-file -vconsole:off
fi
check "the uplink is connected" wait_for 30 is_connected
check "VMs reach each other" ping_works
check "their pings are a record with both VMs" wait_for 20 recorded
check "nobody else may read the records" inside_sh \
    "test \$(stat -c %U:%G:%a $records) = ovs-inspect:ovs-inspect:640 &&
     test \$(stat -c %a /var/log/ovs-inspect) = 750"

# logrotate: nothing is lost, both files are opened anew
lines=$(inside_sh "wc -l <$records")
check "logrotate" inside logrotate -f /etc/logrotate.d/ovs-inspect-collector
check "VMs reach each other" ping_works
check "records go into a new file" wait_for 20 recorded
check "the old one has its lines" inside_sh \
    "test \$(wc -l <$records.1) -ge $lines"
check "the log is a new file" inside_sh \
    "test -e /var/log/ovs-inspect/ovs-inspect-collector.log.1.gz &&
     ls -l /proc/\$(pidof ovs-inspect-collector)/fd |
     grep 'ovs-inspect-collector.log\$'"

# No gap when it is restarted
flows=$(host flows)
check "flows with \"inspect\" are there" \
    test "$(grep -c 'inspect(id=2' <<<"$flows")" = 4
need "traffic" traffic_start
check "what is allowed comes" goes_on 9000
for how in ovs-ctl ovs-ctl package; do
    if test $how = ovs-ctl; then
        check "ovs-ctl restart" ovs_ctl_restart
    else
        check "restart as the package does it" restart
    fi
    check "what is allowed comes" goes_on 9000
    check "a tap in a flow lets pass" goes_on 9997
    is "flows are there, \"inspect\" as well" "$(host flows)" "$flows"
done
is "what the inserted inspector drops has never come" "$(came 9999)" 0
is "what a flow's inspector drops has never come" "$(came 9998)" 0
if test $BOOTED = systemd; then
    restart_by_systemd
    is "and are there" "$(host flows)" "$flows"
else
    traffic_stop
fi
rows=$(inside ovs-vsctl --columns=name,id,mode list Inspector)

# A newer and an older version
newer() {
    local deb dir=$WORK/newer
    mkdir "$dir" "$ROOT/srv/debs+1"
    for deb in "$ROOT"/srv/debs/*.deb; do
        rm -rf "$dir/x"
        dpkg-deb -R "$deb" "$dir/x" &&
        sed -i -e '/^Version:/s/$/+1/' -e 's/\(ovs-inspect-tools (= [^)]*\))/\1+1)/' \
            "$dir/x/DEBIAN/control" &&
        dpkg-deb -Znone -b "$dir/x" "$ROOT/srv/debs+1/" || return
    done
}
version() {
    inside dpkg-query -W -f '${Version}' openvswitch-switch-inspect
}
need "a newer version" newer
old=$(version)
for suffix in +1 ""; do
    pid=$(vswitchd_pid)
    # shellcheck disable=SC2046
    check "version $old$suffix is installed" \
        apt_install install $(debs "$suffix")
    is "it is that version" "$(version)" "$old$suffix"
    is "ovs-vswitchd runs on" "$(vswitchd_pid)" "$pid"
    check "and restarts" restart
    check "it runs" vswitchd_is $own/ovs-vswitchd
    is "flows are there" "$(host flows)" "$flows"
    is "inspectors are there" \
        "$(inside ovs-vsctl --columns=name,id,mode list Inspector)" "$rows"
    check "VMs reach each other" wait_for 10 ping_works
    check "the uplink is connected" wait_for 30 is_connected
done

without=$(without_inspect <<<"$flows")

# With DPDK: who has chosen Debian's keeps it, and has it again afterwards.  No
# huge pages and no devices: it is about which ovs-vswitchd runs, and how.
own_dpdk=/usr/lib/openvswitch-switch-inspect-dpdk/ovs-vswitchd-dpdk
stock_dpdk=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
installed() {
    # shellcheck disable=SC2016
    inside dpkg-query -W -f '${Package}\n' | LC_ALL=C sort
}
dpdk_runs() {
    test "$(inside ovs-vsctl get Open_vSwitch . dpdk_initialized)" = true || {
        inside grep -i dpdk /var/log/openvswitch/ovs-vswitchd.log | tail -n 5
        return 1
    }
}
dpdk_debs=$(cd "$ROOT" && echo srv/debs/openvswitch-switch-inspect-dpdk_*.deb)
if test -e "$ROOT/$dpdk_debs"; then
    was=$(installed)
    check "Debian's with DPDK is installed" inside_sh \
        "apt-get -qy --no-install-recommends install /srv/stock-dpdk/*.deb"
    check "and chosen" \
        inside update-alternatives --set ovs-vswitchd $stock_dpdk
    check "ours with DPDK is installed" apt_install install "/$dpdk_debs"
    check "Debian's stays chosen" \
        inside test /usr/sbin/ovs-vswitchd -ef $stock_dpdk
    check "ours is chosen" \
        inside update-alternatives --set ovs-vswitchd $own_dpdk
    # The container's /sys has no list of modules, where DPDK looks for VFIO.
    check "DPDK finds no VFIO" inside_sh "test -d /sys/module ||
        mount -o remount,rw /sys && mkdir -p /sys/module"
    check "DPDK is configured" inside ovs-vsctl --no-wait set Open_vSwitch . \
        other_config:dpdk-init=true \
        other_config:dpdk-extra="--no-huge --legacy-mem -m 64 --no-pci"
    check "it restarts" restart
    check "ours with DPDK runs" vswitchd_is $own_dpdk
    check "with DPDK" dpdk_runs
    is "flows are there" "$(host flows)" "$flows"
    check "VMs reach each other" wait_for 10 ping_works
    check "the uplink is connected" wait_for 30 is_connected
    check "their pings are a record" wait_for 20 recorded
    check "ours with DPDK is removed" \
        inside apt-get -qy remove openvswitch-switch-inspect-dpdk
    check "Debian's with DPDK is chosen" \
        inside test /usr/sbin/ovs-vswitchd -ef $stock_dpdk
    is "flows are there without \"inspect\"" "$(host flows)" "$without"
    check "Debian's takes its place" restart
    check "it runs" vswitchd_is $stock_dpdk
    is "flows are there" "$(host flows)" "$without"
    check "VMs reach each other" wait_for 10 ping_works
    # As it was.
    check "no DPDK any more" inside ovs-vsctl --no-wait \
        remove Open_vSwitch . other_config dpdk-init \
        -- remove Open_vSwitch . other_config dpdk-extra
    # shellcheck disable=SC2046
    check "packages with DPDK are purged" inside apt-get -qy purge \
        openvswitch-switch-inspect-dpdk \
        $(comm -13 <(echo "$was") <(installed))
    check "ours without DPDK comes next" \
        inside test /usr/sbin/ovs-vswitchd -ef $own/ovs-vswitchd
    check "it takes its place" restart
    check "flows with \"inspect\" are made anew" host refill
    is "and are there" "$(host flows)" "$flows"
else
    skip "with DPDK" "there is no such package in $DEBS (DPDK=no)"
fi

# Removed while it runs
pid=$(vswitchd_pid)
check "removed" inside apt-get -qy remove openvswitch-switch-inspect
is "the ovs-vswitchd that runs is the old one" "$(vswitchd_pid)" "$pid"
is "flows are there without \"inspect\"" "$(host flows)" "$without"
check "the files are Debian's" inside_sh \
    "! dpkg --verify openvswitch-switch openvswitch-common 2>&1 | grep ."
check "no diversion is left" inside_sh \
    "! dpkg-divert --list openvswitch-switch-inspect | grep ."
check "VMs reach each other" ping_works
check "ovs-ctl restart" ovs_ctl_restart
check "Debian's runs" vswitchd_is $stock
check "the schema is Debian's" not has_table
is "flows are there" "$(host flows)" "$without"
is "ports are there" "$(inside ovs-vsctl list-ports br0)" "$db_before"
check "VMs reach each other" wait_for 10 ping_works

# Once more, and removed while nothing runs: ovs-ctl converts by itself
# shellcheck disable=SC2046
check "installed again" apt_install install $(debs)
check "ours takes its place" restart
check "with an inspector" inside ovs-vsctl create Inspector name=x id=9
stop_start() {
    if test $BOOTED = systemd; then
        inside systemctl "$1" openvswitch-switch
    elif test "$1" = stop; then
        inside $ctl stop
    else
        inside $ctl --system-id=random start
    fi
}
check "stopped" stop_start stop
check "removed" inside apt-get -qy remove openvswitch-switch-inspect
check "started" stop_start start
check "Debian's runs" wait_for 20 vswitchd_is $stock
check "the schema is Debian's" not has_table
is "ports are there" "$(inside ovs-vsctl list-ports br0)" "$db_before"
check "VMs reach each other" wait_for 10 ping_works
# And the other way: a database of Debian's meets ours at its start.
check "stopped" stop_start stop
# shellcheck disable=SC2046
check "installed" apt_install install $(debs)
check "started" stop_start start
check "ours runs" wait_for 20 vswitchd_is $own/ovs-vswitchd
check "the schema has the tables" has_table
is "ports are there" "$(inside ovs-vsctl list-ports br0)" "$db_before"
check "VMs reach each other" wait_for 10 ping_works

# What autopkgtest would run, on the host as it is
put "$TOP/debian/tests/inspect"
check "debian/tests/inspect" inside /srv/inspect

# Another alternative that an operator chose by hand is his
check "Debian's is chosen" \
    inside update-alternatives --set ovs-vswitchd $stock
check "removed" inside apt-get -qy remove openvswitch-switch-inspect
# shellcheck disable=SC2046
check "installed" apt_install install $(debs)
check "Debian's stays chosen" inside test /usr/sbin/ovs-vswitchd -ef $stock

# Purged
inside rm -rf /etc/ovs-inspect /srv/pki
inside sh -c 'rm -f /etc/openvswitch/*.pem /etc/openvswitch/sensor.key'
# shellcheck disable=SC2086
check "purged" inside apt-get -qy purge $packages
check "Debian's runs, VMs reach each other" wait_for 10 ping_works
files >"$WORK/files-after"
left=$(diff "$WORK/files-before" "$WORK/files-after" | grep '^[<>]' |
       grep -v '/etc/openvswitch/conf.db.backup\|conf.db.*~lock~')
is "no file is left, none is missing" "$left" ""
done_testing
