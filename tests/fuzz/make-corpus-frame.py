#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz-frame: conversations of Documentation/uplink.md,
and ways in which they can be wrong."""

import os
import struct
import sys

HELLO, WELCOME, MESSAGE, ACK, CLOSE, LOST = range(1, 7)


def frame(kind, body):
    return struct.pack('>BBHI', kind, 0, 0, len(body)) + body


def hello(form, sensor, uplink, version=1, upcoming=1):
    return frame(HELLO, struct.pack('>HBBIQB', version, form, 0, 0x5eed0001,
                                    upcoming, len(sensor)) +
                 sensor + bytes([len(uplink)]) + uplink)


def message(first, count, data, floor=1, incarnation=0x5eed0001):
    return frame(MESSAGE, struct.pack('>IIQQ', incarnation, count, first,
                                      floor) + data)


def ack(first, count, incarnation=0x5eed0001):
    return frame(ACK, struct.pack('>IIQ', incarnation, count, first))


def lost(first, count, incarnation=0x5eed0001):
    return frame(LOST, struct.pack('>IIQQ', incarnation, 0, first, count))


LINE = b'{"event_type":"flow","inspect":{"sensor":"host-1"}}\n'
IPFIX = struct.pack('>HHIII', 10, 16, 1764000000, 0, 0)

SEEDS = {
    'sensor-json': hello(1, b'host-1', b'soc') + message(1, 1, LINE) +
                   message(2, 3, 3 * LINE) + lost(5, 1 << 40),
    'sensor-ipfix': hello(0, 'h\u00f6st'.encode(), b'soc', upcoming=9) +
                    message(9, 0, IPFIX) + message(9, 2, 2 * IPFIX, floor=9),
    'collector': frame(WELCOME, struct.pack('>HHI', 1, 0, 1 << 20)) +
                 ack(1, 1) + ack(2, 3) +
                 frame(CLOSE, b'the token of host-1 is revoked'),
    'wrong-names': hello(1, b'a\nb', b'soc') + hello(1, b'', b'soc') +
                   hello(1, b'host-1', b'\xff'),
    'wrong-runs': message(0, 1, LINE) + message(2 ** 64 - 1, 1, LINE) +
                  message(1, 99999, LINE) + message(4, 1, LINE, floor=5) +
                  lost(1, 2 ** 64 - 1) + lost(0, 1) + ack(1, 0),
    'wrong-sizes': hello(1, b'host-1', b'soc')[:8] + frame(ACK, b'') +
                   frame(LOST, bytes(25)) + frame(CLOSE, b'a\x1b[31m\nb' * 99) +
                   struct.pack('>BBHI', MESSAGE, 0, 0, 128 * 1024 + 1),
}


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])),
                          'corpus', 'frame')
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), 'wb') as seed:
            seed.write(data)


if __name__ == '__main__':
    main()
