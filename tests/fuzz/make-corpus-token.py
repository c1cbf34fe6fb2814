#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz-token: token files, and ways in which they can be
wrong, and the extension of a ClientHello that offers tokens."""

import os
import struct
import sys

SECRET = '2b7e151628aed2a6abf7158809cf4f3c00112233445566778899aabbccddeeff'


def offer(*identities):
    listed = b''.join(struct.pack('>H', len(i)) + i + bytes(4)
                      for i in identities)
    binders = len(identities) * (b'\x30' + bytes(48))
    return (b'\0' + struct.pack('>H', len(listed)) + listed +
            struct.pack('>H', len(binders)) + binders)


SEEDS = {
    'one': f'sensor-1:{SECRET}\n'.encode(),
    'several': (f'# Of all.\r\n\n b:c : {SECRET[:32].upper()}\t\r\n'
                f'a#2:{SECRET}\na:{SECRET}{SECRET}').encode(),
    'twice': f'a:{SECRET}\nb:{SECRET}\na:{SECRET}\n'.encode(),
    'short': f'a:{SECRET}\nb:{SECRET[:30]}\n'.encode(),
    'zeros': b'a:' + 32 * b'0',
    'words': b'a:correct horse battery staple',
    'offer': offer(b'x', b't', b's'),
    'offer-cut': offer(b'x', b's')[:-110],
}


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])),
                          'corpus', 'token')
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)


if __name__ == '__main__':
    main()
