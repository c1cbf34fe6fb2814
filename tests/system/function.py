#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A service function for the system tests, good or bad.

    function.py [OPTION]... IFACE [IFACE]

What comes in by one interface goes out by the other one; with a single
interface, back by the same.  Frames are sent as they came, so that tags and
NSH go through.

    --mark LOG        a line of JSON (as wire.py writes) for each frame
    --count FILE      counters as JSON, on SIGUSR1 and at the end
    --hold SECONDS    sends each so much later
    --hold-until FILE sends them when FILE is there
    --drop N          loses each N-th
    --duplicate       sends each twice
    --flood           sends each out of all interfaces
    --loop            sends each back by the interface that it came by
    --inject "FROM TO [KEY=VALUE]..."
                      sends frames of its own by every interface, 50 a second;
                      words as of "wire.py send"; may stand several times
    --change WHAT     dst, src (addresses), mac, port, ttl or payload
    --no-probes       loses probes
Probes are not marked, held, dropped or changed.
"""
import argparse
import heapq
import json
import os
import select
import signal
import struct
import sys
import time

sys.dont_write_bytecode = True
import wire     # noqa: E402

PROBE = b'\x88\xb5'


def fix_ip(data, at):
    if data[at] >> 4 == 4:
        data[at + 10:at + 12] = b'\0\0'
        size = 4 * (data[at] & 15)
        data[at + 10:at + 12] = struct.pack(
            '!H', wire.checksum(bytes(data[at:at + size])))


def change(what, frame):
    """A copy in which that is another; checksums of IP are right."""
    f = wire.parse(frame)
    data = bytearray(frame)
    ip = f['at'].get('ip')
    if what == 'mac':
        data[f['at']['eth'] + 4] ^= 0x55
    elif what == 'payload':
        i = frame.find(wire.MAGIC)
        if i >= 0 and len(data) > i + 20:
            data[i + 16] ^= 0xff
    elif ip is None:
        return frame
    elif what == 'ttl':
        data[ip + (8 if data[ip] >> 4 == 4 else 7)] -= 1
    elif what == 'port':
        if 'l4' in f['at']:
            data[f['at']['l4'] + 3] ^= 1
    elif data[ip] >> 4 == 4:
        data[ip + (15 if what == 'src' else 19)] ^= 0x40
    else:
        data[ip + (23 if what == 'src' else 39)] ^= 0x40
    if ip is not None:
        fix_ip(data, ip)
    return bytes(data)


class Function:
    def __init__(self, args):
        self.args = args
        self.ports = [wire.Packets(i) for i in args.iface]
        self.log = wire.Log(args.mark) if args.mark else None
        self.late = []
        self.held = []
        self.n = 0
        self.counts = {'in': [0, 0], 'out': [0, 0], 'probes': 0,
                       'injected': 0, 'dropped': 0}

    def write_counts(self):
        if self.args.count:
            with open(self.args.count, 'w', encoding='ascii') as f:
                json.dump(self.counts, f)
                f.write('\n')

    def others(self, port):
        if self.args.flood:
            return range(len(self.ports))
        if self.args.loop or len(self.ports) == 1:
            return [port]
        return [1 - port]

    def put(self, port, frame):
        for _ in range(20):
            if self.ports[port].send(frame):
                self.counts['out'][port] += 1
                break
            time.sleep(0.0005)  # Its queue is full, or the link is down.

    def give_held(self):
        if self.held and os.path.exists(self.args.hold_until):
            for port, frame in self.held:
                self.put(port, frame)
            self.held.clear()

    def take(self, port, frame):
        if frame[12:14] == PROBE:
            self.counts['probes'] += 1
            if not self.args.no_probes:
                for to in self.others(port):
                    self.ports[to].send(frame)
            return
        self.n += 1
        self.counts['in'][port] += 1
        if self.log:
            self.log.frame(self.ports[port].iface, frame)
        if self.args.drop and self.n % self.args.drop == 0:
            self.counts['dropped'] += 1
            return
        if self.args.change:
            frame = change(self.args.change, frame)
        for to in self.others(port):
            for _ in range(2 if self.args.duplicate else 1):
                if self.args.hold_until:
                    self.held.append((to, frame))
                elif self.args.hold:
                    heapq.heappush(self.late, (
                        time.monotonic() + self.args.hold, self.n, to,
                        frame))
                else:
                    self.put(to, frame)

    def inject(self, seq):
        for words in self.args.inject:
            who, to, *rest = words.split()
            for frame in wire.build(wire.options(rest), who, to, seq):
                for port in self.ports:
                    port.send(frame)
                    self.counts['injected'] += 1

    def run(self):
        following = time.monotonic()
        seq = 0
        while True:
            now = time.monotonic()
            while self.late and self.late[0][0] <= now:
                _, _, port, frame = heapq.heappop(self.late)
                self.put(port, frame)
            self.give_held()
            wait = self.late[0][0] - now if self.late else 10
            if self.held:
                wait = min(wait, 0.02)
            if self.args.inject:
                if now >= following:
                    self.inject(seq)
                    seq += 1
                    following = now + 0.02
                wait = min(wait, 0.02)
            for port in select.select(self.ports, [], [], max(wait, 0))[0]:
                for _ in range(64):
                    frame = port.receive()
                    if frame is None:
                        break
                    self.take(self.ports.index(port), frame)


def main():
    parser = argparse.ArgumentParser(
        usage=__doc__.strip(), add_help=False)
    parser.add_argument('iface', nargs='+')
    parser.add_argument('--mark')
    parser.add_argument('--count')
    parser.add_argument('--hold', type=float)
    parser.add_argument('--hold-until', metavar='FILE')
    parser.add_argument('--drop', type=int)
    parser.add_argument('--inject', action='append', default=[])
    parser.add_argument('--change', choices=('dst', 'src', 'mac', 'port',
                                             'ttl', 'payload'))
    for flag in ('duplicate', 'flood', 'loop', 'no-probes'):
        parser.add_argument('--' + flag, action='store_true')
    args = parser.parse_args()
    if len(args.iface) > 2:
        parser.error('two interfaces at the most')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    function = Function(args)
    signal.signal(signal.SIGUSR1, lambda *_: function.write_counts())
    try:
        function.run()
    except KeyboardInterrupt:
        pass
    finally:
        function.write_counts()


if __name__ == '__main__':
    main()
