# SPDX-License-Identifier: Apache-2.0
"""Makes the captures of readers: what two sides say in tests/fuzz/corpus, in
packets.

tests/pcap/app-READER/dialogs, and app-READER-MORE/dialogs, has a line for each
connection of the capture:

    SEED[:N][+READER/SEED[:N]]... [WORD]...

SEED is a file of tests/fuzz/corpus/app-READER, which a script there wrote, so
that a dialog is defined once; N: only its first pieces; +: then what is said
in another.  WORDs say how it is sent:

    ipv6            between two addresses of IPv6
    ragged          in small segments, some twice, some before the one that
                    they follow, some with bytes that were sent before, and
                    sequence numbers that begin again at 0
    port=N          to this port, not to the first of lib/app/app.def
    from=HOST:PORT  from this address; [HOST]:PORT for IPv6
    to=HOST:PORT    to this address
    answers=HOST:PORT   what is asked there is answered from here

A connection of TCP is opened and closed by both sides.
"""
import ipaddress
import os
import re
import struct
import sys
import typing

from packets import (A4, ACK, A6, B4, B6, FIN, MAC_A, MAC_B, MS, PSH, SECOND,
                     START, Talk, eth, ip, pcap, udp)

HERE = os.path.dirname(os.path.abspath(__file__))
TCP, UDP, GRE = 0, 1, 2
FIRST_PORT = 40000
# Of a piece; see fuzz-app.c.
ANSWERS, OVERTAKEN, LAST, CUT = 1, 2, 4, 8
MSS = 1400
SIZES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377)


class Reader(typing.NamedTuple):
    """A row of app.def."""
    word: str
    port: int                   # The first of them.


def readers():
    """What app.def has, by READER."""
    with open(os.path.join(HERE, '..', '..', 'lib', 'app', 'app.def')) as f:
        rows = re.findall(r'^INSP_APP\(\w+,\s*"([^"]+)",\s*(\w+),\s*'
                          r'PORTS\((\d+)', f.read(), re.M)
    return {reader: Reader(word, int(port)) for word, reader, port in rows}


def reader_of(name):
    """Of a folder: app-READER, app-READER-MORE."""
    return name.split('-')[1] if name.startswith('app-') else None


def lines_of(folder):
    """Lines of the file "dialogs": (seeds, {word: value})."""
    with open(os.path.join(folder, 'dialogs')) as f:
        for line in f:
            words = line.partition('#')[0].split()
            if words:
                yield words[0], dict(word.partition('=')[::2]
                                     for word in words[1:])


def seed_of(reader, name):
    """(protocol, [(flags, bytes)])"""
    name, _, n = name.partition(':')
    with open(os.path.join(HERE, '..', 'fuzz', 'corpus', 'app-' + reader,
                           name), 'rb') as f:
        data = f.read()
    pieces, at = [], 1
    while at + 3 <= len(data):
        flags, size = struct.unpack_from('>BH', data, at)
        if flags & CUT:
            sys.exit('%s/%s: a piece that was not captured' % (reader, name))
        pieces.append((flags, data[at + 3:at + 3 + size]))
        at += 3 + size
    return data[0] % 3, pieces[:int(n) if n else None]


def dialog_of(reader, names):
    """The same of SEED[:N][+READER/SEED[:N]]..."""
    first, *more = names.split('+')
    proto, pieces = seed_of(reader, first)
    for name in more:
        pieces += seed_of(*name.split('/'))[1]
    return proto, pieces


def end_of(text, default):
    """(address, port)"""
    if text is None:
        return default
    host, _, port = text.rpartition(':')
    return ipaddress.ip_address(host.strip('[]')).packed, int(port)


def mac_of(address, mac):
    """Where a packet to this address goes: to all, to many, or to one."""
    if address == b'\xff' * 4:
        return b'\xff' * 6
    if len(address) == 4 and address[0] >> 4 == 14:
        return b'\x01\x00\x5e' + bytes([address[1] & 0x7f]) + address[2:]
    if len(address) == 16 and address[0] == 0xff:
        return b'\x33\x33' + address[12:]
    return mac


# How pieces become segments: (start, end) in the order in which they are sent.

