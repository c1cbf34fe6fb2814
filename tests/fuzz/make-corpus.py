#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the seeds of tests/fuzz/corpus/parse: one small frame of each kind.

    make-corpus.py [FOLDER]

An input is two bytes (how much longer than captured the frame was on the
wire) and the frame.  The seeds are committed; run this after adding one.  A
crash that was found is added by hand, under a name that says what it was.
"""
import os
import struct
import sys

MACS = bytes.fromhex('020000000002020000000001')


def eth(kind, *rest):
    return MACS + struct.pack('>H', kind) + b''.join(rest)


def vlan(tci, kind, *rest):
    return struct.pack('>HH', tci, kind) + b''.join(rest)


def ip4(proto, *rest, options=b'', fragment=0x4000, length=None):
    body = b''.join(rest)
    size = 20 + len(options) + len(body) if length is None else length
    return struct.pack('>BBHHHBBHII', 0x45 + len(options) // 4, 0, size,
                       0x1234, fragment, 64, proto, 0, 0x0a000001,
                       0x0a000002) + options + body


def ip6(proto, *rest, length=None):
    body = b''.join(rest)
    return struct.pack('>IHBB', 0x60000000,
                       len(body) if length is None else length, proto, 63) \
        + bytes.fromhex('fd' + '00' * 14 + '01' + 'fd' + '00' * 14 + '02') \
        + body


def tcp(src, dst, flags, payload=b'', options=b''):
    return struct.pack('>HHIIBBHHH', src, dst, 1, 2,
                       (5 + len(options) // 4) << 4, flags, 65535, 0, 0) \
        + options + payload


def udp(src, dst, payload=b'', size=None):
    return struct.pack('>HHHH', src, dst,
                       8 + len(payload) if size is None else size, 0) \
        + payload


def icmp(kind, code, payload=b''):
    return struct.pack('>BBHHH', kind, code, 0, 0xabcd, 1) + payload


def ext(proto, size=8):
    return bytes([proto, size // 8 - 1]) + bytes(size - 2)


def fragment(proto, offset_flags):
    return struct.pack('>BBHI', proto, 0, offset_flags, 0x12345678)


def ah(proto, size=24):
    return bytes([proto, size // 4 - 2]) + bytes(size - 2)


SYN_OPTIONS = bytes.fromhex('020405b40402080a000000010000000001030307')
SCTP = struct.pack('>HHII', 2905, 2906, 7, 0) + bytes(16)
ARP = bytes.fromhex('0001080006040001') + MACS[6:] + bytes(16)

SEEDS = {
    'tcp4-data': eth(0x0800, ip4(6, tcp(40000, 80, 0x18, b'GET / '))),
    'tcp4-syn': eth(0x0800, ip4(6, tcp(40000, 80, 2, options=SYN_OPTIONS))),
    'tcp4-padded': eth(0x0800, ip4(6, tcp(1, 2, 0x10)), bytes(6)),
    'tcp4-options': eth(0x0800, ip4(6, tcp(1, 2, 0x10), options=b'\1' * 40)),
    'tcp4-offset-small': eth(0x0800, ip4(6, tcp(1, 2, 0)[:12] + b'\x40'
                                         + tcp(1, 2, 0)[13:])),
    'tcp4-offset-large': eth(0x0800, ip4(6, tcp(1, 2, 0)[:12] + b'\xf0'
                                         + tcp(1, 2, 0)[13:])),
    'tcp6-data': eth(0x86dd, ip6(6, tcp(40000, 443, 0x18, b'\x16\3\1'))),
    'udp4-dns': eth(0x0800, ip4(17, udp(5353, 53, bytes(12)))),
    'udp4-length-zero': eth(0x0800, ip4(17, udp(1, 2, size=0))),
    'udp4-length-large': eth(0x0800, ip4(17, udp(1, 2, size=9))),
    'udp6': eth(0x86dd, ip6(17, udp(500, 4500, b'abc'))),
    'sctp4': eth(0x0800, ip4(132, SCTP)),
    'sctp6': eth(0x86dd, ip6(132, SCTP)),
    'icmp4-echo': eth(0x0800, ip4(1, icmp(8, 0, b'ping'))),
    'icmp4-unreachable': eth(0x0800, ip4(1, icmp(3, 3, ip4(17, udp(1, 2))))),
    'icmp6-echo': eth(0x86dd, ip6(58, icmp(128, 0, b'ping'))),
    'icmp6-solicitation': eth(0x86dd, ip6(58, icmp(135, 0, bytes(16)))),
    'gre4': eth(0x0800, ip4(47, bytes(4))),
    'esp6': eth(0x86dd, ip6(50, bytes(16))),
    'igmp4': eth(0x0800, ip4(2, bytes(8), options=b'\x94\4\0\0')),
    'none6': eth(0x86dd, ip6(59)),
    'ip4-length-small': eth(0x0800, ip4(6, tcp(1, 2, 0), length=19)),
    'ip4-length-large': eth(0x0800, ip4(6, tcp(1, 2, 0), length=41)),
    'ip4-version': eth(0x0800, ip6(6, tcp(1, 2, 0))),
    'ip6-length-large': eth(0x86dd, ip6(17, udp(1, 2), length=9)),
    'ip6-jumbogram': eth(0x86dd, ip6(0, ext(17), udp(1, 2, bytes(9), 0),
                                     length=0)),
    'ip4-first': eth(0x0800, ip4(17, udp(1, 2, bytes(8), 2000),
                                 fragment=0x2000)),
    'ip4-first-short': eth(0x0800, ip4(6, bytes(16), fragment=0x2000)),
    'ip4-later': eth(0x0800, ip4(17, bytes(16), fragment=0x00b9)),
    'ip6-first': eth(0x86dd, ip6(44, fragment(17, 1),
                                 udp(1, 2, bytes(8), 2000))),
    'ip6-later': eth(0x86dd, ip6(44, fragment(17, 0xb8), bytes(16))),
    'ip6-atomic': eth(0x86dd, ip6(44, fragment(6, 0), tcp(1, 2, 2))),
    'ip6-extensions': eth(0x86dd, ip6(0, ext(43), ext(60, 24), ext(51),
                                      ah(44), fragment(6, 1),
                                      tcp(1, 2, 0x10))),
    'ip6-ext-long': eth(0x86dd, ip6(60, b'\x3b\xff' + bytes(14))),
    'ip6-ext-depth': eth(0x86dd, ip6(60, ext(60) * 8, ext(59))),
    'ip4-ah': eth(0x0800, ip4(51, ah(6), tcp(1, 2, 0x10))),
    'vlan': eth(0x8100, vlan(100, 0x0800, ip4(17, udp(1, 2)))),
    'qinq': eth(0x88a8, vlan(1, 0x8100, vlan(2, 0x86dd,
                                             ip6(6, tcp(1, 2, 2))))),
    'qinq-old': eth(0x9100, vlan(1, 0x8100, vlan(2, 0x0806, ARP))),
    'vlan-depth': eth(0x8100, vlan(1, 0x8100, vlan(2, 0x8100,
                                                   vlan(3, 0x0800)))),
    'arp': eth(0x0806, ARP, bytes(18)),
    'mpls': eth(0x8847, bytes(4), ip4(17, udp(1, 2))),
    'llc': eth(0x0026, bytes.fromhex('424203') + bytes(43)),
    'snap-cut': eth(0x0008, bytes.fromhex('aaaa0300000008')),
    'broadcast': b'\xff' * 6 + eth(0x0800, ip4(17, udp(68, 67)))[6:],
    'empty': b'',
}


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name, frame in SEEDS.items():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(b'\0\0' + frame)
    whole = SEEDS['tcp4-syn']
    for cut in (13, 20, 33, 40, 53, 60):
        with open(os.path.join(folder, f'captured-{cut}'), 'wb') as f:
            f.write(struct.pack('>H', len(whole) - cut) + whole[:cut])


if __name__ == '__main__':
    main(sys.argv[1] if len(sys.argv) > 1 else
         os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus',
                      'parse'))
