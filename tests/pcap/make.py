#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the captures of the golden tests: tests/pcap/NAME/input.pcap.

    make.py [DIRECTORY]

The same bytes each time.  What is in a capture is said at the function that
makes it, or for app-READER in a file beside it (dialogs.py); what the probe
has to say of it stands in expected.json there.
"""
import os
import struct
import sys

sys.dont_write_bytecode = True
import dialogs                                              # noqa: E402
from packets import (A4, ACK, A6, B4, B6, MAC_A, MAC_B,     # noqa: E402
                     MS, PSH, RST, SECOND, START, SYN, Talk, eth, every,
                     icmp, ip, ip4, ip6, pcap, udp)

# Protocols.

def name_of(name):
    return b''.join(bytes([len(part)]) + part.encode()
                    for part in name.split('.')) + b'\0'


def dns(ident, name, kind, answers=(), flags=0x0100, rcode=0):
    """Answers: (type, rdata)."""
    out = struct.pack('>HHHHHH', ident, flags | rcode, 1, len(answers), 0, 0)
    out += name_of(name) + struct.pack('>HH', kind, 1)
    for answer_kind, data in answers:
        out += struct.pack('>HHHIH', 0xc00c, answer_kind, 1, 300, len(data))
        out += data
    return out


def dns_pair(ident, name, kind, answers=(), rcode=0, a=A4, b=B4, port=40000):
    question = dns(ident, name, kind)
    answer = dns(ident, name, kind, answers, 0x8180, rcode)
    return [ip(a, b, 17, udp(a, b, port, 53, question)),
            ip(b, a, 17, udp(b, a, 53, port, answer))]


def vector(data, size):
    return len(data).to_bytes(size, 'big') + data


def extension(kind, data):
    return struct.pack('>H', kind) + vector(data, 2)


def handshake(kind, body, version=0x0303):
    return struct.pack('>BH', 22, version) + vector(
        bytes([kind]) + vector(body, 3), 2)


def client_hello(server):
    extensions = (
        extension(0, vector(b'\0' + vector(server.encode(), 2), 2))
        + extension(10, vector(bytes.fromhex('001d00170018'), 2))
        + extension(11, vector(b'\0', 1))
        + extension(13, vector(bytes.fromhex('0403080404010503'), 2))
        + extension(16, vector(vector(b'h2', 1) + vector(b'http/1.1', 1), 2)))
    body = (b'\x03\x03' + bytes(range(32)) + vector(bytes(range(32, 64)), 1)
            + vector(bytes.fromhex('c02bc02fc02cc030009c'), 2)
            + vector(b'\0', 1) + vector(extensions, 2))
    return handshake(1, body, 0x0301)


def server_hello():
    extensions = (extension(0xff01, b'\0') + extension(11, vector(b'\0', 1))
                  + extension(16, vector(vector(b'h2', 1), 2)))
    body = (b'\x03\x03' + bytes(range(64, 96)) + vector(b'', 1)
            + bytes.fromhex('c02f') + b'\0' + vector(extensions, 2))
    return handshake(2, body)


# pcapng.

def pad(data):
    return data + bytes(-len(data) % 4)


class Ng:
    def __init__(self, order='<'):
        self.order = order
        self.out = b''

    def block(self, kind, body):
        body = pad(body)
        size = struct.pack(self.order + 'I', 12 + len(body))
        self.out += (struct.pack(self.order + 'I', kind) + size + body + size)

    def option(self, code, value):
        return struct.pack(self.order + 'HH', code, len(value)) + pad(value)

    def section(self):
        self.block(0x0a0d0d0a, struct.pack(self.order + 'IHHq', 0x1a2b3c4d, 1,
                                           0, -1))

    def interface(self, link, snaplen=0, options=b''):
        self.block(1, struct.pack(self.order + 'HHI', link, 0, snaplen)
                   + options)

    def packet(self, number, ticks, data, options=b''):
        self.block(6, struct.pack(self.order + 'IIIII', number, ticks >> 32,
                                  ticks & 0xffffffff, len(data), len(data))
                   + pad(data) + options)

    def simple(self, data):
        self.block(3, struct.pack(self.order + 'I', len(data)) + data)

    def old_packet(self, number, ticks, data):
        self.block(2, struct.pack(self.order + 'HHIIII', number, 0,
                                  ticks >> 32, ticks & 0xffffffff, len(data),
                                  len(data)) + data)


# The captures.

def make_dns():
    """Answered, refused, unanswered, and over TCP."""
    packets = dns_pair(1, 'www.example.com', 1,
                       [(5, name_of('web.example.com')),
                        (1, bytes([203, 0, 113, 9]))])
    packets += dns_pair(2, 'nowhere.example.com', 28, rcode=3, port=40001)
    packets += dns_pair(3, 'silent.example.com', 15, port=40002)[:1]
    talk = Talk(A4, B4, 40003, 53)
    talk.open()
    question, answer = (p[28:] for p in dns_pair(
        4, 'big.example.com', 16, [(16, vector(b'v=spf1 -all', 1))]))
    talk.exchange(vector(question, 2), vector(answer, 2))
    talk.close()
    return pcap(every(3 * MS, [eth(p) for p in packets] + talk.frames()))


def make_http():
    """Two transactions on a connection, the second answer in two segments;
    and a connection that is refused."""
    talk = Talk(A4, B4, 50000, 80)
    talk.open()
    talk.exchange(b'GET /index.html?x=1 HTTP/1.1\r\nHost: www.example.com\r\n'
                  b'User-Agent: probe-test/1.0\r\nAccept: */*\r\n\r\n',
                  b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n'
                  b'Content-Length: 5\r\nServer: test\r\n\r\nhello')
    talk.say(0, PSH | ACK, b'POST /form HTTP/1.1\r\nHost: www.example.com\r\n'
             b'Content-Length: 3\r\n\r\na=b')
    talk.say(1, ACK, b'HTTP/1.1 302 Found\r\nLocation: /')
    talk.say(1, PSH | ACK, b'thanks\r\nContent-Length: 0\r\n\r\n')
    talk.say(0, ACK)
    talk.close()
    refused = Talk(A4, B4, 50001, 81)
    refused.say(0, SYN)
    refused.say(1, RST | ACK)
    return pcap(every(2 * MS, talk.frames() + refused.frames()))


def make_tls():
    """A handshake of TLS 1.2 in clear up to where it is encrypted, with a
    hello in two segments."""
    talk = Talk(A6, B6, 51000, 443)
    hello = client_hello('www.example.org')
    talk.open()
    talk.say(0, ACK, hello[:100])
    talk.say(0, PSH | ACK, hello[100:])
    talk.say(1, PSH | ACK, server_hello())
    talk.say(0, PSH | ACK, bytes.fromhex('140303000101')
             + bytes.fromhex('1603030028') + bytes(40))
    talk.say(1, PSH | ACK, bytes.fromhex('140303000101')
             + bytes.fromhex('1603030028') + bytes(40))
    for i in range(20):
        talk.say(i % 2, PSH | ACK, bytes.fromhex('1703030100') + bytes(256))
    talk.close()
    return pcap(every(1 * MS, talk.frames()))


def make_vlan():
    """The same addresses and ports without a tag, in two VLANs, and behind
    two tags, taking turns: four connections.  Three tags are too many."""
    frames = []
    kinds = [[], [(0x8100, 10)], [(0x8100, 20)], [(0x88a8, 30), (0x8100, 10)]]
    for i in range(5):
        for vlans in kinds:
            a, b = (A4, B4) if i % 2 == 0 else (B4, A4)
            ports = (1000, 2000) if i % 2 == 0 else (2000, 1000)
            frames.append(eth(ip(a, b, 17, udp(a, b, *ports, b'x' * i)),
                              vlans))
    frames.append(eth(ip(A4, B4, 17, udp(A4, B4, 1, 2, b'')),
                      [(0x8100, i) for i in (1, 2, 3)]))
    return pcap(every(1 * MS, frames))


def make_ipv6():
    """Echo, extension headers, neighbour discovery, and names over UDP."""
    echo = [ip6(A6, B6, 58, icmp(128, 0, struct.pack('>HH', 7, 1), b'ping',
                                 A6, B6)),
            ip6(B6, A6, 58, icmp(129, 0, struct.pack('>HH', 7, 1), b'ping',
                                 B6, A6))]
    options = bytes([60, 0, 1, 4, 0, 0, 0, 0])      # Hop by hop, padded.
    more = bytes([17, 0, 1, 4, 0, 0, 0, 0])         # Destination.
    data = udp(A6, B6, 1234, 5678, b'data')
    frames = echo + [ip6(A6, B6, 0, options + more + data)]
    frames.append(ip6(A6, B6, 58, icmp(135, 0, bytes(4), B6, A6, B6), 255))
    frames += dns_pair(9, 'six.example.com', 28, [(28, B6)], a=A6, b=B6)
    return pcap(every(500 * MS, [eth(p) for p in frames]))


def make_fragments():
    """IPv4 and IPv6: in order, and with a first fragment that comes last."""
    data = udp(A4, B4, 3000, 4000, bytes(range(256)) * 4)
    parts = [ip4(A4, B4, 17, data[0:512], 77, 0x2000),
             ip4(A4, B4, 17, data[512:1024], 77, 0x2000 | 64),
             ip4(A4, B4, 17, data[1024:], 77, 128)]
    late = [ip4(A4, B4, 17, data[512:], 78, 64),
            ip4(A4, B4, 17, data[:512], 78, 0x2000)]
    data = udp(A6, B6, 3000, 4000, bytes(1000))
    head = struct.pack('>BBHI', 17, 0, 1, 99)
    tail = struct.pack('>BBHI', 17, 0, 600, 99)
    six = [ip6(A6, B6, 44, head + data[:600]), ip6(A6, B6, 44,
                                                   tail + data[600:])]
    return pcap(every(1 * MS, [eth(p) for p in parts + late + six]))


def make_remainder():
    """What has no connection: ARP, LLDP, LLC, and headers that are broken."""
    arp = (struct.pack('>HHBBH', 1, 0x0800, 6, 4, 1) + MAC_A + A4 + bytes(6)
           + B4)
    good = ip4(A4, B4, 17, udp(A4, B4, 1, 2, b'data'))
    frames = [eth(arp, kind=0x0806, dst=b'\xff' * 6),
              eth(arp, kind=0x0806),
              eth(bytes(46), kind=0x88cc, dst=bytes.fromhex('0180c200000e')),
              eth(bytes(46), kind=38, dst=bytes.fromhex('0180c2000000')),
              eth(b'\x44' + good[1:]),                  # Header of 16 bytes.
              eth(good[:2] + b'\xff\xff' + good[4:]),   # Too long.
              eth(good[:24]),
              eth(good)[:10],
              b'']
    return pcap(every(1 * MS, frames))


def cooked(side, packet, v2=False):
    """What 'any' shows of a packet that came (0) or went (4)."""
    kind = 0x86dd if packet[0] >> 4 == 6 else 0x0800
    address = (MAC_A, MAC_B)[side] + bytes(2)
    if v2:
        return (struct.pack('>HHIHBB', kind, 0, 3, 1, 4 * side, 6) + address
                + packet)
    return struct.pack('>HHH', 4 * side, 1, 6) + address + struct.pack(
        '>H', kind) + packet


def a_talk():
    talk = Talk(A4, B4, 50100, 80)
    talk.open()
    talk.exchange(b'HEAD / HTTP/1.0\r\n\r\n',
                  b'HTTP/1.0 204 No Content\r\n\r\n')
    talk.close()
    return talk.packets


def make_cooked():
    """Linux cooked capture."""
    return pcap(every(1 * MS, [cooked(*p) for p in a_talk()]), 113)


def make_cooked2():
    """Linux cooked capture, second version."""
    return pcap(every(1 * MS, [cooked(*p, v2=True) for p in a_talk()]), 276)


def make_raw():
    """No link header, both versions of IP; nanoseconds, big-endian."""
    packets = [p for _, p in a_talk()] + dns_pair(
        5, 'raw.example.com', 1, [(1, B4)], a=A6, b=B6) + [b'', b'\x50']
    return pcap(every(1 * MS + 1, packets), 101, '>', True)


def make_loopback():
    """BSD loopback: the family in the order of who captured."""
    packets = [struct.pack('<I', 2) + p for _, p in a_talk()]
    packets += [struct.pack('>I', 30) + p for p in dns_pair(
        6, 'loop.example.com', 1, [(1, B4)], a=A6, b=B6)]
    return pcap(every(1 * MS, packets + [b'\0\0', struct.pack('<I', 77)]), 0)


def make_pcapng():
    """Interfaces of several link types and resolutions of time, blocks that
    nobody knows, options, simple and old packets, and a second section of the
    other byte order."""
    ng = Ng()
    ng.section()
    ng.interface(1)
    ng.interface(101, 0, ng.option(9, b'\x09') + ng.option(0, b''))
    ng.interface(113, 0, ng.option(9, bytes([0x80 | 20]))
                 + ng.option(14, struct.pack('<q', 3600)) + ng.option(0, b''))
    ng.interface(105)
    ng.block(0x0bad, bytes(1000))
    packets = a_talk()
    for i, (side, p) in enumerate(packets):
        time = START + i * MS
        if i % 3 == 0:
            ng.packet(0, time // 1000, eth(p), ng.option(1, b'a comment'))
        elif i % 3 == 1:
            ng.packet(1, time, p)
        else:
            ng.packet(2, ((time - 3600 * SECOND) << 20) // SECOND + 1,
                      cooked(side, p))
    ng.simple(eth(dns_pair(7, 'simple.example.com', 1)[0]))
    ng.block(5, bytes(16))
    ng.order = '>'
    ng.section()
    ng.interface(1)
    time = START + 20 * MS
    ng.old_packet(0, time // 1000,
                  eth(dns_pair(7, 'simple.example.com', 1, [(1, A4)])[1]))
    return ng.out


def make_truncated():
    """Captured with 80 bytes a packet."""
    talk = Talk(A4, B4, 50200, 80)
    talk.open()
    talk.exchange(b'GET /' + b'a' * 400 + b' HTTP/1.1\r\nHost: b\r\n\r\n',
                  b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n'
                  + bytes(900))
    talk.close()
    frames = talk.frames() + [eth(p) for p in dns_pair(
        8, 'a-name-that-is-longer-than-the-packet.example.com', 1)]
    return pcap(every(1 * MS, frames), snaplen=80)


def make_damaged():
    """The length of the fourth packet cannot be."""
    whole = bytearray(make_http())
    at = 24
    for _ in range(3):
        at += 16 + struct.unpack_from('<I', whole, at + 8)[0]
    struct.pack_into('<I', whole, at + 8, 0x7fffffff)
    return bytes(whole)


def make_cut():
    """pcapng that ends inside a packet."""
    return make_pcapng()[:-50]


def make_times():
    """A connection that is idle for too long and goes on, one that lasts
    longer than the time between two reports, packets that are a little older
    than the one before, and then a clock that was set back by an hour."""
    def one(port, i):
        return eth(ip4(A4, B4, 17, udp(A4, B4, port, 9, bytes(i % 7))))

    packets = [(START, one(1, 0)), (START + 5 * MS, one(1, 1)),
               (START + 100 * SECOND, one(1, 2))]
    at = START + 101 * SECOND
    packets += [(at + i * 10 * SECOND, one(2, i)) for i in range(20)]
    at += 200 * SECOND
    packets += [(at + (i ^ 1) * 3 * MS, one(3, i)) for i in range(8)]
    packets += [(START - 3600 * SECOND + i * MS, one(2, i)) for i in range(4)]
    return pcap(packets, nano=True)


def make_1970():
    """A clock that was never set."""
    return pcap(every(400 * MS, [eth(p) for p in dns_pair(
        1, 'old.example.com', 1, [(1, A4)])], 0))


def make_empty():
    """No packet."""
    return pcap([])


def captures(top):
    """Each capture: the name of its folder, its bytes."""
    for name, function in sorted(globals().items()):
        if name.startswith('make_'):
            yield name[len('make_'):], function()
    yield from dialogs.captures(top)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    top = sys.argv[1] if len(sys.argv) > 1 else here
    for name, data in captures(here):
        folder = os.path.join(top, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, 'input.pcap'), 'wb') as f:
            f.write(data)


if __name__ == '__main__':
    main()
