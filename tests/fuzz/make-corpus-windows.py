#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the seeds of the readers of SMB, DCE/RPC, RDP, Kerberos, LDAP and NFS.

    make-corpus-windows.py [FOLDER]         seeds, below tests/fuzz/corpus
    make-corpus-windows.py --hex            the same dialogs, for unit tests

An input is described at the top of fuzz-app.c.  The dialogs are made by hand
from the specifications that the readers name.
"""
import os
import re
import struct
import sys

TCP, UDP = 0, 1


def le(fmt, *values):
    return struct.pack('<' + fmt, *values)


def be(fmt, *values):
    return struct.pack('>' + fmt, *values)


def wide(text):
    return text.encode('utf-16-le')


# --------------------------------------------------------------------------
# SMB.

def netbios(*messages):
    body = b''.join(messages)
    return be('I', len(body)) + body


def smb2(command, message, body, response=False, status=0, tree=0, session=0,
         flags=0, follows=0):
    return b'\xfeSMB' + le('HHIHHIIQIIQ', 64, 1, status, command, 1,
                           int(response) | flags, follows, message, 0xfeff,
                           tree, session) + bytes(16) + body


def chain(*messages):
    """Compound: each message is padded and says where the next one is."""
    out = b''
    for i, m in enumerate(messages):
        if i + 1 < len(messages):
            m += bytes(-len(m) % 8)
            m = m[:20] + le('I', len(m)) + m[24:]
        out += m
    return netbios(out)


def ntlm_negotiate():
    return b'NTLMSSP\0' + le('I', 1) + le('I', 0xe2088297) + bytes(16) \
        + bytes.fromhex('0601b11d0000000f')


def ntlm_challenge():
    return b'NTLMSSP\0' + le('IHHI', 2, 0, 0, 56) + le('I', 0xe2898215) \
        + bytes(range(8)) + bytes(8) + le('HHI', 0, 0, 56) \
        + bytes.fromhex('0601b11d0000000f')


def ntlm_login(user, domain, host):
    parts, at = [], 72
    for value in (b'', b'', wide(domain), wide(user), wide(host), b''):
        parts.append((len(value), at, value))
        at += len(value)
    head = b'NTLMSSP\0' + le('I', 3)
    for size, offset, _ in parts:
        head += le('HHI', size, size, offset)
    head += le('I', 0xe2888215) + bytes.fromhex('0601b11d0000000f')
    return head + b''.join(value for _, _, value in parts)


GUID = bytes(range(0x10, 0x20))
SERVER = bytes(range(0xa0, 0xb0))
FILE = bytes(range(0x01, 0x11))


def smb1(command, words, data, response=False, status=0, tree=0, user=0,
         message=0, flags2=0xc803):
    return netbios(
        b'\xffSMB' + le('BIBH', command, status, 0x98 if response else 0x18,
                        flags2) + bytes(12)
        + le('HHHH', tree, 0x1234, user, message)
        + le('B', len(words) // 2) + words + le('H', len(data)) + data)


def smb1_offer(*names):
    return smb1(0x72, b'', b''.join(b'\x02' + n + b'\0' for n in names))


def create(name, disposition=1, options=0x40):
    text = wide(name)
    return le('HBBIQQIIIIIHHII', 57, 0, 0, 2, 0, 0, 0x120089, 0, 7,
              disposition, options, 120, len(text), 0, 0) + text


def created(size, guid):
    return le('HBBIQQQQQQII', 89, 0, 0, 1, 0, 0, 0, 0, size, size, 0x20, 0) \
        + guid + le('II', 0, 0)


def smb_dialogs():
    s = 0x400000000005
    token = ntlm_login('alice', 'EXAMPLE', 'PC7')
    share = wide('\\\\fs1\\data')
    data = bytes(3000)
    yield 'smb3', TCP, [
        (0, smb1_offer(b'NT LM 0.12', b'SMB 2.002', b'SMB 2.???')),
        (1, netbios(smb2(0, 0, le('HHHH', 65, 1, 0x2ff, 0) + SERVER + le(
            'IIIIQQHHI', 1, 65536, 65536, 65536, 0, 0, 128, 0, 0), True))),
        (0, netbios(smb2(0, 1, le('HHHHI', 36, 3, 1, 0, 0) + GUID + le(
            'Q', 0) + le('HHH', 0x202, 0x210, 0x311)))),
        (1, netbios(smb2(0, 1, le('HHHH', 65, 3, 0x311, 0) + SERVER + le(
            'IIIIQQHHI', 1, 65536, 8388608, 1048576, 0, 0, 128, 0, 0),
            True))),
        (0, netbios(smb2(1, 2, le('HBBIIHHQ', 25, 0, 1, 0, 0, 88, 40, 0)
                         + ntlm_negotiate()))),
        (1, netbios(smb2(1, 2, le('HHHH', 9, 0, 72, 56) + ntlm_challenge(),
                         True, 0xc0000016, session=s))),
        (0, netbios(smb2(1, 3, le('HBBIIHHQ', 25, 0, 1, 0, 0, 88, len(token),
                                  0) + token, session=s))),
        (1, netbios(smb2(1, 3, le('HHHH', 9, 0, 72, 0), True, session=s))),
        (0, netbios(smb2(3, 4, le('HHHH', 9, 0, 72, len(share)) + share,
                         session=s))),
        (1, netbios(smb2(3, 4, le('HBBIII', 16, 1, 0, 0, 0, 0x1f01ff), True,
                         session=s, tree=7))),
        (0, netbios(smb2(5, 5, create('a\\\u00fc.txt'), session=s, tree=7))),
        (1, netbios(smb2(5, 5, created(3000, FILE), True, session=s,
                         tree=7))),
        (0, netbios(smb2(8, 6, le('HBBIQ', 49, 0, 0, 4096, 0) + FILE
                         + bytes(17), session=s, tree=7))),
        (1, netbios(smb2(8, 6, le('HBBIII', 17, 80, 0, 3000, 0, 0) + data,
                         True, session=s, tree=7))),
        (0, netbios(smb2(6, 7, le('HHI', 24, 0, 0) + FILE, session=s,
                         tree=7))),
        (1, netbios(smb2(6, 7, le('HHI', 60, 0, 0) + bytes(52), True,
                         session=s, tree=7))),
        (0, netbios(b'\xfdSMB' + bytes(32) + le('IHHQ', 100, 0, 1, s)
                    + bytes(100))),
        (1, netbios(b'\xfdSMB' + bytes(32) + le('IHHQ', 100, 0, 1, s)
                    + bytes(100))),
    ]
    name = wide('b.txt')
    yield 'compound', TCP, [
        (0, chain(smb2(5, 10, create('dir', 2, 1), session=s, tree=7),
                  smb2(17, 11, le('HBBIHHI', 33, 1, 10, 20 + len(name), 96, 0,
                                  0) + FILE + bytes(16)
                       + le('I', len(name)) + name, session=s, tree=7,
                       flags=4),
                  smb2(6, 12, le('HHI', 24, 0, 0) + FILE, session=s, tree=7,
                       flags=4))),
        (1, netbios(smb2(5, 10, le('HHI', 9, 0, 0), True, 0x103, session=s,
                         flags=2))),
        (1, chain(smb2(5, 10, created(0, FILE), True, session=s, tree=7),
                  smb2(17, 11, le('H', 2), True, session=s, tree=7),
                  smb2(6, 12, le('HHI', 60, 0, 0) + bytes(52), True,
                       session=s, tree=7))),
        (0, netbios(smb2(5, 13, create('gone'), session=s, tree=7))),
        (1, netbios(smb2(5, 13, le('HHI', 9, 0, 0), True, 0xc0000034,
                         session=s, tree=7))),
    ]
    account = b'\0' + wide('bob') + b'\0\0' + wide('WORK') + b'\0\0' \
        + wide('Unix') + b'\0\0' + wide('Samba') + b'\0\0'
    setup = le('BBHHHHIHHII', 0x75, 0, 0, 4356, 50, 0, 0, 0, 0, 0, 0x54)
    connect = le('BBHHH', 0xff, 0, 0, 0, 1)
    at = 32 + 1 + len(setup) + 2 + len(account)
    tail = le('B', 4) + connect
    path = b'\0' + bytes((at + len(tail) + 3) % 2) + wide('\\\\old\\c') \
        + b'\0\0' + b'?????\0'
    chained = setup[:2] + le('H', at) + setup[4:]
    message = smb1(0x73, chained, account, message=2)
    message += tail + le('H', len(path)) + path
    message = be('I', len(message) - 4) + message[4:]
    fid = 0x4001
    yield 'smb1', TCP, [
        (0, bytes.fromhex('8100004420') + b'EGFDCA' + b'CA' * 13 + b'\0'
         + b'\x20' + b'FAED' + b'CA' * 14 + b'\0'),
        (1, bytes.fromhex('82000000')),
        (0, smb1_offer(b'LANMAN1.0', b'NT LM 0.12')),
        (1, smb1(0x72, le('HBHHIIIIQhB', 1, 7, 50, 1, 4356, 65536, 0,
                          0xf3fd, 0, 0, 0), b'', True)),
        (0, message),
        (1, smb1(0x73, le('BBHH', 0xff, 0, 0, 0), b'\0' + wide('Windows 5.1')
                 + b'\0\0' + wide('LAN Manager') + b'\0\0', True, user=100,
                 tree=9, message=2)),
        (0, smb1(0xa2, le('BBHBHIIIQIIIIIB', 0xff, 0, 0, 0, 14, 0, 0, 0x3, 0,
                          0, 3, 5, 0x1000, 2, 0), b'\0' + wide('\\x.doc')
                 + b'\0\0', user=100, tree=9, message=3)),
        (1, smb1(0xa2, le('BBHBHIQQQQIQQHHB', 0xff, 0, 0, 0, fid, 2, 0, 0, 0,
                          0, 0x20, 0, 0, 0, 0, 0), b'', True, user=100,
                 tree=9, message=3)),
        (0, smb1(0x2f, le('BBHHIIHHHHH', 0xff, 0, 0, fid, 0, 0, 0, 0, 0, 5,
                          64), b'hello', user=100, tree=9, message=4)),
        (1, smb1(0x2f, le('BBHHHI', 0xff, 0, 0, 5, 0, 0), b'', True,
                 user=100, tree=9, message=4)),
        (0, smb1(0x04, le('HI', fid, 0), b'', user=100, tree=9, message=5)),
        (1, smb1(0x04, b'', b'', True, user=100, tree=9, message=5)),
        (0, smb1(0x06, le('H', 6), b'\x04' + b'\\y.doc\0', user=100, tree=9,
                 message=6, flags2=0x0003)),
        (1, smb1(0x06, b'', b'', True, 0x00020001, user=100, tree=9,
                 message=6, flags2=0x0003)),
    ]


# --------------------------------------------------------------------------
# DCE/RPC.

def uuid(text, order='<'):
    a, b, c, d, e = text.split('-')
    return struct.pack(order + 'IHH', int(a, 16), int(b, 16), int(c, 16)) \
        + bytes.fromhex(d + e)


NDR = '8a885d04-1ceb-11c9-9fe8-08002b104860'
SAMR = '12345778-1234-abcd-ef00-0123456789ac'


def rpc(kind, call, body, flags=3, order='<', auth=b''):
    return struct.pack('BBBB', 5, 0, kind, flags) \
        + (b'\x10\0\0\0' if order == '<' else bytes(4)) \
        + struct.pack(order + 'HHI', 16 + len(body) + len(auth),
                      max(0, len(auth) - 8), call) + body + auth


def rpc_bind(order, *interfaces):
    body = struct.pack(order + 'HHIBBBB', 4280, 4280, 0, len(interfaces), 0,
                       0, 0)
    for i, (name, major, minor) in enumerate(interfaces):
        body += struct.pack(order + 'HBB', i, 1, 0) + uuid(name, order) \
            + struct.pack(order + 'I', minor << 16 | major) \
            + uuid(NDR, order) \
            + struct.pack(order + 'I', 2)
    return body


def rpc_ack(order, port, *results):
    text = port + b'\0'
    body = struct.pack(order + 'HHIH', 4280, 4280, 0x1063, len(text)) + text
    body += bytes(-len(body) % 4) + struct.pack('BBBB', len(results), 0, 0, 0)
    for result in results:
        body += struct.pack(order + 'HH', result, 0) + uuid(NDR, order) \
            + struct.pack(order + 'I', 2)
    return body


def dcerpc_dialogs():
    login = le('BBBBI', 10, 2, 0, 0, 1) + ntlm_login('eve', 'EX', 'PC9')
    yield 'samr', TCP, [
        (0, rpc(11, 1, rpc_bind('<', (SAMR, 1, 0), (SAMR, 1, 1)))),
        (1, rpc(12, 1, rpc_ack('<', b'1024', 0, 2))),
        (0, rpc(16, 1, bytes(4), auth=login)),
        (0, rpc(0, 2, le('IHH', 200, 0, 64) + bytes(100), 1)
         + rpc(0, 2, le('IHH', 100, 0, 64) + bytes(60), 2)),
        (1, rpc(2, 2, le('IHBB', 40, 0, 0, 0) + bytes(40))),
        (0, rpc(0, 3, le('IHH', 8, 0, 5) + bytes(8))),
        (1, rpc(3, 3, le('IHBBI', 0, 0, 0, 0, 0x1c010002) + bytes(4))),
    ]
    yield 'big-endian', TCP, [
        (0, rpc(11, 9, rpc_bind('>', (SAMR, 1, 0)), order='>')),
        (1, rpc(13, 9, be('HBBBx', 4, 1, 5, 0) + bytes(4), order='>')),
        (0, rpc(11, 10, rpc_bind('>', (SAMR, 1, 0)), order='>')),
        (1, rpc(12, 10, rpc_ack('>', b'', 0), order='>')),
        (0, rpc(0, 11, be('IHH', 8, 0, 7) + bytes(8), order='>')),
    ]


# --------------------------------------------------------------------------
# BER.

def ber(tag, *parts):
    body = b''.join(parts)
    size = len(body)
    if size < 128:
        head = bytes([size])
    elif size < 256:
        head = bytes([0x81, size])
    else:
        head = b'\x82' + be('H', size)
    return bytes([tag]) + head + body


def number(value, tag=2):
    size = value.bit_length() // 8 + 1
    return ber(tag, value.to_bytes(size, 'big', signed=value < 0))


def octets(value, tag=4):
    return ber(tag, value)


# --------------------------------------------------------------------------
# Kerberos.

def principal(kind, *names):
    return ber(0x30, ber(0xa0, number(kind)),
               ber(0xa1, ber(0x30, *[ber(0x1b, n) for n in names])))


def kdc_request(kind, cname, realm, sname, etypes, padata=b''):
    body = ber(0xa0, ber(3, b'\0\x40\x81\0\x10'))
    if cname:
        body += ber(0xa1, principal(1, cname))
    body += ber(0xa2, ber(0x1b, realm)) + ber(0xa3, principal(2, *sname)) \
        + ber(0xa5, ber(0x18, b'20370913024805Z')) \
        + ber(0xa7, number(0x12345678)) \
        + ber(0xa8, ber(0x30, *[number(e) for e in etypes]))
    return ber(0x60 | kind, ber(0x30, ber(0xa1, number(5)),
                                ber(0xa2, number(kind)),
                                ber(0xa3, padata) if padata else b'',
                                ber(0xa4, ber(0x30, body))))


def ticket(realm, sname, etype, size):
    return ber(0x61, ber(0x30, ber(0xa0, number(5)),
                         ber(0xa1, ber(0x1b, realm)),
                         ber(0xa2, principal(2, *sname)),
                         ber(0xa3, ber(0x30, ber(0xa0, number(etype)),
                                       ber(0xa1, number(2)),
                                       ber(0xa2, octets(bytes(size)))))))


def kdc_reply(kind, realm, cname, sname, ticket_etype, etype, size=300):
    return ber(0x60 | kind, ber(
        0x30, ber(0xa0, number(5)), ber(0xa1, number(kind)),
        ber(0xa3, ber(0x1b, realm)), ber(0xa4, principal(1, cname)),
        ber(0xa5, ticket(realm, sname, ticket_etype, size)),
        ber(0xa6, ber(0x30, ber(0xa0, number(etype)),
                      ber(0xa2, octets(bytes(100)))))))


def krb_error(code, realm, sname):
    return ber(0x7e, ber(
        0x30, ber(0xa0, number(5)), ber(0xa1, number(30)),
        ber(0xa4, ber(0x18, b'20261125230000Z')), ber(0xa5, number(1)),
        ber(0xa6, number(code)), ber(0xa9, ber(0x1b, realm)),
        ber(0xaa, principal(2, *sname))))


def framed(message):
    return be('I', len(message)) + message


def krb5_dialogs():
    realm, tgs = b'EXAMPLE.ORG', (b'krbtgt', b'EXAMPLE.ORG')
    ask = kdc_request(10, b'alice', realm, tgs, (18, 17, 23, -128))
    yield 'as-tcp', TCP, [
        (0, framed(ask)),
        (1, framed(krb_error(25, realm, tgs))),
        (0, framed(ask)),
        (1, framed(kdc_reply(11, realm, b'alice', tgs, 18, 18))),
    ]
    padata = ber(0x30, ber(0x30, ber(0xa1, number(1)),
                           ber(0xa2, octets(bytes(600)))))
    host = (b'cifs', b'fs1.example.org')
    yield 'tgs-udp', UDP, [
        (0, kdc_request(12, b'', realm, host, (23,), padata)),
        (1, kdc_reply(13, realm, b'alice', host, 23, 18)),
        (0, kdc_request(12, b'', realm, host, (23,), padata)),
        (1, krb_error(7, realm, host)),
    ]


# --------------------------------------------------------------------------
# LDAP.

def ldap(message, *operation):
    return ber(0x30, number(message), *operation)


def result(tag, code, text=b'', *more):
    return ber(tag, number(code, 0x0a), octets(b''), octets(text), *more)


def ldap_dialogs():
    base = b'dc=example,dc=org'
    bind = ber(0x60, number(3), octets(b'cn=admin,' + base),
               octets(b'secret', 0x80))
    filters = ber(0xa0, ber(0xa3, octets(b'uid'), octets(b'alice')),
                  ber(0xa1, octets(b'mail', 0x87),
                      ber(0xa2, ber(0xa4, octets(b'cn'),
                                    ber(0x30, octets(b'x', 0x80)))),
                      ber(0xa9, octets(b'1.2.3', 0x81), octets(b'ou', 0x82),
                          octets(b'v', 0x83))))
    search = ber(0x63, octets(base), number(2, 0x0a), number(0, 0x0a),
                 number(0), number(0), ber(1, b'\0'), filters,
                 ber(0x30, octets(b'cn'), octets(b'memberOf')))
    entry = ber(0x64, octets(b'uid=alice,' + base),
                ber(0x30, ber(0x30, octets(b'cn'),
                              ber(0x31, octets(bytes(5000))))))
    yield 'search', TCP, [
        (0, ldap(1, bind)),
        (1, ldap(1, result(0x61, 0))),
        (0, ldap(2, search) + ldap(3, search)),
        (1, ldap(2, entry) + ldap(3, entry) + ldap(2, entry)),
        (1, ldap(2, result(0x65, 0)) + ldap(3, result(0x65, 4, b'limit'))),
        (0, ldap(4, ber(0x66, octets(base), ber(0x30, ber(
            0x30, number(2, 0x0a), ber(0x30, octets(b'userPassword'), ber(
                0x31, octets(b'geheim')))))))),
        (1, ldap(4, result(0x67, 50))),
        (0, ldap(5, octets(b'uid=x,' + base, 0x4a))),
        (1, ldap(5, result(0x6b, 32))),
        (0, ldap(6, ber(0x6c, octets(b'uid=a'), octets(b'uid=b'),
                        ber(1, b'\xff')))),
        (1, ldap(6, result(0x6d, 0))),
        (0, ldap(7, ber(0x6e, octets(base), ber(0x30, octets(b'o'),
                                                octets(b'v'))))),
        (1, ldap(7, result(0x6f, 6))),
        (0, ldap(8, octets(b'', 0x42))),
    ]
    yield 'start-tls', TCP, [
        (0, ldap(1, ber(0x77, octets(b'1.3.6.1.4.1.1466.20037', 0x80)))),
        (1, ldap(1, result(0x78, 0))),
        (0, b'\x16\x03\x01\0\x05\x01\0\0\x01\0'),
    ]
    yield 'sasl', TCP, [
        (0, ldap(1, ber(0x60, number(3), octets(b''), ber(
            0xa3, octets(b'GSS-SPNEGO'), octets(bytes(20)))))),
        (1, ldap(1, result(0x61, 14, b'', octets(bytes(9), 0x87)))),
        (0, ldap(2, ber(0x60, number(3), octets(b''), octets(b'', 0x80)))),
        (1, ldap(2, result(0x61, 49, b'80090308'))),
        (0, be('I', 60) + bytes(range(60))),
    ]
    yield 'udp', UDP, [
        (0, ldap(1, search)),
        (1, ldap(1, ber(0x64, octets(b''), ber(0x30)))
         + ldap(1, result(0x65, 0))),
    ]


# --------------------------------------------------------------------------
# RDP.

def tpkt(body):
    return be('BBH', 3, 0, len(body) + 4) + body


def x224(code, body):
    return tpkt(be('BBHHB', len(body) + 6, code, 0, 0, 0) + body)


def rdp_dialogs():
    cookie = b'Cookie: mstshash=alice\r\n'
    yield 'hybrid', TCP, [
        (0, x224(0xe0, cookie + le('BBHI', 1, 1, 8, 0x0b))),
        (1, x224(0xd0, le('BBHI', 2, 0x1f, 8, 8))),
        (0, b'\x16\x03\x01\0\x05\x01\0\0\x01\0'),
    ]
    core = le('IHHHHII', 0x00080004, 1920, 1080, 0xca01, 0xaa03, 0x407, 7601)
    core += wide('PC7').ljust(32, b'\0') + le('III', 4, 0, 12) + bytes(64) \
        + le('HHIHHH', 0xca01, 1, 0, 24, 7, 1) \
        + wide('55274-640').ljust(64, b'\0')
    net = le('I', 2) + b'rdpdr\0\0\0' + le('I', 0) + b'cliprdr\0' + le('I', 0)
    blocks = le('HH', 0xc001, len(core) + 4) + core \
        + le('HH', 0xc003, len(net) + 4) + net
    gcc = bytes.fromhex('000500147c0001') \
        + be('H', 0x8000 | (len(blocks) + 14)) \
        + bytes.fromhex('000800100001c000') + b'Duca' \
        + be('H', 0x8000 | len(blocks)) + blocks
    limits = ber(0x30, *[number(v) for v in (34, 2, 0, 1, 0, 1, 65535, 2)])
    initial = octets(b'\1') + octets(b'\1') + ber(1, b'\xff') + limits \
        + limits + limits + octets(gcc)
    initial = b'\x7f\x65\x82' + be('H', len(initial)) + initial
    yield 'standard', TCP, [
        (0, x224(0xe0, cookie)),
        (1, x224(0xd0, b'')),
        (0, tpkt(b'\x02\xf0\x80' + initial)),
        (1, tpkt(b'\x02\xf0\x80' + b'\x7f\x66\x03\x0a\x01\0')),
    ]
    yield 'refused', TCP, [
        (0, x224(0xe0, le('BBHI', 1, 0, 8, 0))),
        (1, x224(0xd0, le('BBHI', 3, 0, 8, 5))),
    ]


# --------------------------------------------------------------------------
# NFS.

def xdr(value):
    return be('I', len(value)) + value + bytes(-len(value) % 4)


def mark(message, *cuts):
    out, at = b'', 0
    for cut in cuts:
        out += be('I', cut) + message[at:at + cut]
        at += cut
    return out + be('I', 0x80000000 | (len(message) - at)) + message[at:]


def onc_call(xid, program, version, procedure, body=b'', unix=True):
    cred = be('I', 0) + xdr(b'client7') + be('III', 1000, 100, 0)
    return be('IIIIII', xid, 0, 2, program, version, procedure) \
        + (be('I', 1) + xdr(cred) if unix else bytes(8)) + bytes(8) + body


def onc_reply(xid, body, accept=0):
    return be('III', xid, 1, 0) + bytes(8) + be('I', accept) + body


def nfs_dialogs():
    fh = xdr(bytes(range(32)))
    n3 = 100003, 3
    # The second fragment looks like a call.
    data = (bytes(2872) + onc_call(99, *n3, 3, fh + xdr(b'no file'))).ljust(
        5000, b'\0')
    yield 'v3', TCP, [
        (0, mark(onc_call(1, *n3, 3, fh + xdr(b'a file')), 40)),
        (1, mark(onc_reply(1, be('I', 2) + bytes(4)))),
        (0, mark(onc_call(2, *n3, 14, fh + xdr(b'old') + fh + xdr(b'new')))),
        (1, mark(onc_reply(2, be('I', 0) + bytes(16)))),
        (0, mark(onc_call(3, *n3, 6, fh + be('QI', 0, 65536)))),
        (1, mark(onc_reply(3, be('II', 0, 1) + bytes(84)
                           + be('III', 5000, 1, 5000) + data), 3000)),
        (0, mark(onc_call(4, *n3, 6, fh + be('QI', 5000, 65536)))),
        (1, mark(onc_reply(4, be('IIIII', 0, 0, 100, 1, 100)
                           + bytes(100)))),
        (0, mark(onc_call(5, *n3, 7, fh + be('QII', 0, 2000, 2)
                          + xdr(bytes(2000))))),
        (1, mark(onc_reply(5, be('IIII', 0, 0, 0, 2000) + bytes(12)))),
        (0, mark(onc_call(6, *n3, 1, fh))),
        (1, mark(onc_reply(6, be('I', 0) + bytes(84)))),
        (0, mark(onc_call(7, *n3, 9, fh + xdr(b'dir') + bytes(24)))),
        (1, mark(be('IIIII', 7, 1, 1, 1, 13))),
    ]
    sequence = be('I', 53) + bytes(32)
    put = be('I', 22) + fh
    opening = be('I', 18) + be('IIIQ', 0, 1, 0, 7) + xdr(b'owner') \
        + be('IIIII', 1, 0, 1, 2, 8) + be('Q', 0) + be('I', 0) \
        + xdr(b'notes.txt')
    attributes = be('IIII', 9, 2, 0x10, 0x20)
    yield 'v4', TCP, [
        (0, mark(onc_call(1, 100003, 4, 1, xdr(b'') + be('II', 1, 5)
                          + sequence + put + opening + be('I', 10)
                          + attributes))),
        (1, mark(onc_reply(1, be('I', 13) + xdr(b'') + be('I', 0)))),
        (0, mark(onc_call(2, 100003, 4, 1, xdr(b'') + be('II', 1, 3)
                          + sequence + put + be('I', 25) + bytes(16)
                          + be('QI', 0, 4096)))),
        (1, mark(onc_reply(2, be('I', 0) + xdr(b'') + be('I', 3)
                           + be('II', 53, 0) + bytes(36) + be('II', 22, 0)
                           + be('III', 25, 0, 1) + xdr(bytes(1234))))),
        (0, mark(onc_call(3, 100003, 4, 1, xdr(b'') + be('II', 1, 2)
                          + sequence + put))),
        (1, mark(onc_reply(3, be('I', 0) + xdr(b'') + be('I', 0)))),
        (0, mark(onc_call(4, 100003, 4, 1, xdr(b'') + be('III', 1, 2, 42)
                          + bytes(40)))),
        (1, mark(onc_reply(4, b'', 4))),
    ]
    yield 'mount', UDP, [
        (0, onc_call(1, 100000, 2, 3, be('IIII', 100005, 3, 17, 0), False)),
        (1, onc_reply(1, be('I', 20048))),
        (0, onc_call(2, 100005, 3, 1, xdr(b'/export/home'))),
        (1, onc_reply(2, be('I', 13))),
    ]


# --------------------------------------------------------------------------

def dialogs():
    for reader, make in (('smb', smb_dialogs), ('dcerpc', dcerpc_dialogs),
                         ('krb5', krb5_dialogs), ('ldap', ldap_dialogs),
                         ('rdp', rdp_dialogs), ('nfs', nfs_dialogs)):
        for name, proto, said in make():
            yield reader, name, proto, said


def write_seeds(top):
    for reader, name, proto, said in dialogs():
        folder = os.path.join(top, 'app-' + reader)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(bytes([proto]))
            for side, piece in said:
                f.write(be('BH', side, len(piece)) + piece)


SIGN = """\
/* Windows dialogs
 * ===============
 *
 * What two sides say in SMB, DCE/RPC, Kerberos, LDAP, RDP and NFS: the same
 * as in the seeds of the fuzz targets.  Made by
 *
 *     tests/fuzz/make-corpus-windows.py --hex | clang-format
 *
 * Hexadecimal digits; "~NNNN" stands for that many zeros.
 *
 * Above:    tests/unit/test-app-windows.c.    Below:  nothing.
 * Threads:  constant.
 * Memory:   constant.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_TEST_WINDOWS_H
#define INSP_TEST_WINDOWS_H 1

#include <stddef.h>

struct said {
    unsigned int side;
    const char *hex;            /* NULL: the end. */
};
"""


def write_hex():
    print(SIGN, end='')
    for reader, name, proto, said in dialogs():
        print(f'\nstatic const struct said {reader}_{name.replace("-", "_")}'
              '[] = {')
        for side, piece in said:
            text = to_hex(piece)
            lines = [text[i:i + 66] for i in range(0, len(text), 66)]
            print(f'    {{ {side},')
            for line in lines[:-1]:
                print(f'      "{line}"')
            print(f'      "{lines[-1]}" }},')
        print('    { 0, NULL },\n};')
    print('\n#endif /* tests/unit/windows.h */')


def to_hex(piece):
    out, at = '', 0
    for zeros in re.finditer(b'\0{24,}', piece):
        out += piece[at:zeros.start()].hex()
        out += f'~{zeros.end() - zeros.start():04x}'
        at = zeros.end()
    return out + piece[at:].hex()


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.argv[1:2] == ['--hex']:
        write_hex()
    else:
        write_seeds(sys.argv[1] if sys.argv[1:]
                    else os.path.join(here, 'corpus'))


if __name__ == '__main__':
    main()
