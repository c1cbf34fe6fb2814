#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the seeds of tests/fuzz/corpus/app-*: dialogs of the protocols that
give names, addresses and times.

    make-corpus-names.py [FOLDER]

A dialog is a list of (side, bytes); fuzz-app.c says how it is written.  The
seeds are committed; run this after adding one.  The same dialogs, as
hexadecimal digits, are what tests/unit/test-app-names.c looks at.
"""
import os
import struct
import sys

TCP, UDP, KNOWN_PORT = 0, 1, 3


def name(text):
    return b''.join(bytes([len(label)]) + label.encode()
                    for label in text.split('.') if label) + b'\0'


def question(text, kind, klass=1):
    return name(text) + struct.pack('>HH', kind, klass)


def record(owner, kind, ttl, data, klass=1):
    owner = owner if isinstance(owner, bytes) else name(owner)
    return owner + struct.pack('>HHIH', kind, klass, ttl, len(data)) + data


def dns(number, flags, questions=(), answers=(), authorities=(), more=()):
    return struct.pack('>6H', number, flags, len(questions), len(answers),
                       len(authorities), len(more)) \
        + b''.join((*questions, *answers, *authorities, *more))


def framed(message):
    return struct.pack('>H', len(message)) + message


def edns(size, flags=0, options=b''):
    return record(b'\0', 41, flags, options, size)


HERE = b'\xc0\x0c'              # The name of the first question.
SUBNET = struct.pack('>HHHBB', 8, 7, 1, 24, 0) + bytes([192, 0, 2])

DNS_A = [
    (0, dns(0x1234, 0x0120, [question('www.example.com', 1)],
            more=[edns(1232, 0x8000, SUBNET)])),
    (1, dns(0x1234, 0x81a0, [question('www.example.com', 1)],
            [record(HERE, 5, 300, b'\x03web' + b'\xc0\x10'),
             record(b'\xc0\x2d', 1, 60, bytes([192, 0, 2, 7])),
             record(b'\xc0\x2d', 28, 60,
                    bytes.fromhex('20010db8' + '00' * 11 + '07'))],
            more=[edns(4096)])),
]
# Two that overtake each other, and one that nobody answers.
DNS_MANY = [
    (0, dns(1, 0x0100, [question('a.test', 1)])),
    (0, dns(2, 0x0100, [question('b.test', 15)])),
    (0, dns(3, 0x0100, [question('.', 2)])),
    (1, dns(2, 0x8183, [question('b.test', 15)])),
    (1, dns(1, 0x8180, [question('A.Test', 1)],
            [record(HERE, 1, 5, bytes([10, 0, 0, 1]))])),
]
DNS_TYPES = [
    (0, dns(7, 0x0100, [question('t.test', 255)])),
    (1, dns(7, 0x8580, [question('t.test', 255)], [
        record(HERE, 15, 9, struct.pack('>H', 10) + b'\x02mx' + HERE),
        record(HERE, 16, 9, b'\x06v=spf1\x05 -all'),
        record(HERE, 33, 9, struct.pack('>HHH', 1, 2, 389) + b'\x02dc' + HERE),
        record(HERE, 6, 9, b'\x02ns' + HERE + b'\x04root' + HERE
               + struct.pack('>5I', 1, 2, 3, 4, 5)),
        record(HERE, 65, 9, struct.pack('>H', 1) + b'\0'),
        record(HERE, 44, 9, b'\x04\x02' + b'\xaa\xbb'),
        record(HERE, 46, 9, bytes(20)),
        record(HERE, 2, 9, b'\x05o.\\d\x07' + b'\0'),
    ])),
]
DNS_TCP = [
    (0, framed(dns(9, 0, [question('z.test', 252)]))
     + framed(dns(10, 0x0100, [question('y.test', 1)]))),
    (1, framed(dns(9, 0x8400, [question('z.test', 252)],
                   [record(HERE, 6, 60, b'\x02ns' + HERE + b'\0'
                           + struct.pack('>5I', 8, 1, 1, 1, 1))]))
     + framed(dns(9, 0x8400, [], [record('h.z.test', 1, 60, bytes(4))]))
     + framed(dns(10, 0x8182, [question('y.test', 1)]))),
]
DNS_LOOP = [
    (0, dns(5, 0x0100, [question('l.test', 5)])),
    (1, dns(5, 0x8180, [question('l.test', 5)],
            [record(HERE, 5, 1, b'\xc0\x24'),
             record(b'\xc0\x30', 5, 1, b'\xc0\x32')])),
]
MDNS_ASKS = [(0, dns(0, 0, [question('_ipp._tcp.local', 12, 0x8001),
                            HERE + struct.pack('>HH', 16, 1)]))]
MDNS_SAYS = [(0, dns(0, 0x8400, [], [
    record('_ipp._tcp.local', 12, 4500, b'\x02p1' + HERE)],
    more=[record(b'\x02p1' + HERE, 33, 120,
                 struct.pack('>HHH', 0, 0, 631) + b'\x03box\xc0\x16', 0x8001),
          record(b'\x03box\xc0\x16', 1, 120, bytes([10, 0, 0, 9]),
                 0x8001)]))]
LLMNR = [
    (0, dns(0x77, 0, [question('printer', 1)])),
    (1, dns(0x77, 0x8000, [question('printer', 1)],
            [record(HERE, 1, 30, bytes([10, 0, 0, 5]))])),
]


def dhcp(op, kind, *options, yours=bytes(4), client=bytes(4)):
    head = struct.pack('>BBBBIHH', op, 1, 6, 0, 0xcafe0001, 0, 0) + client \
        + yours + bytes(8) + bytes.fromhex('020000000a01') + bytes(10)
    rest = b''.join(bytes([n, len(v)]) + v
                    for n, v in ((53, bytes([kind])), *options))
    return head + bytes(192) + bytes.fromhex('63825363') + rest + b'\xff'


DHCP_ASKS = [(0, dhcp(1, 3, (61, bytes.fromhex('01020000000a01')),
                      (12, b'vm1'), (50, bytes([10, 0, 0, 21])),
                      (60, b'udhcp 1.36'), (55, bytes([1, 3, 6])),
                      (81, b'\x04\0\0' + name('vm1.example.net'))))]
DHCP_GIVES = [(0, dhcp(2, 5, (54, bytes([10, 0, 0, 1])),
                       (51, struct.pack('>I', 3600)),
                       (58, struct.pack('>I', 1800)),
                       (1, bytes([255, 255, 255, 0])),
                       (3, bytes([10, 0, 0, 1])),
                       (6, bytes([10, 0, 0, 2, 10, 0, 0, 3])),
                       (15, b'example.net\0'), yours=bytes([10, 0, 0, 21])))]


# All that a client and a server say, and how a lease is kept.
DHCP_DISCOVER = [(0, dhcp(1, 1, (61, bytes.fromhex('01020000000a01')),
                          (12, b'vm1'), (55, bytes([1, 3, 6, 15]))))]
DHCP_OFFER = [(0, dhcp(2, 2, (54, bytes([10, 0, 0, 1])),
                       (51, struct.pack('>I', 3600)),
                       (1, bytes([255, 255, 255, 0])),
                       yours=bytes([10, 0, 0, 21])))]
DHCP_RENEWS = [(0, dhcp(1, 3, (12, b'vm1'), client=bytes([10, 0, 0, 21]))),
               (1, dhcp(2, 5, (54, bytes([10, 0, 0, 1])),
                        (51, struct.pack('>I', 7200)),
                        client=bytes([10, 0, 0, 21]),
                        yours=bytes([10, 0, 0, 21])))]


def option6(number, *value):
    value = b''.join(value)
    return struct.pack('>HH', number, len(value)) + value


ADDRESS = bytes.fromhex('20010db8' + '00' * 11 + '21')
DUID = bytes.fromhex('00030001020000000a01')
SERVER = bytes.fromhex('0001000118464999020000000a02')
REPLY6 = b'\x07\x12\x34\x56' + option6(1, DUID) + option6(2, SERVER) \
    + option6(3, bytes(12),
              option6(5, ADDRESS, struct.pack('>II', 100, 200))) \
    + option6(25, bytes(12),
              option6(26, struct.pack('>IIB', 50, 60, 56), ADDRESS)) \
    + option6(23, ADDRESS) + option6(39, b'\0', name('vm1.example.net'))
DHCPV6 = [(0, REPLY6)]
DHCPV6_SOLICIT = [(0, b'\x01\x12\x34\x55' + option6(1, DUID)
                   + option6(8, b'\0\0') + option6(6, b'\0\x17\0\x18')
                   + option6(3, bytes(12)))]
DHCPV6_RENEWS = [(0, b'\x05\x12\x34\x56' + option6(1, DUID)
                  + option6(2, SERVER)
                  + option6(3, bytes(12), option6(5, ADDRESS, bytes(8)))),
                 (1, REPLY6)]
DHCPV6_RELAY = [(0, b'\x0d\0' + bytes(16) + bytes.fromhex('fe80' + '00' * 13)
                 + b'\x01' + option6(9, b'\x02\0\0\x07' + option6(1, DUID)
                                     + option6(13, b'\0\x02')))]

SENT = bytes.fromhex('e5b1c0de12345678')
NTP = [
    (0, b'\x23\0\x06\xec' + bytes(36) + SENT),
    (1, b'\x24\x02\x06\xe7' + bytes(8) + bytes([192, 0, 2, 1]) + SENT + SENT
     + bytes.fromhex('e5b1c0df00000000e5b1c0df00000001')),
]
NTP_REFUSES = [(0, b'\xdc\0\x06\xe7' + bytes(8) + b'RATE' + bytes(32))]
NTP_CONTROL = [(0, b'\x16\x02\0\x01' + bytes(8)),
               (1, b'\x16\x82\0\x01' + bytes(8))]


def ber(tag, *body):
    body = b''.join(body)
    size = bytes([len(body)]) if len(body) < 128 \
        else b'\x82' + struct.pack('>H', len(body))
    return bytes([tag]) + size + body


def integer(n):
    return ber(2, n.to_bytes(n.bit_length() // 8 + 1, 'big'))


SYS_NAME = bytes.fromhex('2b06010201010500')
VARS = ber(0x30, ber(0x30, ber(6, SYS_NAME), ber(5)))
VALUES = ber(0x30, ber(0x30, ber(6, SYS_NAME), ber(4, b'box')))
SNMP = [
    (0, ber(0x30, integer(1), ber(4, b'public'),
            ber(0xa0, integer(4711), integer(0), integer(0), VARS))),
    (1, ber(0x30, integer(1), ber(4, b'public'),
            ber(0xa2, integer(4711), integer(2), integer(1), VALUES))),
]
SNMP_TRAP = [(0, ber(0x30, integer(0), ber(4, b'traps'), ber(
    0xa4, ber(6, bytes.fromhex('2b0601040181f50000')),
    ber(0x40, bytes([10, 0, 0, 1])), integer(2), integer(0),
    ber(0x43, b'\x05'), VALUES)))]


def snmp3(flags, user, engine, *scoped):
    return ber(0x30, integer(3),
               ber(0x30, integer(99), integer(65507), ber(4, bytes([flags])),
                   integer(3)),
               ber(4, ber(0x30, ber(4, engine), integer(1), integer(2),
                          ber(4, user), ber(4), ber(4))), *scoped)


ENGINE = bytes.fromhex('8000000001020304')
SNMP_V3 = [
    (0, snmp3(4, b'', b'', ber(0x30, ber(4), ber(4), ber(
        0xa0, integer(5), integer(0), integer(0), ber(0x30))))),
    (1, snmp3(0, b'', ENGINE, ber(0x30, ber(4, ENGINE), ber(4), ber(
        0xa8, integer(5), integer(0), integer(0), VARS)))),
    (0, snmp3(7, b'ops', ENGINE, ber(4, b'secret'))),
    (1, snmp3(3, b'ops', ENGINE, ber(4, b'more secret'))),
]

OLD = b"<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed"
NEW = b'<165>1 2003-10-11T22:14:15.003Z host.example.com evntslog 7 ID47 ' \
    b'[a@32473 x="]\\"" y="2"][b@1 z=""] \xef\xbb\xbfAn event'
SYSLOG_OLD = [(0, OLD)]
SYSLOG_NEW = [(0, NEW)]
SYSLOG_LINES = [(0, OLD + b'\n' + b'<13>bare: words\r\n<14>just words\n')]
SYSLOG_COUNTED = [(0, b'%d %s%d %s' % (len(NEW), NEW, len(OLD), OLD))]


def sip(first, *headers, body=b''):
    return '\r\n'.join((first, *headers, 'Content-Length: %d' % len(body),
                        '', '')).encode() + body


CALL = ('From: "A" <sip:a@x.test>;tag=1', 't: <sip:b@y.test>',
        'Call-ID: c1@x.test')
INVITE = sip('INVITE sip:b@y.test SIP/2.0', *CALL, 'CSeq: 1 INVITE',
             'User-Agent: phone/1', body=b'v=0\r\n\r\n')
RINGING = sip('SIP/2.0 180 Ringing', *CALL, 'CSeq: 1 INVITE')
OK = sip('SIP/2.0 200 OK', *CALL, 'CSeq: 1 INVITE', 'Server: pbx/2')
ACK = sip('ACK sip:b@y.test SIP/2.0', *CALL, 'CSeq: 1 ACK')
SIP = [(0, INVITE), (1, RINGING), (1, OK), (0, ACK)]
SIP_TCP = [(0, b'\r\n\r\n' + INVITE), (1, RINGING + OK), (0, ACK + INVITE)]

SEEDS = {
    'dns': {
        'a': (UDP, DNS_A), 'many': (UDP, DNS_MANY), 'types': (UDP, DNS_TYPES),
        'transfer': (TCP, DNS_TCP), 'loop': (UDP, DNS_LOOP),
    },
    'mdns': {
        'asks': (UDP + KNOWN_PORT, MDNS_ASKS),
        'says': (UDP + KNOWN_PORT, MDNS_SAYS), 'elsewhere': (UDP, MDNS_SAYS),
    },
    'llmnr': {
        'udp': (UDP + KNOWN_PORT, LLMNR),
        'tcp': (TCP + KNOWN_PORT, [(s, framed(m)) for s, m in LLMNR]),
    },
    'dhcp': {'asks': (UDP, DHCP_ASKS), 'gives': (UDP, DHCP_GIVES),
             'discover': (UDP, DHCP_DISCOVER), 'offer': (UDP, DHCP_OFFER),
             'renews': (UDP, DHCP_RENEWS)},
    'dhcpv6': {'reply': (UDP, DHCPV6), 'solicit': (UDP, DHCPV6_SOLICIT),
               'renews': (UDP, DHCPV6_RENEWS),
               'relay': (UDP + KNOWN_PORT, DHCPV6_RELAY)},
    'ntp': {
        'time': (UDP + KNOWN_PORT, NTP),
        'refuses': (UDP + KNOWN_PORT, NTP_REFUSES),
        'control': (UDP + KNOWN_PORT, NTP_CONTROL),
    },
    'snmp': {'v2': (UDP, SNMP), 'trap': (UDP, SNMP_TRAP),
             'v3': (UDP, SNMP_V3)},
    'syslog': {
        'old': (UDP, SYSLOG_OLD), 'new': (UDP, SYSLOG_NEW),
        'lines': (TCP, SYSLOG_LINES), 'counted': (TCP, SYSLOG_COUNTED),
    },
    'sip': {'udp': (UDP, SIP), 'tcp': (TCP, SIP_TCP)},
}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, 'corpus')
    for reader, seeds in SEEDS.items():
        folder = os.path.join(top, 'app-' + reader)
        os.makedirs(folder, exist_ok=True)
        for seed, (first, dialog) in seeds.items():
            with open(os.path.join(folder, seed), 'wb') as f:
                f.write(bytes([first]) + b''.join(
                    struct.pack('>BH', side, len(said)) + said
                    for side, said in dialog))


if __name__ == '__main__':
    main()
