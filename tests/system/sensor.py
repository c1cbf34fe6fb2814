#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A sensor, or what calls itself one, for tests of the collector.

    sensor.py HOST:PORT --ca FILE [--cert FILE --key FILE] [OPTION]...

        --name NAME         what it says that it is called (host-1)
        --format F          ipfix (default), json, or raw: --send
        --records N         how many connection records (100)
        --first N           flow id of the first one (0)
        --connections N     so many at the same time, each with its records
        --hold SECONDS      stay connected afterwards
        --gap N             leave out so many in the sequence numbers
        --silent            connect by TCP and say nothing
        --send TEXT         send this, with escapes as Python has them

Prints "sent N", or why not.  It has an IPFIX encoder of its own, so that the
collector does not only understand its sister.  Exit status: 0; 1 when the
collector has closed the connection.
"""
import argparse
import json
import select
import socket
import ssl
import struct
import sys
import time

NTP_1970 = 2208988800
PEN = 32473

# (element, length) of a connection record; strings are of variable length.
CONNECTION = [(325, 8), (148, 8), (8, 4), (7, 2), (12, 4), (11, 2), (4, 1),
              (2, 4), (1, 4), (10, 4), (14, 4)]
IDENTITY = [(10, 4), (350, 65535), (349, 65535), (347, 65535), (82, 65535)]
EXPORTER = [(149, 4), ((PEN, 50), 65535)]


def template(number, fields, scopes=0):
    out = struct.pack('>HH', number, len(fields))
    if scopes:
        out += struct.pack('>H', scopes)
    for element, length in fields:
        if isinstance(element, tuple):
            out += struct.pack('>HHI', element[1] | 0x8000, length,
                               element[0])
        else:
            out += struct.pack('>HH', element, length)
    return out


def a_set(number, body):
    return struct.pack('>HH', number, 4 + len(body)) + body


def text(value):
    return bytes([len(value)]) + value.encode()


class Ipfix:
    def __init__(self, args):
        self.args = args
        self.sequence = 0

    def message(self, sets, n):
        body = b''.join(sets)
        out = struct.pack('>HHIII', 10, 16 + len(body), int(time.time()),
                          self.sequence, 1) + body
        self.sequence += n
        return out

    def hello(self):
        vm = struct.pack('>I', 1) + text('vm-1') + text('vm-1') + \
            text('iface-1') + text('tap1')
        return self.message([
            a_set(2, template(300, CONNECTION)),
            a_set(3, template(301, IDENTITY, 1) + template(302, EXPORTER, 1)),
            a_set(302, struct.pack('>I', 1) + text(self.args.name)),
            a_set(301, vm)], 2)

    def records(self, first, n):
        body = b''
        now = int((time.time() + NTP_1970) * 2 ** 32) & (2 ** 64 - 1)
        for i in range(first, first + n):
            body += struct.pack('>QQ4sH4sHBIIII', now, i,
                                socket.inet_aton('10.0.0.1'), 40000,
                                socket.inet_aton('10.0.0.2'), 80, 6, 3, 180,
                                1, 99)
        out = self.message([a_set(300, body)], n)
        self.sequence += self.args.gap
        return out


class Lines:
    def __init__(self, args):
        self.args = args

    def hello(self):
        return b''

    def records(self, first, n):
        return b''.join(json.dumps({
            'timestamp': '2026-01-01T00:00:00.000000+0000', 'flow_id': i,
            'event_type': 'flow', 'src_ip': '10.0.0.1', 'proto': 'TCP',
            'src_vm': {'id': 'vm-1', 'note': 'd\u00e9j\u00e0'},
            'inspect': {'sensor': self.args.name, 'inspector': 1},
        }).encode() + b'\n' for i in range(first, first + n))


def closed(sock):
    """Why the collector has closed the connection, or None."""
    try:
        sock.settimeout(0)
        if sock.recv(1) == b'':
            return 'closed'
    except (ssl.SSLWantReadError, BlockingIOError):
        return None
    except OSError as e:
        return str(e)
    finally:
        sock.settimeout(60)
    return None


def connect(args):
    host, _, port = args.target.rpartition(':')
    sock = socket.create_connection((host.strip('[]'), int(port)), 60)
    if args.silent:
        return sock
    context = ssl.create_default_context(cafile=args.ca)
    context.check_hostname = False
    if args.cert:
        context.load_cert_chain(args.cert, args.key)
    return context.wrap_socket(sock, server_hostname='localhost')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('target')
    parser.add_argument('--ca')
    parser.add_argument('--cert')
    parser.add_argument('--key')
    parser.add_argument('--name', default='host-1')
    parser.add_argument('--format', default='ipfix')
    parser.add_argument('--records', type=int, default=100)
    parser.add_argument('--first', type=int, default=0)
    parser.add_argument('--connections', type=int, default=1)
    parser.add_argument('--hold', type=float, default=0)
    parser.add_argument('--gap', type=int, default=0)
    parser.add_argument('--silent', action='store_true')
    parser.add_argument('--send')
    args = parser.parse_args()

    socks = [connect(args) for _ in range(args.connections)]
    sent = 0
    if args.send is not None:
        data = args.send.encode().decode('unicode_escape').encode('latin-1')
        socks[0].sendall(data)
    elif not args.silent:
        encoders = [(Ipfix if args.format == 'ipfix' else Lines)(args)
                    for _ in socks]
        for sock, encoder in zip(socks, encoders):
            sock.sendall(encoder.hello())
        for at in range(0, args.records, 100):
            n = min(100, args.records - at)
            for i, (sock, encoder) in enumerate(zip(socks, encoders)):
                sock.sendall(encoder.records(
                    args.first + i * args.records + at, n))
                sent += n
    ends = time.monotonic() + max(args.hold, 0.3)
    while time.monotonic() < ends:
        left = max(ends - time.monotonic(), 0)
        ready, _, _ = select.select(socks, [], [], left)
        for sock in ready:
            why = closed(sock)
            if why:
                print(f'after {sent}: {why}')
                return 1
    print('sent', sent, flush=True)
    for sock in socks:
        if isinstance(sock, ssl.SSLSocket):
            try:
                sock.settimeout(30)
                sock.unwrap()
            except OSError:
                pass
        sock.close()
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except OSError as e:
        print('failed:', e)
        sys.exit(1)
