#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Traffic that no ordinary client makes, for the system tests.

    traffic.py serve PORT [ADDRESS]     echo by TCP and UDP until killed
    traffic.py tcp HOST PORT [BYTES [SECONDS [LOCAL-PORT]]]
                        send BYTES, read them back, stay open for SECONDS or
                        until SIGTERM
    traffic.py tls PORT CERTIFICATE KEY
                        a TLS server; many at a time, so that one which hangs
                        holds up nobody
    traffic.py udp HOST PORT [COUNT [SIZE [LOCAL-PORT]]]
                        COUNT datagrams, each echoed; one that goes missing
                        is not sent again; prints how many came back
    traffic.py connections HOST PORT COUNT [PARALLEL]
                        COUNT short TCP connections
    traffic.py pages HOST PORT SECONDS  one page by HTTP a connection
    traffic.py frames IFACE SEED COUNT [MAC]
                        raw frames: odd, cut, false and fragmented ones,
                        to MAC (default: broadcast)
    traffic.py flood IFACE MAC HOST SECONDS PORT [PORT]...
                        UDP frames of 64 bytes, each of another connection,
                        to the ports in turn, for so long or until SIGTERM;
                        prints how many
    traffic.py sink PORT
                        takes datagrams until SIGTERM; prints how many
    traffic.py steady HOST PORT SECONDS
                        a datagram each 20 ms, for so long or until SIGTERM;
                        prints how many were echoed and the longest gap in ms
