#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The RPM packages on a system that boots with systemd and an Open vSwitch that
# runs: put there by rpm itself, reloaded, restarted, upgraded, removed.
#
# A Debian 12 plays the distribution.  Its units ovsdb-server and ovs-vswitchd,
# and its ovs-ctl, are called as those of RPM distributions; "openvswitch" is
# made another name of its openvswitch-switch.  What it does not play: dnf,
# SELinux (rpm.sh asks the policy), an Open vSwitch of another user.
#
# Mutations that make it fail: no %preun (all flows of br0 are lost with the
# reload after the removal); no 50-ovs-ext-hold.conf (packages pass after
# "systemctl restart"); OVS_PKGDATADIR left out of 50-ovs-ext.conf.
. "$(dirname "$0")/lib.sh"

export LIMIT=1800
test "$(id -u)" = 0 || skip_all "needs root"
for tool in mmdebstrap nsenter systemd-nspawn rpm; do
    command -v $tool >/dev/null ||
        skip_all "no $tool: apt-get install mmdebstrap systemd-container rpm"
done
test -c /dev/net/tun || skip_all "no /dev/net/tun"
RPM_TOPDIR=${RPM_TOPDIR:-$OVSEXT_BUILD/rpm}
compgen -G "$RPM_TOPDIR/RPMS/*/openvswitch-switch-inspect-*.rpm" >/dev/null ||
    skip_all "no packages in $RPM_TOPDIR: tests/packages/rpm.sh builds them"

home=/usr/libexec/ovs-ext
ours=$home/sbin/ovs-vswitchd
stock=/usr/lib/openvswitch-switch/ovs-vswitchd
packages="openvswitch-switch-inspect ovs-inspect-tools ovs-inspect-collector
ovs-inspect-probe ovs-ext-doc"

run_rpm() {
    inside rpm --force-debian --nodeps "$@"
}
rpm_files() {
    local p
    for p in $packages; do
        (cd "$ROOT" && ls srv/rpms/"$p"-[0-9]*.rpm) | sed 's|^|/|'
    done
}
reload() {
    inside systemctl reload openvswitch
}
# As /etc/profile.d/ovs-ext.sh has it.
log_in() {
    INSIDE_PATH=$(inside sh -c '. /etc/profile.d/ovs-ext.sh; echo "$PATH"')
    test "${INSIDE_PATH%%:*}" = $home/bin
}

packages_start
need "a clean Debian 12" root_make
need "it boots" root_boot
test "$BOOTED" = systemd || skip_all "systemd does not boot in here"
mkdir "$ROOT/srv/rpms" && cp "$RPM_TOPDIR"/RPMS/*/*.rpm "$ROOT/srv/rpms/"
need "rpm is installed" \
    inside_sh "apt-get -qy --no-install-recommends install /srv/stock-rpm/*.deb"
host_start
need "the service has the name that it has with RPM" inside_sh "
    ln -s /lib/systemd/system/openvswitch-switch.service \
        /etc/systemd/system/openvswitch.service && systemctl daemon-reload &&
    systemctl is-active openvswitch && adduser --quiet --system openvswitch"
# Folders that RPM distributions have.
inside mkdir -p /etc/bash_completion.d /etc/sysconfig /usr/share/licenses
before=$(host flows)
files >"$WORK/files-before"
pid=$(vswitchd_pid)
db_before=$(inside ovs-vsctl list-ports br0)

# shellcheck disable=SC2046
need "the packages are installed" run_rpm -i $(rpm_files)
is "the ovs-vswitchd that runs is the old one" "$(vswitchd_pid)" "$pid"
check "which is the distribution's" vswitchd_is $stock
is "flows are there" "$(host flows)" "$before"
check "no file of the distribution's was changed" inside_sh \
    "! dpkg --verify openvswitch-switch openvswitch-common 2>&1 | grep ."
need "reload" reload
need "ours runs" vswitchd_is $ours
need "its tools come first" log_in
is "flows are there" "$(host flows)" "$before"
check "the schema has the tables" has_table
check "VMs reach each other" wait_for 10 ping_works
check "ovs-vsctl knows the tables" inside ovs-vsctl list Inspector

# It inspects, and the packaged collector has the records
need "certificates" host pki
need "an inspector" host inspect
need "the collector starts" inside systemctl start ovs-inspect-collector
check "the uplink is connected" wait_for 30 is_connected
check "VMs reach each other" ping_works
check "their pings are a record with both VMs" wait_for 20 recorded
check "logrotate" inside logrotate -f /etc/logrotate.d/ovs-inspect-collector
check "VMs reach each other" ping_works
check "records go into a new file" wait_for 20 recorded

# No gap
flows=$(host flows)
is "flows with \"inspect\"" "$(grep -c 'inspect(id=2' <<<"$flows")" 4
need "traffic" traffic_start
check "what is allowed comes" goes_on 9000
check "reload" reload
check "ours runs" vswitchd_is $ours
check "what is allowed comes" goes_on 9000
is "flows are there, \"inspect\" as well" "$(host flows)" "$flows"
is "what a flow's inspector drops has never come" "$(came 9998)" 0
restart_by_systemd
is "and are there" "$(host flows)" "$flows"

# Once more the same: what rpm runs of the old package when it is upgraded
pid=$(vswitchd_pid)
# shellcheck disable=SC2046
check "upgraded" run_rpm -U --force $(rpm_files)
is "ovs-vswitchd runs on" "$(vswitchd_pid)" "$pid"
is "flows are there, \"inspect\" as well" "$(host flows)" "$flows"
check "the collector runs on" \
    wait_for 10 inside systemctl is-active ovs-inspect-collector
check "the uplink is connected" wait_for 30 is_connected

# Removed while it runs
without=$(without_inspect <<<"$flows")
check "removed" run_rpm -e openvswitch-switch-inspect
INSIDE_PATH=/usr/sbin:/usr/bin:/sbin:/bin
is "the ovs-vswitchd that runs is the old one" "$(vswitchd_pid)" "$pid"
is "flows are there without \"inspect\"" "$(host flows)" "$without"
check "VMs reach each other" ping_works
check "reload" reload
check "the distribution's runs" vswitchd_is $stock
check "the schema is the distribution's" not has_table
is "flows are there" "$(host flows)" "$without"
is "ports are there" "$(inside ovs-vsctl list-ports br0)" "$db_before"
check "VMs reach each other" wait_for 10 ping_works

# shellcheck disable=SC2086
check "all are removed" run_rpm -e \
    $(printf '%s\n' $packages | grep -v openvswitch-switch-inspect)
check "the collector has ended" \
    not inside systemctl is-active ovs-inspect-collector
# An operator's, and records.
inside rm -rf /etc/ovs-inspect /srv/pki /var/log/ovs-inspect
inside sh -c 'rm -f /etc/openvswitch/*.pem /etc/openvswitch/sensor.key'
files >"$WORK/files-after"
# Folders of rpm itself, which packages share, may stay: files in them may not.
is "no file is left, none is missing" \
    "$(diff "$WORK/files-before" "$WORK/files-after" | grep '^[<>]' |
       grep -v '/usr/lib/\.build-id\(/..\)\?$' |
       grep -v '/etc/openvswitch/conf.db.backup\|conf.db.*~lock~')" ""
done_testing
