#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two VMs behind dummy ports: sends random traffic through their streams.

    stream.py SOCKET1 SOCKET2 SEED PACKETS [flood]

Each socket is the unix socket of a dummy port (options:pstream): frames with
a big-endian length of 16 bits before each.  Both sides of the same
connections are sent at once, by the two ports, mixed with ARP, fragments and
frames that are cut off; "flood" sends SYNs of ever new sources from the
first port instead.  What comes out of the ports is read and thrown away.
"""

import random
import select
import socket
import struct
import sys

MAC = (b'\x02\0\0\0\0\x01', b'\x02\0\0\0\0\x02')
IP = (b'\x0a\0\0\x01', b'\x0a\0\0\x02')


def ip4(side, proto, body, ident=0, fragment=0, source=None):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(body), ident,
                       fragment, 64, proto, 0, source or IP[side],
                       IP[1 - side])
    return MAC[1 - side] + MAC[side] + b'\x08\x00' + head + body


def ports(side, client, service):
    return (client, service) if side == 0 else (service, client)


def tcp(side, client, flags, size, source=None):
    body = struct.pack('!HHIIBBHHH', *ports(side, client, 80), client, 1,
                       0x50, flags, 65535, 0, 0) + bytes(size)
    return ip4(side, 6, body, source=source)


def udp(side, client, size):
    body = struct.pack('!HHHH', *ports(side, client, 53), 8 + size, 0)
    return ip4(side, 17, body + bytes(size))


def some(side, rng):
    """A frame of 'side'; both sides draw from the same few connections."""
    kind = rng.randrange(100)
    client = 1024 + rng.randrange(64)
    if kind < 60:
        flags = rng.choice([0x10] * 30 + [0x18] * 10 + [0x02, 0x11, 0x04])
        return tcp(side, client, flags, rng.randrange(400))
    if kind < 85:
        return udp(side, client, rng.randrange(400))
    if kind < 90:
        return ip4(side, 1, struct.pack('!BBHHH', 8, 0, 0, client, 1))
    if kind < 94:
        ident = rng.randrange(65536)
        return ip4(side, 17, bytes(64), ident, rng.choice([0x2000, 8]))
    if kind < 97:
        return (b'\xff' * 6 + MAC[side] + b'\x08\x06'
                + struct.pack('!HHBBH6s4s6s4s', 1, 0x800, 6, 4, 1, MAC[side],
                              IP[side], bytes(6), IP[1 - side]))
    frame = tcp(side, client, 0x10, 20)
    return frame[:rng.randrange(14, len(frame))]


def flood(serial):
    source = struct.pack('!I', 0x0b000000 + serial)
    return tcp(0, 1024 + serial % 60000, 0x02, 0, source)


def main(path1, path2, seed, n_packets, what='mixed'):
    rng = random.Random(int(seed))
    streams = []
    for path in (path1, path2):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        s.setblocking(False)
        streams.append(s)

    pending = [b'', b'']
    sent = 0
    while sent < int(n_packets) or any(pending):
        for side in (0, 1):
            if pending[side] or sent >= int(n_packets):
                continue
            if what == 'flood' and side:
                continue
            frames = []
            for _ in range(16):
                frame = flood(sent) if what == 'flood' else some(side, rng)
                frames.append(struct.pack('!H', len(frame)) + frame)
                sent += 1
            pending[side] = b''.join(frames)
        readable, writable, _ = select.select(
            streams, [s for s, p in zip(streams, pending) if p], [], 60)
        if not readable and not writable:
            sys.exit('nothing moves: are the ports in a bridge?')
        for s in readable:
            if not s.recv(1 << 16):
                sys.exit('a port was closed')
        for s in writable:
            side = streams.index(s)
            pending[side] = pending[side][s.send(pending[side]):]
    print(sent)


if __name__ == '__main__':
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
