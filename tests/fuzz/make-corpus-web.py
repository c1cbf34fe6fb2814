#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the seeds of tests/fuzz/corpus/app-http, app-http2 and app-ssh.

    make-corpus-web.py [FOLDER]

Dialogs in the form that the top of fuzz-app.c describes; the seeds are
committed, run this after adding one.  Header blocks of HTTP/2 are those of
tests/unit/test-app-web.c.
"""
import os
import struct
import sys

LATE, FIN, CUT = 2, 4, 8


def dialog(*pieces):
    """TCP; a piece is (side, bytes) or (side, bytes, flags)."""
    out = b'\0'
    for piece in pieces:
        side, data, flags = (piece + (0,))[:3]
        out += struct.pack('>BH', side | flags, len(data)) + data
    return out


def http():
    get = (b'GET http://h.example:81/a?b=c HTTP/1.1\r\nHost: h.example\r\n'
           b'User-Agent: Mozilla/5.0\r\n folded\r\nReferer: http://r/\r\n'
           b'X-Forwarded-For: 192.0.2.1\r\n\r\n')
    ok = (b'HTTP/1.1 200 OK\r\nServer: nginx\r\n'
          b'Content-Type: text/html; charset=utf-8\r\n'
          b'Content-Length: 5\r\n\r\nhello')
    chunked = (b'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: gzip, chunked'
               b'\r\n\r\n5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n')
    yield 'pipeline', dialog(
        (0, get + b'HEAD / HTTP/1.0\n\nGET /3 HTTP/1.1\r\n\r\n'),
        (1, ok + ok[:-5] + chunked))
    yield 'post', dialog(
        (0, b'POST /f HTTP/1.1\r\nExpect: 100-continue\r\n'
            b'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n'),
        (1, b'HTTP/1.1 100 Continue\r\n\r\n'),
        (0, b'a\r\n0123456789\r\n0\r\n\r\n'),
        (1, b'HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\nto the end'),
        (1, b'.', FIN))
    yield 'connect', dialog(
        (0, b'CONNECT a:80 HTTP/1.1\r\n\r\n'),
        (1, b'HTTP/1.1 200 OK\r\n\r\n'), (0, get), (1, ok, LATE))
    yield 'upgrade', dialog(
        (0, b'GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'),
        (1, b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
            b'\r\n\x81\x05hello'))
    yield 'answers', dialog((1, ok + chunked), (0, get, LATE), (1, ok, CUT),
                            (1, ok), (0, b'GET /old\r\n'), (1, b'old', FIN))
    yield 'lengths', dialog(
        (0, b'PUT / HTTP/1.1\r\nContent-Length : 3\r\nContent-Length: 4\r\n'
            b'Transfer-Encoding:\r\n xchunked\r\n\r\nabc'),
        (1, b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
            b'ffffffffffffffff\r\n' + ok))
    yield 'long', dialog(
        (0, b'GET /' + 5000 * b'u'), (0, b' HTTP/1.1\r\nCookie: '),
        (0, 5000 * b'c' + b'\r\nHost: a\r\n\r\n'),
        (1, b'HTTP/1.1 204 ' + 5000 * b'r' + b'\r\n\r\n'))


def frame(kind, flags, stream, data=b''):
    if isinstance(data, str):
        data = bytes.fromhex(data)
    return struct.pack('>I', len(data))[1:] + struct.pack(
        '>BBI', kind, flags, stream) + data


def http2():
    hello = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(
        4, 0, 0, '00030000006400040000ffff')
    answer = frame(4, 0, 0) + frame(4, 1, 0)
    request1 = ('82048860d5485f3fe7680386418ff1e3c2e5f23a6ba0ab9ec9ae3c07817a'
                '8825b650c3abbcf2e153032a2f2a738e9d29aee30c5859572f91d35d0563')
    request3 = ('8304956272d141fc1eca245f15852a4b631b87eb1968a0ff86c15f8b1d75'
                'd0620d263d4c4d6564c140027465864d833505b11f')
    promise = '8204876109f54157221186418ff1e3c2e5f23a6ba0ab9ec9ae3c0781'
    response2 = '887686aa69d29afcff5f86497ca582211f'
    response1 = ('48826402c00f1f929d29ad171863c78f0b97c8e9ae82ae7b26635f92497c'
                 'a589d34d1f6a1271d882a60b532acf7f0f0d0135')
    response3 = '885f8b1d75d0620d263d4c4d6564'
    trailer = '40889acac8b21234da8f013040899acac8b5254207317f8394d517'
    yield 'grpc', dialog(
        (0, hello + frame(1, 4, 3, request3)), (1, answer),
        (0, frame(0, 9, 3, '02' '00000000030a0161' '0000')),
        (1, frame(1, 4, 3, response3) + frame(0, 0, 3, '00000000030a0161') +
            frame(1, 5, 3, trailer)), (1, b'', FIN))
    yield 'push', dialog(
        (0, hello + frame(1, 5, 1, request1)),
        (1, answer + frame(5, 12, 1, '0300000002' + promise + '000000') +
            frame(1, 4, 2, response2) +
            frame(1, 12, 1, '05' + response1 + 5 * '00') +
            frame(0, 1, 1, b'hello') + frame(0, 1, 2, b'x')))
    yield 'pieces', dialog(
        (0, hello), (1, answer),
        (0, frame(1, 0x21, 1, '0000000010' + request1[:31 * 2])),
        (0, frame(9, 0, 1, request1[31 * 2:44 * 2])),
        (0, frame(9, 4, 1, request1[44 * 2:]), LATE),
        (0, frame(3, 0, 1, '00000008') + frame(8, 0, 0, '00000100')))
    yield 'streams', dialog(
        (0, hello + b''.join(frame(1, 5, 2 * i + 1, '828684')
                             for i in range(12))),
        (1, answer + b''.join(frame(1, 5, 2 * i + 1, '88')
                              for i in range(12))))
    yield 'server-first', dialog(
        (1, answer + frame(1, 5, 1, response3)),
        (0, hello + frame(1, 5, 3, request1)),
        (0, frame(1, 5, 5, '3fe11f' '40' '0178' '0179' 'be' '7f00' 'ffff0f')))


def kexinit(lists, padding=4):
    body = b'\x14' + 16 * b'\xcc'
    for names in lists:
        body += struct.pack('>I', len(names)) + names
    body += 5 * b'\0'
    return struct.pack('>IB', len(body) + 1 + padding, padding) + body + (
        padding * b'\0')


def ssh():
    client = kexinit([b'curve25519-sha256,ecdh-sha2-nistp256,ext-info-c',
                      b'ssh-ed25519,rsa-sha2-512',
                      b'aes256-gcm@openssh.com,aes128-ctr', b'aes128-ctr',
                      b'hmac-sha2-256,hmac-sha1', b'hmac-md5', b'none,zlib',
                      b'zlib', b'', b''])
    server = kexinit([b'ecdh-sha2-nistp256', b'rsa-sha2-512',
                      b'aes128-ctr,aes128-cbc', b'aes256-ctr', b'hmac-sha1',
                      b'hmac-sha2-512', b'zlib,none', b'none', b'en', b''], 7)
    yield 'client-first', dialog(
        (0, b'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n' + client),
        (1, b'SSH-1.99-dropbear_2022.83\r\n'), (1, server, LATE))
    yield 'server-first', dialog(
        (1, b'Welcome\r\nSSH-2.0-x\n' + server),
        (0, b'SSH-2.0-PuTTY\r\n'), (0, client[:100]), (0, client[100:]))
    yield 'old', dialog((1, b'SSH-1.5-1.2.27\n'), (0, b'SSH-1.5-y\n'))
    yield 'other-packets', dialog(
        (0, b'SSH-2.0-a\r\n\0\0\0\x0c\x0a\x02' + 10 * b'\0' + client),
        (1, b'SSH-2.0-b\r\n' + server, CUT))


def main(folder):
    for name, seeds in (('http', http), ('http2', http2), ('ssh', ssh)):
        path = os.path.join(folder, 'app-' + name)
        os.makedirs(path, exist_ok=True)
        for seed, data in seeds():
            with open(os.path.join(path, seed), 'wb') as f:
                f.write(data)


if __name__ == '__main__':
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), 'corpus'))
