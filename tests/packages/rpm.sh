#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# RPM packages: built as anybody would, looked at, and run.
#
#   make dist -> rpmbuild -ta -> rpmlint, lists of files, SELinux policy
#                     |
#                     +-> rpm2cpio | cpio -> root/ -> installed.bash
#
# In: OVSEXT_BUILD, a build directory with Open vSwitch.  RPM_TOPDIR=DIR: what
# rpmbuild made there is taken, instead of building for minutes.
#
# Mutations that make it fail: install ovs-vsctl into %{_bindir}; leave
# name_connect out of ovs_ext.te; leave the schema out of the spec.
. "$(dirname "$0")/../system/lib.sh"

top=$(cd "$(dirname "$0")/../.." && pwd)
for program in rpmbuild:rpm rpm2cpio:rpm2cpio rpmlint:rpmlint cpio:cpio; do
    command -v "${program%:*}" >/dev/null ||
        skip_all "no ${program%:*}: apt-get install ${program#*:}"
done
test -n "$RPM_TOPDIR" || test -e "$OVSEXT_BUILD/ovs.source" ||
    skip_all "set OVSEXT_BUILD to a build with Open vSwitch"
SANDBOX_DIR=$(mktemp -d /tmp/ovs-ext-rpm.XXXXXX) || exit 1
trap 'rm -rf "$SANDBOX_DIR"' EXIT
mkdir "$SANDBOX_DIR/out"

# What stands in the way of the distribution is found without it: this is no
# RPM distribution, or not one with these packages.
build() {
    local flags="--without check"
    rpm -q rpm >/dev/null 2>&1 || flags="$flags --nodeps"
    test -e /usr/share/selinux/devel/Makefile ||
        flags="$flags --without selinux"
    export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$OVSEXT_BUILD
    make -C "$OVSEXT_BUILD" rpm RPM_FLAGS="$flags"
}
if test -z "$RPM_TOPDIR"; then
    need "rpmbuild -ta of the tarball" build
    RPM_TOPDIR=$OVSEXT_BUILD/rpm
fi
rpms=$SANDBOX_DIR/rpms
mkdir "$rpms"
find "$RPM_TOPDIR/RPMS" "$RPM_TOPDIR/SRPMS" -name '*.rpm' \
    -exec ln -s {} "$rpms/" \;
mapfile -t all < <(find "$rpms" -name '*.rpm' | sort)
mapfile -t binary < <(find "$rpms" -name '*.rpm' ! -name '*.src.rpm' | sort)
names() { rpm -qp --qf '%{NAME}\n' "${binary[@]}" | sort | tr '\n' ' '; }
package() { find "$rpms" -name "$1-[0-9]*.rpm" ! -name '*.src.rpm'; }
selinux=
test ! -e /usr/share/selinux/devel/Makefile || selinux="ovs-ext-selinux "
is "the packages" "$(names)" "openvswitch-switch-inspect ovs-ext-doc \
${selinux}ovs-inspect-collector ovs-inspect-probe ovs-inspect-tools "
check "a source package" compgen -G "$rpms/ovs-ext-*.src.rpm"

lint() {
    local out
    out=$(rpmlint -c "$top/rhel/rpmlint.toml" "$@" 2>&1)
    printf '%s\n' "$out"
    grep -q '; 0 errors, 0 warnings, 0 badness' <<<"$out"
}
check "rpmlint has nothing to say of the packages" lint "${all[@]}"
spec() {
    rpm2cpio "$rpms"/ovs-ext-*.src.rpm | cpio -i --quiet --to-stdout \
        ovs-ext.spec >"$SANDBOX_DIR/ovs-ext.spec" &&
    lint "$SANDBOX_DIR/ovs-ext.spec"
}
check "nor of the spec" spec

