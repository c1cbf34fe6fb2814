# SPDX-License-Identifier: Apache-2.0
"""What captures are made of: headers, packets of a connection, a file.

Used by make.py and dialogs.py; the same bytes each time.
"""
import struct

START = 1767225600 * 10**9      # 2026-01-01 00:00:00 UTC
MS = 10**6
SECOND = 10**9

MAC_A = bytes.fromhex('020000000001')
MAC_B = bytes.fromhex('020000000002')
A4, B4 = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 7])
A6 = bytes.fromhex('20010db8000000000000000000000001')
B6 = bytes.fromhex('20010db8000000000000000000000035')
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


# Headers, from the inside to the outside.

def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo(src, dst, proto, size):
    if len(src) == 4:
        return src + dst + struct.pack('>BBH', 0, proto, size)
    return src + dst + struct.pack('>II', size, proto)


def udp(src, dst, sport, dport, payload):
    head = struct.pack('>HHHH', sport, dport, 8 + len(payload), 0)
    total = checksum(pseudo(src, dst, 17, 8 + len(payload)) + head + payload)
    return head[:6] + struct.pack('>H', total or 0xffff) + payload


def tcp(src, dst, sport, dport, seq, ack, flags, payload=b''):
    size = 20 + len(payload)
    head = struct.pack('>HHIIBBHHH', sport, dport, seq, ack, 0x50, flags,
                       64240, 0, 0)
    total = checksum(pseudo(src, dst, 6, size) + head + payload)
    return head[:16] + struct.pack('>HH', total, 0) + payload


def icmp(kind, code, rest, payload=b'', src=None, dst=None):
    head = struct.pack('>BBH', kind, code, 0) + rest
    before = pseudo(src, dst, 58, len(head + payload)) if src else b''
    total = checksum(before + head + payload)
    return head[:2] + struct.pack('>H', total) + head[4:] + payload


def ip4(src, dst, proto, payload, ident=0, frag=0x4000, ttl=64):
    head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(payload), ident, frag,
                       ttl, proto, 0) + src + dst
    return head[:10] + struct.pack('>H', checksum(head)) + head[12:] + payload


def ip6(src, dst, proto, payload, hops=64):
    return (struct.pack('>IHBB', 0x60000000, len(payload), proto, hops)
            + src + dst + payload)


def ip(src, dst, proto, payload):
    return (ip4 if len(src) == 4 else ip6)(src, dst, proto, payload)


def eth(payload, vlans=(), src=MAC_A, dst=MAC_B, kind=None):
    if kind is None:
        kind = 0x86dd if payload[0] >> 4 == 6 else 0x0800
    tags = b''.join(struct.pack('>HH', tpid, vid) for tpid, vid in vlans)
    return (dst + src + tags + struct.pack('>H', kind) + payload)


class Talk:
    """A TCP connection from 'a' to 'b': IP packets, in order."""

    def __init__(self, a, b, sport, dport):
        self.end = [(a, sport), (b, dport)]
        self.seq = [1000, 5000]
        self.packets = []

    def say(self, side, flags, payload=b''):
        (src, sport), (dst, dport) = self.end[side], self.end[1 - side]
        seq = self.seq[side] & 0xffffffff
        ack = self.seq[1 - side] & 0xffffffff if flags & ACK else 0
        self.packets.append((side, ip(src, dst, 6, tcp(
            src, dst, sport, dport, seq, ack, flags, payload))))
        self.seq[side] += len(payload) + bool(flags & (SYN | FIN))

    def open(self):
        self.say(0, SYN)
        self.say(1, SYN | ACK)
        self.say(0, ACK)

    def exchange(self, question, answer):
        self.say(0, PSH | ACK, question)
        self.say(1, ACK)
        self.say(1, PSH | ACK, answer)
        self.say(0, ACK)

    def close(self):
        self.say(0, FIN | ACK)
        self.say(1, FIN | ACK)
        self.say(0, ACK)

    def frames(self, vlans=()):
        return [eth(p, vlans, *((MAC_A, MAC_B), (MAC_B, MAC_A))[side])
                for side, p in self.packets]


# Files.

def pcap(packets, link=1, order='<', nano=False, snaplen=262144):
    """Packets: (time in ns, bytes)."""
    out = struct.pack(order + 'IHHiIII', 0xa1b23c4d if nano else 0xa1b2c3d4,
                      2, 4, 0, 0, snaplen, link)
    for time, data in packets:
        rest = time % SECOND
        kept = data[:snaplen]
        out += struct.pack(order + 'IIII', time // SECOND,
                           rest if nano else rest // 1000, len(kept),
                           len(data)) + kept
    return out


def every(gap, frames, start=START):
    return [(start + i * gap, frame) for i, frame in enumerate(frames)]
