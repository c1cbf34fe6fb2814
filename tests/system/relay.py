#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A way between two ends that a test can spoil: what a NAT does to a port,
and what a network does to a connection.

    relay.py LISTEN-HOST:PORT HOST:PORT [BYTES-A-SECOND [DELAY]]

Each connection that comes in is made again to HOST:PORT, and bytes go both
ways, so many a second (0: all), DELAY seconds later.  SIGUSR1: every way is cut (reset); SIGUSR2: nothing passes any more,
and nobody is told (half open), until the next SIGUSR2.
"""
import select
import signal
import socket
import struct
import sys
import time


def address(text):
    host, _, port = text.rpartition(':')
    return host, int(port)


class Relay:
    def __init__(self, listen, to, rate=0, delay=0):
        self.to = to
        self.rate, self.delay = float(rate), float(delay)
        self.late = []                  # (when, to, bytes), in order.
        self.pairs = {}
        self.silent = self.cut = False
        signal.signal(signal.SIGUSR1, self.on_cut)
        signal.signal(signal.SIGUSR2, self.on_silent)
        self.listener = socket.create_server(listen)    # Signals may come.

    def on_cut(self, *_):
        self.cut = True

    def on_silent(self, *_):
        self.silent = not self.silent

    def end(self, sock, reset=False):
        other = self.pairs.pop(sock, None)
        for s in (sock, other):
            if s is not None:
                if reset:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack('ii', 1, 0))
                self.pairs.pop(s, None)
                s.close()

    def accept(self):
        sock, _ = self.listener.accept()
        try:
            other = socket.create_connection(self.to, 5)
        except OSError:
            sock.close()
            return
        for s in sock, other:
            s.settimeout(5)
        self.pairs[sock], self.pairs[other] = other, sock

    def pass_on(self, to, data):
        if not self.rate and not self.delay:
            to.sendall(data)
            return
        now = time.monotonic()
        sent = max([now] + [when - self.delay for when, t, _ in self.late
                            if t is to])
        took = len(data) / self.rate if self.rate else 0
        self.late.append((sent + took + self.delay, to, data))
        self.late.sort(key=lambda x: x[0])

    def turn(self):
        if self.cut:
            self.cut = False
            for sock in list(self.pairs):
                if sock in self.pairs:
                    self.end(sock, reset=True)
        while self.late and not self.silent and \
                self.late[0][0] <= time.monotonic():
            _, to, data = self.late.pop(0)
            if to in self.pairs:
                try:
                    to.sendall(data)
                except OSError:
                    self.end(to)
        # What is on the way is bounded, as it is in a network.
        is_full = len(self.late) > 64
        socks = [] if self.silent or is_full else [self.listener, *self.pairs]
        ready, _, _ = select.select(socks, [], [],
                                    0.005 if self.late else 0.1)
        for sock in ready:
            if sock is self.listener:
                self.accept()
            elif sock in self.pairs:
                try:
                    data = sock.recv(8192)
                    if not data:
                        self.end(sock)
                        continue
                    self.pass_on(self.pairs[sock], data)
                except OSError:
                    self.end(sock)


def main():
    relay = Relay(address(sys.argv[1]), address(sys.argv[2]), *sys.argv[3:])
    while True:
        relay.turn()


if __name__ == '__main__':
    main()
