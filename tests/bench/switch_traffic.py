# SPDX-License-Identifier: Apache-2.0
"""Traffic for switch.py: two capture files, one a direction, that a switch can
read for ever.

How it works: a replay repeats itself, so what is to be an established
connection must neither begin nor end in it.  Frames without payload are
acknowledgements, which continue where the one before ended however often they
come.  A frame with payload is one seen again from the second time on: the
inspector goes the slow way of TCP for it, which established connections
seldom do.  So large frames are UDP, and those of a mix belong to connections
of their own, which leaves the mix as it is; '1514-10k-tcp' shows what the slow
way takes.  Both files have the connections in the same order,
shuffled once, so that packets of both directions come at about the same time.
"""
import collections
import glob
import itertools
import os
import random
import struct
import subprocess
import tempfile

# 'mix' is of frame sizes without the four bytes of the checksum, each with how
# often it comes; 'packets' is of a direction.  A device keeps all of a file in
# memory that it shares with the packets under way: 262,144 of both files.
Kind = collections.namedtuple(
    'Kind', 'title connections packets mix proto ip_version macs')


def kind(title, connections, packets, mix, proto=0, ip_version=4, macs=1):
    return Kind(title, connections, packets, mix, proto, ip_version, macs)


SMALL = ((60, 1),)
IMIX = ((60, 7), (590, 4), (1514, 1))
LARGE = ((1514, 1),)
KINDS = {
    '64-1': kind('64 B, 1 connection', 1, 4096, SMALL),
    '64-10k': kind('64 B, 10k', 10000, 20000, SMALL),
    'imix-10k': kind('IMIX, 10k', 10000, 40000, IMIX),
    'imix-100k': kind('IMIX, 100k', 100000, 100000, IMIX),
    '1514-10k': kind('1514 B, 10k', 10000, 20000, LARGE),
    '1514-10k-tcp': kind('1514 B, 10k, sent again', 10000, 20000, LARGE, 6),
    '78-10k-ipv6': kind('78 B, 10k, IPv6', 10000, 20000, ((78, 1),), 6, 6),
    '78-10k': kind('78 B, 10k', 10000, 20000, ((78, 1),)),
}
for n in 1, 10, 100, 1000:
    KINDS['macs-%d' % n] = kind('64 B, 10k, %d VMs' % n, 10000, 20000, SMALL,
                                macs=n)

LEFT_MAC = bytes.fromhex('525400000001')
RIGHT_MAC = bytes.fromhex('525400000002')
MAX_FRAMES = 120000


def vm_mac(n):
    return bytes([0x52, 0x54, 0, 1, n >> 8, n & 255])


def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


def transport(proto, i, size, reply):
    """'size' bytes of it and its payload, of connection 'i'."""
    ports = 61000 + i % 4000, 9000      # No rule of policy.py is about these.
    if reply:
        ports = ports[1], ports[0]
    if proto == 17:
        head = struct.pack('!HHHH', *ports, size, 0)
    else:
        ack = 0x10 if size <= 20 else 0x18
        head = struct.pack('!HHIIBBHHH', *ports, 1000 + i, 2000 + i, 0x50, ack,
                           8192, 0, 0)
    return head + bytes((i + k) & 255 for k in range(max(0, min(
        size - len(head), 64)))) + bytes(max(0, size - len(head) - 64))


def frame(kind, i, size, reply):
    ends = i // 250 % 250, i % 250 + 1
    proto = kind.proto or (6 if size <= 78 else 17)
    inner = size - 14 - (40 if kind.ip_version == 6 else 20)
    if size <= 78 and proto == 6:
        inner = 20              # And padding.
    to = vm_mac(i % kind.macs + 1) if kind.macs > 1 and not reply \
        else LEFT_MAC if reply else RIGHT_MAC
    ether = to + (RIGHT_MAC if reply else LEFT_MAC)
    if kind.ip_version == 6:
        a, b = (bytes.fromhex('fd00' + '00' * 11) + bytes([k, *x])
                for k, x in enumerate((ends, (0, ends[1]))))
        if reply:
            a, b = b, a
        ip = struct.pack('!IHBB', 6 << 28, inner, proto, 64) + a + b
        ether += b'\x86\xdd'
    else:
        a, b = bytes([10, 1, *ends]), bytes([10, 2, 0, ends[1]])
        if reply:
            a, b = b, a
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + inner, i & 0xffff, 0x4000,
                         64, proto, 0) + a + b
        ip = ip[:10] + struct.pack('!H', checksum(ip)) + ip[12:]
        ether += b'\x08\x00'
    data = ether + ip + transport(proto, i, inner, reply)
    return data + bytes(size - len(data))


def write_capture(path, frames):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for data in frames:
            f.write(struct.pack('<IIII', 0, 0, len(data), len(data)) + data)


def make(name, left, right):
    """Writes the two files; how many connections are in them."""
    k = KINDS[name]
    rng = random.Random(7)
    order = list(range(k.connections))
    rng.shuffle(order)
    sizes = [size for size, weight in k.mix for _ in range(weight)]
    plan = [(i, sizes[i % len(sizes)]) for i in
            (order[n % k.connections] for n in range(k.packets))]
    for path, reply in (left, False), (right, True):
        known = {}
        write_capture(path, (
            known.get(p) or known.setdefault(p, frame(k, *p, reply))
            for p in plan))
    return k.connections


# Captures of others
# ------------------

def packets_of(data):
    """The Ethernet frames of a classic capture."""
    order = {b'\xd4\xc3\xb2\xa1': '<', b'\xa1\xb2\xc3\xd4': '>',
             b'\x4d\x3c\xb2\xa1': '<', b'\xa1\xb2\x3c\x4d': '>'}.get(data[:4])
    if not order or struct.unpack_from(order + 'I', data, 20)[0] != 1:
        return
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from(order + 'I', data, at + 8)[0]
        at += 16
        if at + size > len(data):
            return
        yield data[at:at + size]
        at += size


def read_capture(path, most):
    """The first frames of a file in any format that editcap knows."""
    with open(path, 'rb') as f:
        data = f.read()
    if data[:4] == b'\x0a\x0d\x0d\x0a':
        with tempfile.NamedTemporaryFile() as out:
            subprocess.run(['editcap', '-F', 'pcap', path, out.name],
                           stderr=subprocess.DEVNULL, check=False)
            data = out.read()
    return itertools.islice(packets_of(data), most)


def make_captured(folder, left, right):
    """All captures below 'folder', the first thousand frames of each, as many
    as fit.  Each goes to one side with both its directions, because only so do
    they stay in order; who is at which port is nothing to a flow's inspect."""
    out = [], []
    for path in sorted(glob.glob(os.path.join(folder, '**'), recursive=True)):
        if os.path.isfile(path):
            # A device takes no frame that needs two buffers.
            min(out, key=len).extend(
                data for data in read_capture(path, 1000)
                if 34 <= len(data) <= 1514)
    if not out[0] or not out[1]:
        raise RuntimeError('%s: no captures of Ethernet' % folder)
    for path, frames in zip((left, right), out):
        write_capture(path, frames[:MAX_FRAMES])
