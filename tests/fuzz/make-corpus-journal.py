#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz-journal: files of the collector's journal, whole
and damaged, and operations on sets of numbers."""

import os
import sys


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def block(kind, numbers, lines=b'', sensor='host-1', uplink='soc', floor=1):
    head = (f'{{"journal":{{"sensor":"{sensor}","uplink":"{uplink}",'
            f'"incarnation":7,"floor":{floor},"{kind}":'
            f'[{",".join(map(str, numbers))}],"bytes":{len(lines)},').encode()
    crc = crc32c(head + lines)
    return head + f'"crc32c":"{crc:08x}"}}}}\n'.encode() + lines


LINE = b'{"event_type":"flow","inspect":{"sensor":"host-1"}}\n'
BEGIN = block('totals', [9, 1, 0]) + block('covered', [1, 10]) + \
    block('checkpoint', [1], sensor='', uplink='')
WHOLE = BEGIN + block('records', [11, 2], 2 * LINE) + \
    block('lost', [13, 4]) + block('records', [0, 1], LINE, uplink='')

SEEDS = {
    'whole': WHOLE,
    'cut': WHOLE[:-20],
    'damaged': WHOLE[:300] + b'?' + WHOLE[301:],
    'zeros': BEGIN + bytes(64) + block('records', [11, 1], LINE),
    'escapes': block('records', [1, 1], LINE, sensor='a\\"b\\\\c\u00e4'),
    'numbers': BEGIN.replace(b'"floor":1', b'"floor":99999999999999999999999'),
    'set': b'i' + bytes(range(1, 200, 3)) + bytes(range(200, 0, -7)),
}


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])),
                          'corpus', 'journal')
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), 'wb') as seed:
            seed.write(data)


if __name__ == '__main__':
    main()