# Files: none that the package openvswitch has.
ROOT=$SANDBOX_DIR/root
unpack() {
    local p
    mkdir "$ROOT" && cd "$ROOT" || return 1
    for p in "${binary[@]}"; do
        rpm2cpio "$p" | cpio -idm --quiet || return 1
    done
}
need "they unpack" unpack
cd / || exit 1
theirs() {
    find "$ROOT" ! -type d | sed "s,^$ROOT,," | grep -E \
        -e '^/usr/s?bin/(ovs-[^i]|ovsdb|vtep)' \
        -e '^/(usr/share|etc|var/lib|var/log)/openvswitch/' \
        -e '/systemd/system/(openvswitch|ovs-vswitchd|ovsdb)[^/]*$' \
        -e '^/usr/(include|lib|lib64)/(openvswitch|libopenvswitch|python)'
}
check "no file in the place of one of openvswitch" not theirs
twice() { rpm -qpl "${binary[@]}" | grep -Ev '/licenses|/\.build-id$' | sort | uniq -d |
    grep .; }
check "no file in two packages" not twice
traces() { grep -rlF -e "$RPM_TOPDIR" "$ROOT"; }
check "no file tells where it was built" not traces
has() {
    local p=$1 file
    shift
    for file; do
        rpm -qpl "$(package "$p")" | grep -qx "$file" ||
            { echo "not in $p: $file"; return 1; }
    done
}
home=/usr/libexec/ovs-ext
check "the switch" has openvswitch-switch-inspect $home/sbin/ovs-vswitchd \
    $home/sbin/ovsdb-server $home/bin/ovs-vsctl $home/bin/ovs-ofctl \
    $home/share/openvswitch/vswitch.ovsschema \
    $home/share/openvswitch/scripts/ovs-save /etc/profile.d/ovs-ext.sh
