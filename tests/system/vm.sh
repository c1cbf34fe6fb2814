#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two guests that are real: QEMU, Debian's kernel, virtio.
#
#     guest a (QEMU) --- virtio-net --- tap a --- br-int --- tap b --- guest b
#                                       (or vhost-user, with VM_LINK=virtio)
#
# Each boots from a kernel and a small file system that is made here: busybox
# and the modules of virtio.  They ping and fetch files over HTTP from each
# other; the records at the collector carry their identities, every packet that
# a guest has got was inspected, a rule drops, another resets, and memory does
# not grow with the number of connections.
#
# In: UNPACKED, a folder with "vm" in it (build-aux/unpack.sh, which
# "make check-vm" calls); else the kernel of this machine in /boot.  VM_ACCEL:
# kvm or tcg (the default: software, works everywhere).
#
# Mutations that make it fail: take the identity from the row that was read at
# first only; let a dropped packet pass.
LIMIT=${LIMIT:-1800}
BOOT=${BOOT:-600}            # Seconds for a guest to boot, on a busy machine.
. "$(dirname "$0")/lib.sh"

# Where there are a kernel and its modules; fails when there are none.
find_kernel() {
    local at
    for at in ${UNPACKED:+"$UNPACKED/vm"} ""; do
        for KERNEL in "$at"/boot/vmlinuz-*; do
            MODULES=$at/lib/modules/${KERNEL##*/vmlinuz-}/kernel
            test -r "$KERNEL" && test -d "$MODULES/drivers/virtio" &&
                return 0
        done
    done
    return 1
}
vm_missing() {
    if ! command -v qemu-system-x86_64 >/dev/null; then
        echo "no qemu-system-x86_64: apt-get install qemu-system-x86"
    elif ! busybox_static >/dev/null; then
        echo "no static busybox for the guests: ./check.sh vm fetches one"
    elif ! find_kernel; then
        echo "no kernel for the guests: ./check.sh vm fetches one"
    else
        return 1
    fi
}
# Debian's package of that name would take the place of another that is needed:
# it is unpacked as well.
busybox_static() {
    local path
    for path in "${UNPACKED:-/nowhere}/vm/bin/busybox" \
                "$(command -v busybox)"; do
        if test -x "$path" && ! ldd "$path" 2>/dev/null | grep -q '=>'; then
            echo "$path"
            return 0
        fi
    done
    return 1
}
if ! sandbox_inside && why=$(vm_missing); then
    echo "1..0 # SKIP $why"
    exit 77
fi
system_test "$@"
find_kernel

# guest NAME COMMAND: in a guest, for a minute at most; what it prints, without
# what its shell and its programs have to say about it.
guest() {
    "$TESTS_HOME/guest.py" "$SANDBOX_DIR/run/$1.serial" 60 \
        "(${*:2}) 2>/dev/null"
}
number() {          # COMMAND...: what it prints is one.
    local n
    n=$("$@")
    echo "$n"
    [[ $n =~ ^[0-9]+$ ]]
}
rx() { number guest "$1" "cat /sys/class/net/eth0/statistics/rx_packets"; }

# The file system of the guests: one for all, told apart by the kernel's
# command line.
modules="virtio/virtio_ring virtio/virtio virtio/virtio_pci_modern_dev
    virtio/virtio_pci_legacy_dev virtio/virtio_pci failover net_failover
    net/virtio_net"
make_file_system() {
    local fs=$SANDBOX_DIR/fs m path n=0
    mkdir -p "$fs/bin" "$fs/lib" "$fs/proc" "$fs/sys" "$fs/dev" "$fs/www"
    cp "$(busybox_static)" "$fs/bin/busybox" || return 1
    for m in sh mount insmod ip httpd wget ping cat md5sum dd setsid sleep \
             timeout mkdir seq poweroff hostname grep wc true; do
        ln -s busybox "$fs/bin/$m"
    done
    for m in $modules; do
        path=$(find "$MODULES" -path "*/${m##*/}.ko*" | head -n 1)
        test -n "$path" || continue     # Built in.
        n=$((n + 1))
        cp "$path" "$fs/lib/$n-${m##*/}.ko" || return 1
    done
    cat >"$fs/init" <<'END'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
# Which needs which was not written down: those that come too early come again.
for i in 1 2 3; do
    for m in /lib/*.ko; do insmod $m 2>/dev/null; done
done
for word in $(cat /proc/cmdline); do
    case $word in
    guest.*) export ${word#guest.} ;;
    esac
done
hostname $name
ip link set dev lo up
ip addr add $ip dev eth0
ip link set dev eth0 up
dd if=/dev/urandom of=/www/file bs=1000 count=300 2>/dev/null
httpd -p 80 -h /www
echo guest is up >/dev/ttyS0
while :; do setsid sh -c 'exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'; done
END
    chmod +x "$fs/init"
    (cd "$fs" && find . | cpio -o -H newc 2>/dev/null | gzip -1) \
        >"$SANDBOX_DIR/initrd"
}

# boot NAME ADDRESS MAC: a guest behind the port of its name.
boot() {
    local name=$1 link accel="-accel tcg -icount shift=3" vectors=
    test "${VM_ACCEL:-tcg}" = tcg || accel="-accel $VM_ACCEL"
    if test "$VM_LINK" = virtio; then
        link="-chardev socket,id=c0,path=$(guest_socket "$name"),server=on,$(:
            )wait=off -netdev vhost-user,id=n0,chardev=c0"
        # QEMU 7.2 dies when a guest unmasks MSI-X of vhost-user and there is
        # no KVM to take the interrupt.
        test "${VM_ACCEL:-tcg}" != tcg || vectors=,vectors=0
    else
        link="-netdev tap,id=n0,ifname=$name,script=no,downscript=no"
    fi
    # On a busy machine a guest's time goes by what it has computed (-icount),
    # or it would see its own processor stall.
    # The switch looks at packets, not at notes beside them about sums that
    # the device would do.
    # shellcheck disable=SC2086
    sandbox_spawn "$name" qemu-system-x86_64 \
        -machine pc,memory-backend=m0 $accel -m 128 \
        -object memory-backend-memfd,id=m0,size=128M,share=on \
        -nodefaults -no-user-config -nographic -no-reboot \
        -kernel "$KERNEL" -initrd "$SANDBOX_DIR/initrd" \
        -append "console=ttyS0 quiet panic=-1 no_timer_check ipv6.disable=1 \
guest.name=$name guest.ip=$2" $link \
        -device "virtio-net-pci,netdev=n0,mac=$3,romfile=,csum=off,gso=off,$(:
            )guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ufo=off$vectors" \
        -chardev "socket,id=s0,path=$SANDBOX_DIR/run/$name.serial,$(:
            )server=on,wait=off,logfile=$SANDBOX_DIR/out/$name.console" \
        -serial chardev:s0
}
# make_guest NAME N: with a port as libvirt makes it.
make_guest() {
    local mac=52:54:00:00:00:0$2
    if test "$VM_LINK" != virtio; then
        ip tuntap add dev "$1" mode tap && ip link set dev "$1" up || return 1
    fi
    plug "$1" br-int $mac 1f000000-0000-4000-8000-00000000000"$2" \
        5a000000-0000-4000-8000-00000000000"$2" && boot "$1" 10.0.0."$2"/24 \
        $mac
}
# Nobody speaks to it before it listens.
answers() {
    grep -q "guest is up" "$SANDBOX_DIR/out/$1.console" && guest "$1" true
}
answers_or_gone() {
    answers "$1" || ! kill -0 "$(cat "$SANDBOX_DIR/pid/$1")" 2>/dev/null
}
boots() {           # NAME
    sandbox_wait "$BOOT" answers_or_gone "$1"
    answers "$1" && return
    cat "$SANDBOX_DIR/out/$1"
    tail -c 1000 "$SANDBOX_DIR/out/$1.console"
    return 1
}
# fetch [SECONDS]: all of the file comes over.
fetched() {         # How much of it does.
    guest a "timeout ${1:-20} wget -q -O - http://10.0.0.2/file | wc -c"
}
fetch() { equal "$(fetched "$@")" 300000; }
resident() {        # KiB of ovs-vswitchd.
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(switch_pid)/status"
}

host_up
check "bridge" bridge br-int
check "uplink" make_uplink up
check "inspector" make_inspector vms 1 up br-int mode=inline
need "the guests' file system" make_file_system
began=$SECONDS
check "guest a" make_guest a 1
check "guest b" make_guest b 2
need "guest a boots" boots a
need "guest b boots" boots b
diag "booted in $((SECONDS - began)) s: $(guest a 'cat /proc/version')"
if test "$VM_LINK" = virtio; then
    for g in a b; do
        is "guest $g is behind vhost-user" "$(ovs-vsctl get Interface $g \
            type status:status | tr '\n' ' ')" 'dpdkvhostuserclient connected '
    done
fi
check_soon "uplink active" 5 uplink_active up

check "they see each other" guest a "ping -c 3 -W 5 10.0.0.2"
sum=$(guest b "md5sum </www/file")
is "a file comes over as it is" \
    "$(guest a "wget -q -O - http://10.0.0.2/file | md5sum")" "$sum"
is "the other way round" \
    "$(guest b "wget -q -O - http://10.0.0.1/file | md5sum")" \
    "$(guest a "md5sum </www/file")"
flush vms
check_soon "a record of it, with both identities" 5 records \
    "event_type == 'http' and http.url == '/file' and
     src_vm.id == '$(vm_id a)' and dest_vm.id == '$(vm_id b)'"
check "and of the connection" records \
    "event_type == 'flow' and dest_port == 80 and src_ip == '10.0.0.1' and
     src_vm.iface == '1f000000-0000-4000-8000-000000000001' and
     src_vm.mac == '52:54:00:00:00:01' and dest_vm.port == 'b' and
     flow.bytes_toclient > 300000"
# What was broadcast before the other one was there has reached nobody.
balanced() {
    local a b
    if a=$(rx a) && b=$(rx b); then
        equal "$(stats vms inspected_packets)" $((a + b))
    else
        echo "no numbers: $a, $b"
        return 1
    fi
}
check_soon "every packet that they have got was inspected, and no other" 10 \
    balanced

# Rules.
check "a rule that drops" ovs-inspectctl add-rule vms no-web action=drop \
    service=tcp/80
is "it takes effect" "$(fetched 4)" 0
check "on that alone" guest a "ping -c 2 -W 5 10.0.0.2"
dropped() { test "$(rule_stats no-web dropped)" -gt 0; }
check_soon "the drops are counted" 5 dropped
check "another, that resets" ovs-inspectctl --replace add-rule vms no-web \
    action=reset service=tcp/80
began=${EPOCHREALTIME/./}
is "it takes effect" "$(fetched 30)" 0
took=$(((${EPOCHREALTIME/./} - began) / 1000))
check "at once ($took ms)" test $took -lt 15000
check "the rule goes" ovs-inspectctl del-rule vms no-web
check_soon "files come again" 30 fetch

# Memory: what is taken is taken at the start.
repeat() {
    equal "$(guest a "for i in \$(seq $1); do
        wget -q -O - http://10.0.0.2/file; done | wc -c")" $(($1 * 300000))
}
check "some transfers" repeat 10
before=$(resident)
for i in 1 2 3; do
    check "twenty more" repeat 20
done
flush vms
after=$(resident)
check "memory is bounded ($before kB, then $after kB)" \
    test $((after - before)) -lt 8192
is "nothing was lost" "$(stats vms lost)" 0

# A guest that is gone and comes back.
sandbox_kill b KILL
check "without guest b there is no answer" not guest a \
    "ping -c 1 -W 2 10.0.0.2"
rm -f "$SANDBOX_DIR/out/b.console"
check "guest b again" boot b 10.0.0.2/24 52:54:00:00:00:02
need "it boots" boots b
check_soon "and is there" 20 fetch
for g in a b; do sandbox_kill $g; done
host_down
done_testing
