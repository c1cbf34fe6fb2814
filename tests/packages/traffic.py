#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Numbered datagrams to three ports, and how many came.

    traffic.py send ADDRESS SECONDS PORT...
    traffic.py count SECONDS FILE PORT...

The receiver rewrites FILE four times a second: "PORT N" a line; both end
before SECONDS when there is a file /srv/stop.
"""
import os
import select
import socket
import sys
import time

STOP = '/srv/stop'


def send(address, seconds, ports):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end = time.monotonic() + seconds
    n = 0
    while time.monotonic() < end and not os.path.exists(STOP):
        for port in ports:
            try:
                sock.sendto(b'%d' % n, (address, port))
            except OSError:
                pass            # Refused, or no neighbour: the next may do.
        n += 1
        time.sleep(0.005)


def count(seconds, path, ports):
    socks = {}
    for port in ports:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(('', port))
        socks[sock] = port
    came = dict.fromkeys(ports, 0)
    end = time.monotonic() + seconds
    stopping = None
    while time.monotonic() < end:
        until = time.monotonic() + 0.25
        while time.monotonic() < until:
            ready, _, _ = select.select(list(socks), [], [], 0.05)
            for sock in ready:
                sock.recv(100)
                came[socks[sock]] += 1
        with open(path + '.new', 'w') as f:
            f.writelines('%d %d\n' % pair for pair in came.items())
        os.replace(path + '.new', path)
        if stopping and time.monotonic() > stopping:
            break
        if not stopping and os.path.exists(STOP):
            stopping = time.monotonic() + 1


def main():
    if sys.argv[1] == 'send':
        send(sys.argv[2], float(sys.argv[3]), [int(p) for p in sys.argv[4:]])
    else:
        count(float(sys.argv[2]), sys.argv[3], [int(p) for p in sys.argv[4:]])


main()
