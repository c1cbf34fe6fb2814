#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A sensor that was written from Documentation/uplink.md alone.

    peer.py HOST:PORT --ca FILE --cert FILE --key FILE [OPTION]...
    peer.py --listen PORT ...         pull mode: waits for the collector

        --name NAME           sensor id (host-1)      --uplink NAME    (soc)
        --format json|ipfix   (json)                  --incarnation N  (1)
        --records N           so many, numbers 1 to N (100)
        --first N             the number of the first one (1)
        --batch N             records a message (10)
        --rate N              records a second; 0: as fast as it can (0)
        --last-alone          the last message goes when all else is
                              acknowledged
        --twice               every message goes out twice
        --shuffle             messages in an order of their own
        --lose FIRST:COUNT    these are not sent, but declared LOST
        --skip FIRST:COUNT    these are neither sent nor declared
        --holes               of N records each is a message, with a number
                              left out behind it, and the floor stays at 1
        --once                no second connection
        --no-alpn             does not offer frames: records without numbers
        --raw HEX             sends that after the WELCOME ("-": instead of
                              HELLO), prints what comes
        --log FILE            a line for every ACK and every connection

Makes a new connection whenever one breaks, sends what is not acknowledged
again, and ends when all is: "acknowledged N, connections C, acks A".  Exit
status 1: closed for good, with the reason of the CLOSE frame.
"""
import argparse
import os
import random
import select
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sensor                                               # noqa: E402

HELLO, WELCOME, MESSAGE, ACK, CLOSE, LOST = range(1, 7)


class Closed(Exception):
    pass


def frame(kind, body):
    return struct.pack('>BBHI', kind, 0, 0, len(body)) + body


def runs_without(first, count, holes):
    """The run as a list of runs in which none of the holes is."""
    at, out = first, []
    for hole, size in sorted(holes):
        if hole > at:
            out.append((at, hole - at))
        at = max(at, hole + size)
    if at < first + count:
        out.append((at, first + count - at))
    return out


class Peer:
    def __init__(self, args):
        self.args = args
        self.log = open(args.log, 'a') if args.log else None
        holes = args.lose + args.skip
        self.messages = []
        for first, count in runs_without(args.first, args.records, holes):
            for at in range(first, first + count, args.batch):
                n = min(args.batch, first + count - at)
                self.messages.append((at, n))
        if args.holes:
            self.messages = [(args.first + 2 * i, 1)
                             for i in range(args.records)]
        if args.shuffle:
            random.Random(7).shuffle(self.messages)
        self.unacknowledged = set()
        for first, count in self.messages:
            self.unacknowledged.update(range(first, first + count))
        self.unlost = set(args.lose)
        self.total = len(self.unacknowledged)
        self.connections = self.acks = 0
        self.listener = None
        if args.listen:
            self.listener = socket.create_server(('', args.listen))
        self.began = time.monotonic()

    def say(self, *words):
        if self.log:
            print(f'{time.time():.3f}', *words, file=self.log, flush=True)

    # The connection.

    def connect(self):
        args = self.args
        if self.listener:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH,
                                                 cafile=args.ca)
            context.verify_mode = ssl.CERT_REQUIRED
            self.listener.settimeout(120)
            sock, _ = self.listener.accept()
        else:
            host, _, port = args.target.rpartition(':')
            sock = socket.create_connection((host.strip('[]'), int(port)), 30)
            context = ssl.create_default_context(cafile=args.ca)
            context.check_hostname = False
        context.load_cert_chain(args.cert, args.key)
        if not args.no_alpn:
            context.set_alpn_protocols(['ovs-inspect/1'])
        sock.settimeout(30)
        try:
            self.sock = context.wrap_socket(
                sock, server_side=bool(self.listener))
        except OSError:
            sock.close()
            raise
        self.has_frames = self.sock.selected_alpn_protocol() is not None
        self.bytes = b''
        self.encoder = (sensor.Lines if args.format == 'json'
                        else sensor.Ipfix)(args)
        self.in_flight = 0
        self.connections += 1
        self.say('connected', self.sock.selected_alpn_protocol())

    def read_frame(self, timeout):
        """The next frame, or None when none comes in time."""
        while True:
            if len(self.bytes) >= 8:
                kind, _, _, size = struct.unpack('>BBHI', self.bytes[:8])
                if len(self.bytes) >= 8 + size:
                    body = self.bytes[8:8 + size]
                    self.bytes = self.bytes[8 + size:]
                    return kind, body
            self.sock.settimeout(timeout if timeout else 0.000001)
            try:
                more = self.sock.recv(65536)
            except (socket.timeout, ssl.SSLWantReadError):
                return None
            finally:
                self.sock.settimeout(30)
            if not more:
                raise ConnectionError('closed')
            self.bytes += more

    def hello(self):
        args = self.args
        name, uplink = args.name.encode(), args.uplink.encode()
        self.sock.sendall(frame(HELLO, struct.pack(
            '>HBBIQ', 1, args.format == 'json', 0, args.incarnation,
            args.first + args.records) + bytes([len(name)]) + name +
            bytes([len(uplink)]) + uplink))
        got = self.read_frame(30)
        if got is None:
            raise ConnectionError('no WELCOME')
        self.take(got)
        if got[0] != WELCOME:
            raise ConnectionError('no WELCOME')
        version, _, self.credit = struct.unpack('>HHI', got[1])
        assert version == 1

    def take(self, got):
        kind, body = got
        if kind == CLOSE:
            raise Closed(body.decode())
        if kind == ACK:
            incarnation, count, first = struct.unpack('>IIQ', body)
            assert incarnation == self.args.incarnation
            self.acks += 1
            self.unacknowledged.difference_update(range(first, first + count))
            self.unlost -= {x for x in self.unlost
                            if first <= x[0] and
                            x[0] + x[1] <= first + count}
            for number in range(first, first + count):
                self.in_flight -= self.sizes.pop(number, 0)
            self.say('ack', first, count)

    def floor(self):
        """Everything below is acknowledged, lost, or skipped."""
        if self.args.holes:
            return 1
        return min(self.unacknowledged,
                   default=self.args.first + self.args.records)

    def records(self, first, count):
        return self.encoder.records(first, count)

    def message(self, first, count):
        data = self.records(first, count)
        return frame(MESSAGE, struct.pack(
            '>IIQQ', self.args.incarnation, count, first,
            min(self.floor(), first)) + data)

    # Its life.

    def session(self):
        self.connect()
        self.sizes = {}
        if not self.has_frames:
            self.sock.sendall(self.encoder.hello())
            for first, count in self.messages:
                self.sock.sendall(self.records(first, count))
            time.sleep(0.3)
            self.unacknowledged = set()
            return
        self.hello()
        context = self.encoder.hello()
        if context:
            self.sock.sendall(frame(MESSAGE, struct.pack(
                '>IIQQ', self.args.incarnation, 0, 0, 0) + context))
        for first, count in sorted(self.unlost):
            self.sock.sendall(frame(LOST, struct.pack(
                '>IIQQ', self.args.incarnation, 0, first, count)))
        for first, count in self.messages:
            # What has been acknowledged in part goes out again as a whole:
            # the collector knows what it has.
            if self.unacknowledged.isdisjoint(range(first, first + count)):
                continue
            self.wait_for_time(first)
            while self.args.last_alone and first == self.messages[-1][0] and \
                    self.floor() < first:
                self.drain(30)
            data = self.message(first, count)
            while self.in_flight and self.in_flight + len(data) > self.credit:
                self.drain(30)
            self.sizes[first + count - 1] = len(data)
            self.in_flight += len(data)
            self.sock.sendall(data * (2 if self.args.twice else 1))
            self.drain(0)
        while self.unacknowledged or self.unlost:
            self.drain(30)

    def drain(self, timeout):
        got = self.read_frame(timeout)
        if got is None and timeout:
            raise ConnectionError('no ACK in time')
        while got:
            self.take(got)
            got = self.read_frame(0)

    def wait_for_time(self, number):
        if self.args.rate:
            due = self.began + (number - self.args.first) / self.args.rate
            while (left := due - time.monotonic()) > 0:
                ready, _, _ = select.select([self.sock], [], [], left)
                if ready:
                    self.drain(0)

    def run(self):
        while self.unacknowledged or self.unlost:
            try:
                self.session()
            except Closed as e:
                self.say('CLOSE', e)
                if self.args.once or str(e) != 'the collector ends':
                    raise
            except OSError as e:
                self.say('broken:', e)
                if self.args.once:
                    raise
                time.sleep(0.05)
        print(f'acknowledged {self.total}, connections {self.connections}, '
              f'acks {self.acks}', flush=True)
        try:
            self.sock.unwrap()
        except OSError:
            pass

    def raw(self):
        self.connect()
        data = self.args.raw
        if data.startswith('-'):
            data = data[1:]
        else:
            self.hello()
        self.sock.sendall(bytes.fromhex(data))
        while True:
            got = self.read_frame(15)
            if got is None:
                break
            print(got[0], got[1].decode(errors='replace')
                  if got[0] == CLOSE else got[1].hex(), flush=True)


def run_of(text):
    first, _, count = text.partition(':')
    return int(first), int(count)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('target', nargs='?')
    parser.add_argument('--listen', type=int)
    for name in 'ca', 'cert', 'key', 'log', 'raw':
        parser.add_argument('--' + name)
    parser.add_argument('--name', default='host-1')
    parser.add_argument('--uplink', default='soc')
    parser.add_argument('--format', default='json')
    parser.add_argument('--incarnation', type=int, default=1)
    parser.add_argument('--records', type=int, default=100)
    parser.add_argument('--first', type=int, default=1)
    parser.add_argument('--batch', type=int, default=10)
    parser.add_argument('--rate', type=float, default=0)
    parser.add_argument('--lose', type=run_of, action='append', default=[])
    parser.add_argument('--skip', type=run_of, action='append', default=[])
    parser.add_argument('--twice', action='store_true')
    parser.add_argument('--shuffle', action='store_true')
    parser.add_argument('--holes', action='store_true')
    parser.add_argument('--last-alone', action='store_true')
    parser.add_argument('--once', action='store_true')
    parser.add_argument('--no-alpn', action='store_true')
    args = parser.parse_args()
    args.gap = 0                        # For the encoder of IPFIX.
    peer = Peer(args)
    try:
        peer.raw() if args.raw else peer.run()
    except Closed as e:
        print('closed:', e)
        return 1
    except OSError as e:
        print('broken:', e)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