"""
import errno
import random
import signal
import socket
import ssl
import struct
import sys
import threading
import time


def family(host):
    return socket.AF_INET6 if ':' in host else socket.AF_INET


def serve(port, address='::'):
    port = int(port)
    if address == '::' and not socket.has_dualstack_ipv6():
        address = '0.0.0.0'
    udp = socket.socket(family(address), socket.SOCK_DGRAM)
    if address == '::':
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    udp.bind((address, port))
    tcp = socket.create_server((address, port), family=family(address),
                               backlog=1024,
                               dualstack_ipv6=address == '::')

    def echo_udp():
        while True:
            try:
                data, peer = udp.recvfrom(65535)
                udp.sendto(data, peer)
            except OSError:     # There is no way, or no room: it is lost.
                pass

    def echo(s):
        with s:
            try:
                while data := s.recv(65536):
                    s.sendall(data)
            except OSError:
                pass

    threading.Thread(target=echo_udp, daemon=True).start()
    while True:
        s, _ = tcp.accept()
        threading.Thread(target=echo, args=(s,), daemon=True).start()


def tcp(host, port, size='1000', seconds='0', local_port='0'):
    stop = float(seconds) and Stop()
    s = socket.socket(family(host), socket.SOCK_STREAM)
    s.settimeout(20)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('', int(local_port)))
    s.connect((host, int(port)))
    size = int(size)

    def send():
        left = size
        while left:
            n = s.send(b'x' * min(left, 65536))
            left -= n

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    got = 0
    while got < size:
        data = s.recv(65536)
        if not data:
            sys.exit('closed early')
        got += len(data)
    ends = time.monotonic() + float(seconds)
    while not stop and (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
    s.shutdown(socket.SHUT_WR)
    s.recv(1)
    s.close()


def tls(port, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(['h2', 'http/1.1'])
    listener = socket.create_server(('::', int(port)), family=socket.AF_INET6,
                                    backlog=128, dualstack_ipv6=True)

    def answer(s):
        try:
            with context.wrap_socket(s, server_side=True) as t:
                while data := t.recv(65536):
                    t.sendall(data)
        except OSError:
            pass

    while True:
        s, _ = listener.accept()
        s.settimeout(10)
        threading.Thread(target=answer, args=(s,), daemon=True).start()


def udp(host, port, count='10', size='100', local_port='0'):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.bind(('', int(local_port)))
    s.settimeout(1)
    s.connect((host, int(port)))
    answered = 0
    for i in range(int(count)):
        try:
            s.send(struct.pack('!I', i) + b'u' * (int(size) - 4))
            s.recv(65535)
            answered += 1
        except OSError:
            pass
    # What a busy machine has handed over too late.
    try:
        while answered < int(count):
            s.recv(65535)
            answered += 1
    except OSError:
        pass
    print(answered)


def pages(host, port, seconds):
    end = time.monotonic() + float(seconds)
    request = f'GET /page HTTP/1.0\r\nHost: {host}\r\n\r\n'.encode()
    while time.monotonic() < end:
        with socket.create_connection((host, int(port)), 30) as s:
            s.sendall(request)
            while s.recv(65536):
                pass


def connections(host, port, count, parallel='8'):
    left = iter(range(int(count)))
    failed = []

    def work():
        for _ in left:
            try:
                with socket.create_connection((host, int(port)), 30) as s:
                    s.sendall(b'hello')
                    s.recv(5)
            except OSError as e:
                failed.append(e)

    class Locked:
        lock = threading.Lock()

        def __init__(self, it):
            self.it = it

        def __iter__(self):
            return self

        def __next__(self):
            with self.lock:
                return next(self.it)

    left = Locked(left)
    threads = [threading.Thread(target=work) for _ in range(int(parallel))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        sys.exit(f'{len(failed)} failed: {failed[0]}')


class Stop:
    """True once SIGTERM has come."""

    def __init__(self):
        self.came = False
        signal.signal(signal.SIGTERM, self.note)

    def note(self, *_):
        self.came = True

    def __bool__(self):
        return self.came


def flood(iface, mac, host, seconds, *ports):
    stop = Stop()
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((iface, 0))
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 46, 0xffff, 0, 64, 17, 0,
                     bytes([10, 1, 0, 0]), socket.inet_aton(host))
    ip = ip[:10] + struct.pack('!H', checksum(ip)) + ip[12:]
    frames = [bytearray(bytes.fromhex(mac.replace(':', ''))
                        + s.getsockname()[4] + b'\x08\x00' + ip
                        + struct.pack('!HHHH', 0, int(port), 26, 0)
                        + bytes(18)) for port in ports]
    source = struct.Struct('!H')
    end = time.monotonic() + float(seconds)
    sent = 0
    while not stop and time.monotonic() < end:
        for _ in range(64):
            frame = frames[sent % len(frames)]
            address = sent // len(frames) & 0xffff
            # The identification makes up for the address.
            source.pack_into(frame, 18, 0xffff - address)
            source.pack_into(frame, 28, address)
            source.pack_into(frame, 34, 1024 + (sent >> 16) % 60000)
            try:
                s.send(frame)
            except OSError:     # No room: it is not sent.
                time.sleep(0.0005)
                continue
            sent += 1
    print(sent)


def sink(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    s.bind(('', int(port)))
    got = 0

    def end(*_):
        print(got, flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    while True:
        s.recv(2048)
        got += 1


def steady(host, port, seconds):
    stop = Stop()
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.settimeout(0)
    s.connect((host, int(port)))
    sent = got = 0
    longest = 0.0
    begin = last = time.monotonic()
    following = begin
    while not stop and time.monotonic() - begin < float(seconds):
        try:
            s.send(b'tick')
        except OSError:         # Of an earlier one, or no room: it is lost.
            pass
        sent += 1
        following += 0.02
        while (now := time.monotonic()) < following:
            try:
                s.recv(100)
                got += 1
                longest = max(longest, now - last)
                last = now
            except OSError:
                time.sleep(0.001)
    longest = max(longest, time.monotonic() - last)
    # A busy machine is late in handing over what has arrived.
    s.settimeout(2)
    try:
        while got < sent:
            s.recv(100)
            got += 1
    except OSError:
        pass
    print(sent, got, round(longest * 1000))


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip4(rng, proto, payload, flags=0, ident=None, length=None, ihl=5):
    ident = rng.randrange(65536) if ident is None else ident
    options = b'\x01' * (4 * max(ihl - 5, 0))
    head = struct.pack('!BBHHHBBH4s4s', 0x40 | ihl & 15, 0,
                       20 + len(options) + len(payload)
                       if length is None else length,
                       ident, flags, 64, proto, 0,
                       bytes([198, 18, 0, rng.randrange(1, 5)]),
                       bytes([198, 18, 1, rng.randrange(1, 5)])) + options
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + payload


def frames(iface, seed, count, mac='ff:ff:ff:ff:ff:ff'):
    rng = random.Random(int(seed))
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((iface, 0))
    mine = s.getsockname()[4]
    ether = bytes.fromhex(mac.replace(':', '')) + mine
    sent = octets = 0

    def send(kind, body):
        nonlocal sent, octets
        frame = (ether + kind + body)[:1500]
        while True:
            try:
                s.send(frame)
                break
            except OSError as e:
                if e.errno != errno.ENOBUFS:
                    raise
                time.sleep(0.001)       # No room: it was not sent.
        sent += 1
        octets += len(frame)

    udp_head = struct.pack('!HHHH', 1000 + rng.randrange(100), 53, 1400, 0)
    for i in range(int(count)):
        what = rng.randrange(11)
        junk = rng.randbytes(rng.randrange(0, 200))
        if what == 0:           # A protocol that nobody knows.
            send(b'\x88\xb5', junk)
        elif what == 1:         # IPv4, cut anywhere.
            send(b'\x08\x00', ip4(rng, 17, udp_head + junk)[
                :rng.randrange(0, 40)])
        elif what == 2:         # IPv4 that lies about its length.
            send(b'\x08\x00', ip4(rng, 6, junk, length=rng.randrange(65536)))
        elif what == 3:         # IPv4 with a header length of 0 to 15 words.
            send(b'\x08\x00', ip4(rng, 17, udp_head + junk,
                                  ihl=rng.randrange(16)))
        elif what == 4:         # IPv6, cut or junk.
            send(b'\x86\xdd', (b'\x60' + rng.randbytes(60))[
                :rng.randrange(0, 60)])
        elif what == 5:         # ARP, whole or cut.
            send(b'\x08\x06', (b'\x00\x01\x08\x00\x06\x04\x00\x01'
                               + rng.randbytes(20))[:rng.randrange(0, 29)])
        elif what == 6:         # Two fragments, sometimes the first is lost.
            ident = rng.randrange(65536)
            if rng.randrange(3):
                send(b'\x08\x00', ip4(rng, 17, udp_head + bytes(800),
                                      0x2000, ident))
            send(b'\x08\x00', ip4(rng, 17, bytes(592), 101, ident))
        elif what == 7:         # TCP with a false data offset.
            send(b'\x08\x00', ip4(rng, 6, struct.pack(
                '!HHIIBBHHH', 5, rng.randrange(1, 99), 0, 0,
                rng.randrange(16) << 4, rng.randrange(64), 0, 0, 0) + junk))
        elif what == 8:         # Another protocol over IPv4.
            send(b'\x08\x00', ip4(rng, rng.choice([47, 50, 89, 132, 253]),
                                  junk))
        elif what == 9:         # An old LLC frame.
            send(struct.pack('!H', len(junk)), junk)
        else:                   # TCP SYNs from many.
            send(b'\x08\x00', ip4(rng, 6, struct.pack(
                '!HHIIBBHHH', rng.randrange(1024, 65536), 80,
                rng.randrange(1 << 32), 0, 0x50, 2, 1024, 0, 0)))
        if i % 64 == 63:
            time.sleep(0.002)   # The switch's socket holds so many.
    print(sent, octets)


def main():
    commands = {f.__name__: f for f in (serve, tcp, tls, udp, pages,
                                        connections, frames, flood, sink,
                                        steady)}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__.strip())
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == '__main__':
    main()