units=$ROOT/usr/lib/systemd/system
drop_ins() {
    local unit
    for unit in openvswitch ovsdb-server ovs-vswitchd; do
        cmp "$top/rhel/50-ovs-ext.conf" \
            "$units/$unit.service.d/50-ovs-ext.conf" ||
            return 1
    done
}
check "all units of the switch find it" drop_ins
hold_drop_in() {
    local words
    mapfile -t words < <(sed -n 's/^ExecStart[A-Za-z]*=-\([^ ]*\) .*/\1/p' \
        "$units/ovs-vswitchd.service.d/50-ovs-ext-hold.conf")
    test ${#words[@]} = 2 &&
        has openvswitch-switch-inspect "${words[@]}" &&
        test -x "$ROOT${words[0]}"
}
check "bridges wait for inspectors" hold_drop_in
check "the collector" has ovs-inspect-collector \
    /usr/bin/ovs-inspect-collector /usr/lib/sysusers.d/ovs-inspect-collector.conf
documents=/usr/share/doc/ovs-ext
check "documents, each where the others look for it" has ovs-ext-doc \
    $documents/README.md $documents/Documentation/README.md \
    $documents/Documentation/house.md
check "manual pages" has ovs-inspect-tools \
    '/usr/share/man/man8/ovs-inspectctl\.8\.gz' \
    '/usr/share/man/man5/ovs-inspect\.conf\.db\.5\.gz'
# Where bash looks for them; where there is no bash-completion, none are read.
completions=/usr/share/bash-completion/completions
completes() {
    local p
    for p in tools:ovs-inspectctl collector:ovs-inspect-collector \
        probe:ovs-inspect-probe; do
        has "ovs-inspect-${p%:*}" "$completions/${p#*:}" &&
            bash -c '. "$1" && complete -p "$2" && complete -p ovs-appctl' \
                bash "$ROOT$completions/${p#*:}" "${p#*:}" || return 1
    done
    has openvswitch-switch-inspect \
        /etc/bash_completion.d/ovs-inspect-bashcomp.bash &&
        test "$(readlink "$ROOT/etc/bash_completion.d/ovs-inspect-bashcomp.bash")" \
            = ../..$completions/ovs-inspectctl
}
check "bash completes" completes
is "files that an operator edits" \
    "$(rpm -qpc "${binary[@]}" | sort | tr '\n' ' ')" \
    "/etc/logrotate.d/ovs-inspect-collector /etc/profile.d/ovs-ext.sh \
/etc/sysconfig/ovs-inspect-collector "
needs() { rpm -qp --requires "$(package "$1")" | grep -q "^$2"; }
check "the switch needs the distribution's" \
    needs openvswitch-switch-inspect 'openvswitch$'
check "the collector needs ovs-appctl" needs ovs-inspect-collector 'openvswitch$'
check "the probe needs nothing of it" not needs ovs-inspect-probe openvswitch
restarts() { rpm -qp --scripts "$(package openvswitch-switch-inspect)" |
    grep -E 'restart|stop|start '; }
check "no script restarts the switch" not restarts
scripts() {
    local p
    for p in "${binary[@]}"; do
        rpm -qp --scripts "$p" | grep -v '^[a-z]*install' >"$SANDBOX_DIR/s" &&
            ! sh -n "$SANDBOX_DIR/s" && return 1
    done
    return 0
}
check "its scripts are shell" scripts

# SELinux: our module with the reference policy around it.
policy=$SANDBOX_DIR/policy
policies=/usr/share/selinux/default
link() {
    local module
    mkdir "$policy" && cd "$policy" || return 1
    bunzip2 <"$ROOT/usr/share/selinux/packages/ovs_ext.pp.bz2" >ovs_ext.pp &&
    for module in base openvswitch logrotate; do
        bunzip2 <$policies/$module.pp.bz2 >$module.pp || return 1
    done &&
    semodule_unpackage ovs_ext.pp ovs_ext.mod ovs_ext.fc &&
    semodule_link -o linked base.pp openvswitch.pp logrotate.pp ovs_ext.pp &&
    semodule_expand linked policy
}
allowed() { # SOURCE TARGET CLASS PERMISSION
    sesearch -A -s "$1" -t "$2" -c "$3" -p "$4" "$policy/policy" | grep -q .
}
if test -z "$selinux"; then
    skip "SELinux policy" "apt-get install selinux-policy-dev"
elif ! test -e $policies/openvswitch.pp.bz2 || ! command -v sesearch \
    >/dev/null; then
    skip "SELinux policy" "apt-get install selinux-policy-default setools"
else
    need "the policy links with the reference policy" link
    s=openvswitch_t c=inspect_collector_t
    check "the switch may dial the uplink's port" \
        allowed $s inspect_port_t tcp_socket name_connect
    check "and be dialled there" allowed $s inspect_port_t tcp_socket name_bind
    check "it may write the spool" allowed $s inspect_spool_t file write
    check "and remove from it" allowed $s inspect_spool_t file unlink
    check "its programs may be run" allowed $s openvswitch_exec_t file execute
    check "init starts the collector in its domain" \
        allowed initrc_t $c process transition
    check "it listens there" allowed $c inspect_port_t tcp_socket name_bind
    check "systemd finds its PID file" \
        allowed init_t inspect_collector_runtime_t file read
    check "it writes its journal" allowed $c inspect_collector_var_lib_t file \
        append
    check "and its records" allowed $c inspect_collector_log_t file append
    check "it reads its keys" allowed $c inspect_collector_conf_t file read
    check "and does not write them" \
        not allowed $c inspect_collector_conf_t file write
    check "nor reads those of the switch" \
        not allowed $c openvswitch_conf_t file read
    check "nor speaks with it" \
        not allowed $c $s unix_stream_socket connectto
    l=logrotate_t
    check "logrotate moves its files" \
        allowed $l inspect_collector_log_t file rename
    check "finds its PID" allowed $l inspect_collector_runtime_t file read
    check "and tells it" allowed $l $c unix_stream_socket connectto
    check "through its socket" \
        allowed $l inspect_collector_runtime_t sock_file write
    labelled() { grep -Eq "^$1.*:$2:s0" "$policy/ovs_ext.fc"; }
    check "the program has the label of a switch" labelled \
        /usr/libexec/ovs-ext/sbin openvswitch_exec_t
    check "the spool has one" labelled /var/spool/ovs-inspect inspect_spool_t
fi

rpm -qp --qf '%{PREUN}\n' "$(package openvswitch-switch-inspect)" \
    >"$SANDBOX_DIR/preun"
status=0
ROOT=$ROOT PREUN=$SANDBOX_DIR/preun \
    "$BASH" "$top/tests/packages/installed.bash" || status=$?
test $status = 0 || test $status = 77 || N_FAILED=$((N_FAILED + 1))
done_testing
