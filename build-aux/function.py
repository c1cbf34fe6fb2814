#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A service function for the quickstart, and a witness of what it marks.

    function.py forward IN OUT LOG COUNTS
        What comes in by one interface goes out by the other.  IPv4 is marked
        (DSCP CS1) on the way.  LOG gets a line for each TCP connection that
        begins, COUNTS the numbers of packets: to tcp/80, others, probes.
    function.py witness IFACE ADDRESS PORT COUNTS
        Counts the TCP packets to PORT that arrive: from ADDRESS with the mark
        and without, from others with and without.

Both run until they are killed.
"""
import ctypes
import os
import select
import socket
import struct
import sys
import time

MARK = 0x20                             # CS1, as a TOS byte.
ETH_P_ALL = 3
SOL_PACKET, ADD_MEMBERSHIP, IGNORE_OUTGOING = 263, 1, 23
MR_PROMISC = 1
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33


def open_interface(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                      socket.htons(ETH_P_ALL))
    s.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
    s.setsockopt(SOL_PACKET, ADD_MEMBERSHIP,
                 struct.pack('iHH8s', socket.if_nametoindex(name),
                             MR_PROMISC, 0, b''))
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    s.bind((name, 0))
    s.setblocking(False)
    return s


class Counts:
    """Written when it has changed, at most each tenth of a second: whoever
    reads it sees the last words of a program that was killed, and the next
    one counts on."""

    def __init__(self, file, *keys):
        self.file = file
        self.values = dict.fromkeys(keys, 0)
        if os.path.exists(file):
            with open(file) as f:
                self.values = dict(zip(keys, map(int, f.read().split())))
        self.changed = True
        self.next = 0

    def add(self, key):
        self.values[key] += 1
        self.changed = True

    def save(self):
        if not self.changed or time.monotonic() < self.next:
            return
        with open(self.file + '.new', 'w') as f:
            print(*self.values.values(), file=f)
        os.replace(self.file + '.new', self.file)
        self.changed = False
        self.next = time.monotonic() + 0.1


def is_tcp(frame):
    return (len(frame) >= 54 and frame[12:14] == b'\x08\0' and
            frame[14] == 0x45 and frame[23] == 6)


def what(frame):
    """For the counts."""
    if frame[12:14] == b'\x88\xb5':
        return 'probe'
    if is_tcp(frame) and frame[36:38] == b'\0\x50':
        return 'tcp/80'
    return 'other'


def mark(frame):
    """RFC 1624: the header's checksum follows the byte that changes."""
    if frame[12:14] != b'\x08\0':
        return frame
    frame = bytearray(frame)
    total = (~int.from_bytes(frame[24:26], 'big') & 0xffff) + \
        (~frame[15] & 0xffff) + MARK
    frame[15] = MARK
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    frame[24:26] = (~total & 0xffff).to_bytes(2, 'big')
    return frame


def log_line(frame):
    address = socket.inet_ntoa
    return '%s %s:%d > %s:%d tcp: begins\n' % (
        time.strftime('%H:%M:%S'), address(frame[26:30]),
        int.from_bytes(frame[34:36], 'big'), address(frame[30:34]),
        int.from_bytes(frame[36:38], 'big'))


def pump(source, to, log, counts):
    for _ in range(64):
        try:
            frame = source.recv(65536)
        except BlockingIOError:
            return
        counts.add(what(frame))
        if is_tcp(frame) and frame[47] & 0x12 == 0x02:      # SYN, no ACK.
            log.write(log_line(frame))
        try:
            to.send(mark(frame))
        except OSError:
            pass                        # Its link is down: it is lost.


def forward(ifaces, log_file, counts_file):
    arms = [open_interface(i) for i in ifaces]
    other = {arms[0]: arms[1], arms[1]: arms[0]}
    counts = Counts(counts_file, 'tcp/80', 'other', 'probe')
    with open(log_file, 'a', buffering=1) as log:
        while True:
            for s in select.select(arms, [], [], 0.1)[0]:
                pump(s, other[s], log, counts)
            counts.save()


def attach_tcp_filter(s, port):
    """So that a bulk transfer does not keep it busy: IPv4, TCP, to PORT."""
    code = [(0x28, 0, 0, 12), (0x15, 0, 5, 0x0800), (0x30, 0, 0, 23),
            (0x15, 0, 3, 6), (0x28, 0, 0, 36), (0x15, 0, 1, port),
            (0x06, 0, 0, 0xffff), (0x06, 0, 0, 0)]
    text = ctypes.create_string_buffer(
        b''.join(struct.pack('HBBI', *c) for c in code))
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                 struct.pack('HxxxxxxP', len(code), ctypes.addressof(text)))


def witness(iface, address, port, counts_file):
    s = open_interface(iface)
    attach_tcp_filter(s, port)
    counts = Counts(counts_file, 'marked', 'unmarked', 'others marked',
                    'others unmarked')
    address = socket.inet_aton(address)
    while True:
        for _ in select.select([s], [], [], 0.1)[0]:
            frame = s.recv(65536)
            if is_tcp(frame):
                counts.add(
                    ('' if frame[26:30] == address else 'others ') +
                    ('marked' if frame[15] == MARK else 'unmarked'))
        counts.save()


def main():
    if len(sys.argv) == 6 and sys.argv[1] == 'forward':
        forward(sys.argv[2:4], *sys.argv[4:])
    elif len(sys.argv) == 6 and sys.argv[1] == 'witness':
        witness(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
