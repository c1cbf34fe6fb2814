#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the seeds of tests/fuzz/corpus/app-tls, app-dtls and app-quic.

    make-corpus-tls.py [FOLDER]

The handshakes are those of tests/unit/hellos.h.  A dialog is a list of (side,
bytes); fuzz-app.c says how it is written.  Packets of QUIC are encrypted with
openssl(1).  Their frames begin with PADDING that is as long as the sample of
header protection, so that what a fuzzer changes behind it changes frames.  The
seeds are committed; run this after adding one.
"""
import hashlib
import hmac
import os
import re
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TCP, UDP = 0, 1


def hellos():
    """The definitions of hellos.h: name -> bytes."""
    with open(os.path.join(HERE, '..', 'unit', 'hellos.h')) as f:
        text = f.read().replace('\\\n', ' ')
    found = {}
    for name, value in re.findall(r'^#define (HELLO_\w+) +(.*)$', text, re.M):
        digits = ''
        for quoted, other in re.findall(r'"([0-9a-f]*)"|(HELLO_\w+)', value):
            digits += quoted or found[other].hex()
        found[name] = bytes.fromhex(digits)
    return found


H = hellos()


def be(value, size):
    return value.to_bytes(size, 'big')


# TLS.

def messages(records):
    """The messages in records of the handshake: (type, body)."""
    stream, at = b'', 0
    while at < len(records) and records[at] == 22:
        size = int.from_bytes(records[at + 3:at + 5], 'big')
        stream += records[at + 5:at + 5 + size]
        at += 5 + size
    found = []
    while stream:
        size = int.from_bytes(stream[1:4], 'big')
        found.append((stream[0], stream[4:4 + size]))
        stream = stream[4 + size:]
    return found


def message(kind, body):
    return be(kind, 1) + be(len(body), 3) + body


def records(stream, size):
    return b''.join(b'\x16\x03\x01' + be(len(stream[i:i + size]), 2)
                    + stream[i:i + size] for i in range(0, len(stream), size))


def recut(said, size):
    return records(b''.join(message(*m) for m in messages(said)), size)


RANDOM = bytes(range(32))
RETRY = hashlib.sha256(b'HelloRetryRequest').digest()
ALERT = bytes.fromhex('15030300020228')


def extension(kind, content):
    return be(kind, 2) + be(len(content), 2) + content


def listed(content, size=2):
    return be(len(content), size) + content


def post_quantum(size):
    key = bytes(i & 0xff for i in range(size))
    extensions = (
        extension(0x1a1a, b'')
        + extension(0x2b, bytes.fromhex('062a2a03040303'))
        + extension(0, listed(b'\0' + listed(b'pq.example')))
        + extension(16, listed(b'\2h2\x08http/1.1'))
        + extension(51, listed(be(0x11ec, 2) + listed(key)))
        + extension(0xfe0d, b'\0\1\0\1')
        + extension(10, listed(be(0x11ec, 2)))
        + extension(11, b'\1\0')
        + extension(13, listed(bytes.fromhex('04030804')))
        + extension(57, bytes.fromhex('7129') + listed(b'agent 1', 1)))
    return (b'\3\3' + RANDOM + b'\0' + listed(bytes.fromhex('3a3a13011302'))
            + b'\1\0' + listed(extensions))


SSL2 = bytes.fromhex('802e010301001500000010000004010080'
                     '00000a0000050700c00600400000ff') + bytes(range(16))

TLS = {
    'tls13': [(0, H['HELLO_13_CLIENT']), (1, H['HELLO_13_SERVER'])],
    'tls12': [(0, H['HELLO_12_CLIENT']), (1, H['HELLO_12_SERVER'])],
    'tls12-again': [(0, H['HELLO_12_AGAIN_CLIENT']),
                    (1, H['HELLO_12_AGAIN_SERVER'])],
    'tls10': [(0, H['HELLO_10_CLIENT']), (1, H['HELLO_10_SERVER'])],
    'records': [(0, recut(H['HELLO_12_CLIENT'], 7)),
                (1, recut(H['HELLO_12_SERVER'], 50))],
    'post-quantum': [(0, records(message(1, post_quantum(1184))[:900], 16000)),
                     (0, records(message(1, post_quantum(1184))[900:], 500)),
                     (1, ALERT)],
    'retry': [(0, H['HELLO_13_CLIENT']),
              (1, records(message(2, b'\3\3' + RETRY + bytes.fromhex(
                  '00130200000c002b00020304003300020017')), 16000)
               + bytes.fromhex('140303000101')),
              (0, H['HELLO_13_CLIENT']), (1, H['HELLO_13_SERVER'])],
    'ssl2': [(0, SSL2), (1, bytes.fromhex(
        '8013040000000200000000001001020304050607080a'))],
}


# DTLS.

def datagram_body(kind, body):
    """The body of a message of TLS 1.2, in DTLS 1.2."""
    if kind == 11:
        return body
    head = 35 + body[34]
    return (b'\xfe\xfd' + body[2:head] + (b'\0' if kind == 1 else b'')
            + body[head:])


def fragment(kind, number, body, start=0, end=None, sequence=0):
    part = body[start:end]
    return (b'\x16\xfe\xfd' + be(sequence, 8) + be(12 + len(part), 2)
            + be(kind, 1) + be(len(body), 3) + be(number, 2) + be(start, 3)
            + be(len(part), 3) + part)


def fragments(kind, number, body, step):
    return [fragment(kind, number, body, i, i + step, i)
            for i in range(0, len(body), step)]


CLIENT = datagram_body(*messages(H['HELLO_12_CLIENT'])[0])
SERVER = datagram_body(*messages(H['HELLO_12_SERVER'])[0])
LEAF = messages(H['HELLO_12_SERVER'])[1][1]
VERIFY = fragment(3, 0, b'\xfe\xfd\0')
CLIENT_13 = (b'\xfe\xfd' + RANDOM + bytes.fromhex(
    '000000021301010000 09002b000504fefcfefd'))
SERVER_13 = b'\xfe\xfd' + RANDOM + bytes.fromhex('00130100 0006002b0002fefc')

DTLS = {
    'flight': [(0, fragment(1, 0, CLIENT)), (1, VERIFY),
               (0, fragment(1, 1, CLIENT, sequence=1)),
               (1, fragment(2, 1, SERVER, sequence=1)
                + fragment(11, 2, LEAF, sequence=2))],
    'fragments': [(0, f) for f in fragments(1, 0, CLIENT, 60)]
    + [(1, f) for f in fragments(2, 0, SERVER, 60)]
    + [(1, f) for f in fragments(11, 1, LEAF, 200)],
    'backwards': [(0, f) for f in reversed(fragments(1, 0, CLIENT, 60))]
    + [(1, f) for f in reversed(fragments(11, 1, LEAF, 200))]
    + [(1, f) for f in reversed(fragments(2, 0, SERVER, 60))],
    'dtls13': [(0, fragment(1, 0, CLIENT_13)), (1, fragment(2, 0, SERVER_13))],
    'alert': [(0, fragment(1, 0, CLIENT)),
              (1, b'\x15\xfe\xfd' + be(0, 8) + b'\0\2\2\x46')],
}


# QUIC.

SALT = {
    1: '38762cf7f55934b34d179ae6a4c80cadccbb7f0a',
    0x6b3343cf: '0dede3def700a6db819381be6e269dcbf9bd2ed9',
}
V1, V2 = SALT
CID = bytes.fromhex('8394c8f03e515708')
OTHER = bytes.fromhex('f067a5502a4262b5')


def hkdf(secret, label, size):
    label = b'tls13 ' + label
    return hmac.new(secret, be(size, 2) + be(len(label), 1) + label + b'\0\1',
                    'sha256').digest()[:size]


def aes(mode, key, text, *rest):
    return subprocess.run(['openssl', 'enc', '-aes-128-' + mode, '-nopad',
                           '-K', key.hex(), *rest], input=text, check=True,
                          stdout=subprocess.PIPE).stdout


def times(a, b):
    """The product in the field of GCM (NIST SP 800-38D, section 6.3)."""
    product = 0
    for i in range(128):
        if a >> 127 - i & 1:
            product ^= b
        b = b >> 1 ^ (0xe1 << 120 if b & 1 else 0)
    return product


def gcm(key, nonce, text, head):
    """The text encrypted, and the tag of both (NIST SP 800-38D, section 7)."""
    sealed = aes('ctr', key, bytes(16) + text, '-iv',
                 (nonce + be(1, 4)).hex())
    first, sealed = sealed[:16], sealed[16:]
    factor, sums = int.from_bytes(aes('ecb', key, bytes(16)), 'big'), 0
    blocks = (head + bytes(-len(head) % 16) + sealed
              + bytes(-len(sealed) % 16) + be(8 * len(head), 8)
              + be(8 * len(sealed), 8))
    for at in range(0, len(blocks), 16):
        sums = times(sums ^ int.from_bytes(blocks[at:at + 16], 'big'), factor)
    return sealed + be(sums ^ int.from_bytes(first, 'big'), 16)


def initial(frames, number=0, version=V1, cid=CID, server=False, token=b'',
            size=0):
    """An Initial packet (RFC 9001, section 5)."""
    name = b'quicv2 ' if version == V2 else b'quic '
    secret = hmac.new(bytes.fromhex(SALT[version]), cid, 'sha256').digest()
    secret = hkdf(secret, b'server in' if server else b'client in', 32)
    iv = int.from_bytes(hkdf(secret, name + b'iv', 12), 'big') ^ number
    frames = bytes(18) + frames
    frames += bytes(max(0, size - len(frames)))
    first = 0xc1 | (0x10 if version == V2 else 0)
    # Who answers goes by the name that the client chose, and needs none.
    ids = b'\0' + listed(cid, 1) if server else listed(cid, 1) + b'\0'
    rest = (be(version, 4) + ids + be(0x4000 | len(token), 2) + token
            + be(0x4000 | 2 + len(frames) + 16, 2))
    sealed = gcm(hkdf(secret, name + b'key', 16), be(iv, 12), frames,
                 be(first, 1) + rest + be(number, 2))
    mask = aes('ecb', hkdf(secret, name + b'hp', 16), sealed[2:18])
    return (be(first ^ mask[0] & 15, 1) + rest
            + be(number ^ int.from_bytes(mask[1:3], 'big'), 2) + sealed)


def retry(token, cid, original):
    """Asks for the token, to be sent to this name (RFC 9001, section 5.8)."""
    packet = b'\xff' + be(V1, 4) + b'\0' + listed(cid, 1) + token
    return packet + gcm(bytes.fromhex('be0c690b9f66575a1d766b54e368c84e'),
                        bytes.fromhex('461599d35d632bf2239825bb'), b'',
                        listed(original, 1) + packet)


def crypto(stream, start, end):
    part = stream[start:end]
    return b'\6' + be(0x4000 | start, 2) + be(0x4000 | len(part), 2) + part


HELLO = H['HELLO_QUIC_CRYPTO'][4:]
ANSWER = b'\2\0\0\0\0' + crypto(message(2, b'\3\3' + RANDOM + bytes.fromhex(
    '00130100 000c 002b00020304 003300020017'.replace(' ', ''))), 0, None)
LONG = message(1, post_quantum(1184))
ORDER = [8, 1, 4, 7, 0, 3, 2, 5, 6]


def dealt(which):
    step = (len(LONG) + len(ORDER) - 1) // len(ORDER)
    return b'\1'.join(crypto(LONG, i * step, (i + 1) * step) for i in which)


def both(cid, first, *more, version=V1):
    """What is asked, frames, each in an Initial packet; and the answer."""
    return [(0, initial(frames, number, version, cid, size=1200))
            for number, frames in enumerate((first, *more))] + [
                (1, initial(ANSWER, version=version, cid=cid, server=True))]


def named(number):
    """Each connection has a name of its own."""
    return CID[:7] + be(number, 1)


QUIC = {
    'v1': both(CID, crypto(HELLO, 0, None)),
    'v2': both(named(2), crypto(HELLO, 0, None), version=V2),
    'scattered': both(named(3), dealt(ORDER[:5]), dealt(ORDER[5:])),
    'retry': [(0, initial(crypto(HELLO, 0, None), cid=named(4))),
              (1, retry(b'token', OTHER, named(4))),
              (0, initial(crypto(HELLO, 0, None), 1, cid=OTHER,
                          token=b'token')),
              (1, initial(ANSWER, cid=OTHER, server=True))],
    'versions': [(0, b'\xca\xaa\xaa\xaa\xaa' + listed(named(5), 1)
                  + b'\0\0\x40'),
                 (1, b'\x80' + bytes(4) + b'\0' + listed(named(5), 1)
                  + be(0x1a2a3a4a, 4) + be(V1, 4)),
                 (0, initial(crypto(HELLO, 0, None), cid=named(6)))],
    'coalesced': [(0, initial(crypto(HELLO, 120, None), cid=named(7))
                   + b'\xd0' + be(V1, 4) + listed(named(7), 1) + b'\0\x40\x18'
                   + bytes(24)
                   + initial(crypto(HELLO, 0, 120), 1, cid=named(7))),
                  (1, initial(ANSWER, cid=named(7), server=True)),
                  (1, b'\x40' + bytes(30))],
}

SEEDS = {'tls': (TCP, TLS), 'dtls': (UDP, DTLS), 'quic': (UDP, QUIC)}


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, 'corpus')
    for reader, (proto, dialogs) in SEEDS.items():
        folder = os.path.join(top, 'app-' + reader)
        os.makedirs(folder, exist_ok=True)
        for name, dialog in dialogs.items():
            with open(os.path.join(folder, name), 'wb') as f:
                f.write(bytes([proto]) + b''.join(
                    struct.pack('>BH', side, len(said)) + said
                    for side, said in dialog))


if __name__ == '__main__':
    main()