def whole(piece):
    return [(at, min(at + MSS, len(piece)))
            for at in range(0, len(piece), MSS)]


def overtaken(piece):
    return [(40, len(piece)), (0, 40)] if len(piece) > 40 else whole(piece)


def ragged(piece):
    cuts, at, i = [], 0, 0
    while at < len(piece):
        end = min(at + SIZES[i % len(SIZES)], len(piece))
        cuts.append((at, end))
        at, i = end, i + 1
    sent = []
    for i, (start, end) in enumerate(cuts):
        if i % 5 == 2:
            sent.insert(-1, (start, end))       # Before the one before it.
        elif i % 5 == 3:
            sent += [(start, end)] * 2
        elif i % 5 == 4:
            sent.append((max(0, start - 7), end))
        else:
            sent.append((start, end))
    return sent


class Stream(Talk):
    """A connection of TCP that remembers when its packets are sent."""

    def send(self, side, piece, segments):
        begin = self.seq[side]
        for start, end in segments:
            self.seq[side] = begin + start
            self.say(side, PSH | ACK if end == len(piece) else ACK,
                     piece[start:end])
        self.seq[side] = begin + len(piece)


def packets_of_tcp(client, server, pieces, how):
    """Packets: (side, bytes)."""
    stream = Stream(client[0], server[0], client[1], server[1])
    if 'ragged' in how:
        stream.seq = [0xffffff80, 0xffffffe0]
    stream.open()
    open_sides = [0, 1]
    for i, (flags, piece) in enumerate(pieces):
        side = flags & ANSWERS
        cut = (ragged if 'ragged' in how
               else overtaken if flags & OVERTAKEN else whole)
        stream.send(side, piece, cut(piece))
        if flags & LAST:
            stream.say(side, FIN | ACK)
            open_sides.remove(side)
        if i + 1 == len(pieces) or pieces[i + 1][0] & ANSWERS == side:
            stream.say(1 - side, ACK)
    for side in open_sides:
        stream.say(side, FIN | ACK)
    stream.say(1 - open_sides[-1] if open_sides else 0, ACK)
    return stream.packets


def packets_of_datagrams(client, server, pieces, how):
    for flags, piece in pieces:
        side = flags & ANSWERS
        src, dst = (server, client) if side else (client, server)
        if side:
            src = end_of(how.get('answers'), src)
        yield side, ip(src[0], dst[0], 17, udp(src[0], dst[0], src[1], dst[1],
                                               piece))


def packets_of_gre(client, server, pieces):
    for flags, piece in pieces:
        side = flags & ANSWERS
        src, dst = (server, client) if side else (client, server)
        yield side, ip(src[0], dst[0], 47, piece)


def packets_of(proto, pieces, how, port, number):
    a, b = (A6, B6) if 'ipv6' in how else (A4, B4)
    client = end_of(how.get('from'), (a, FIRST_PORT + number))
    server = end_of(how.get('to'), (b, int(how.get('port', port))))
    if proto == TCP:
        return packets_of_tcp(client, server, pieces, how)
    if proto == UDP:
        return packets_of_datagrams(client, server, pieces, how)
    return packets_of_gre(client, server, pieces)


def destination(packet):
    return packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]


def capture(reader, port, folder):
    """A second for each dialog; a millisecond between packets, five when the
    other side has the word."""
    out = []
    for number, (names, how) in enumerate(lines_of(folder)):
        proto, pieces = dialog_of(reader, names)
        time, last = START + number * SECOND, 0
        for side, packet in packets_of(proto, pieces, how, port, number):
            time += MS if side == last else 5 * MS
            last = side
            src, dst = (MAC_B, MAC_A) if side else (MAC_A, MAC_B)
            out.append((time, eth(packet, src=src,
                                  dst=mac_of(destination(packet), dst))))
    return pcap(out)


def captures(top):
    """Of each folder that has a file "dialogs": its name, bytes."""
    rows = readers()
    for name in sorted(os.listdir(top)):
        folder = os.path.join(top, name)
        if os.path.exists(os.path.join(folder, 'dialogs')):
            reader = reader_of(name)
            yield name, capture(reader, rows[reader].port, folder)
