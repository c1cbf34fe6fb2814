#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seed inputs of the fuzz targets of databases, message brokers and
tunnels: tests/fuzz/corpus/app-*.

    make-corpus-data.py [FOLDER]

Each is a dialog, in the form that tests/fuzz/fuzz-app.c reads.
"""

import os
import struct
import sys

TCP, UDP, GRE = 0, 1, 2
CLIENT, SERVER = 0, 1
TOP = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "corpus")


def write(reader, name, over, pieces):
    folder = os.path.join(TOP, "app-" + reader)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(bytes([over]))
        for side, piece in pieces:
            f.write(struct.pack(">BH", side, len(piece)) + piece)


# MySQL.

def packet(number, body):
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def mysql_greeting(version=b"8.0.36"):
    return packet(0, b"\x0a" + version + b"\0" + b"\x2a\0\0\0" +
                  b"abcdefgh\0" + b"\xff\xff" + b"\xff\x02\0\xff\xdf\x15" +
                  bytes(10) + b"ijklmnopqrst\0" + b"caching_sha2_password\0")


def mysql_login(caps, rest):
    return packet(1, struct.pack("<II", caps, 1 << 24) + b"\xff" + bytes(23) +
                  rest)


def mysql():
    attributes = (b"\x0c_client_name\x08libmysql" b"\x0cprogram_name\x04till")
    login = mysql_login(0x00388208, b"app\0" b"\x04SECR" b"shop\0"
                        b"caching_sha2_password\0" +
                        bytes([len(attributes)]) + attributes)
    ok = b"\0\0\0\2\0\0\0"
    write("mysql", "session", TCP, [
        (SERVER, mysql_greeting()), (CLIENT, login),
        (SERVER, packet(2, b"\1\3") + packet(3, ok)),
        (CLIENT, packet(0, b"\3SELECT name FROM users WHERE id = 4711")),
        (SERVER, packet(1, b"\1") + packet(2, b"\5alice")),
        (CLIENT, packet(0, b"\x16INSERT INTO t VALUES (?)")),
        (SERVER, packet(1, b"\xff\x7a\4#42S02Table does not exist")),
        (CLIENT, packet(0, b"\x19\1\0\0\0") + packet(0, b"\2stock")),
        (SERVER, packet(1, ok)), (CLIENT, packet(0, b"\1"))])
    write("mysql", "tls", TCP, [
        (SERVER, mysql_greeting(b"5.5.5-10.11.6-MariaDB")),
        (CLIENT, mysql_login(0x20bfae05, b"")), (CLIENT, b"\x16\3\1\0\1\1")])
    write("mysql", "attributes", TCP, [
        (SERVER, mysql_greeting()),
        (CLIENT, mysql_login(0x08008200, b"app\0\0")),
        (SERVER, packet(2, ok)),
        (CLIENT, packet(0, b"\3\3\1" b"\1" b"\1" b"\xfd\0\1a" b"\3\0\1b"
                        b"\xfd\0\1c" b"\1\2\3\4" b"\6SECRET"
                        b"update x set y = 1")),
        (SERVER, packet(1, ok))])
    write("mysql", "change-user", TCP, [
        (CLIENT, packet(0, b"\3set names utf8")), (SERVER, packet(1, ok)),
        (CLIENT, packet(0, b"\x11bob\0\x04SECRshop\0\xff\0")),
        (SERVER, packet(1, b"\xfemysql_native_password\0abcdefgh\0")),
        (CLIENT, packet(2, b"SECRETSECRET")), (SERVER, packet(3, ok)),
        (CLIENT, packet(0, b"\x12\0\0\0\0"))])
    write("mysql", "refusal", TCP, [
        (SERVER, packet(0, b"\xff\x6a\4Host '10.0.0.1' is not allowed"))])


# PostgreSQL.

def message(letter, body):
    return letter + struct.pack(">I", len(body) + 4) + body


def pgsql():
    start = message(b"", b"\0\3\0\0user\0web\0database\0shop\0"
                    b"application_name\0till 3\0\0")
    ready = message(b"Z", b"I")
    login = [
        (CLIENT, start),
        (SERVER, message(b"R", b"\0\0\0\x0aSCRAM-SHA-256\0\0")),
        (CLIENT, message(b"p", b"SCRAM-SHA-256\0\0\0\0\x08n,,SECRE")),
        (SERVER, message(b"R", b"\0\0\0\0") +
         message(b"S", b"server_version\x0016.4\0") +
         message(b"K", b"\0\0\4\xd2SECR") + ready)]
    write("pgsql", "session", TCP, [
        (CLIENT, message(b"", b"\4\xd2\x16\x2f")), (SERVER, b"N")] + login + [
        (CLIENT, message(b"Q", b"select * from users where a = 'b'\0")),
        (SERVER, message(b"T", b"\0\1name\0" + bytes(18)) +
         message(b"D", b"\0\1\0\0\0\5alice") + message(b"C", b"SELECT 1\0") +
         ready),
        (CLIENT, message(b"X", b""))])
    write("pgsql", "rounds", TCP, login + [
        (CLIENT, message(b"P", b"s1\0UPDATE stock SET n = $1\0\0\0") +
         message(b"B", b"\0s1\0\0\0\0\0\0\0") +
         message(b"E", b"\0\0\0\0\0") + message(b"S", b"") +
         message(b"B", b"\0s2\0\0\0\0\0\0\0") + message(b"S", b"")),
        (SERVER, message(b"1", b"") + message(b"2", b"") +
         message(b"C", b"UPDATE 1\0") + ready +
         message(b"E", b"SERROR\0VERROR\0C26000\0Mno\0\0") + ready)])
    write("pgsql", "failure", TCP, [
        (CLIENT, start), (SERVER, message(b"R", b"\0\0\0\5SALT")),
        (CLIENT, message(b"p", b"md5SECRET\0")),
        (SERVER, message(b"E", b"SFATAL\0VFATAL\0C28P01\0\0"))])
    write("pgsql", "cancel", TCP, [
        (CLIENT, message(b"", b"\4\xd2\x16\x2e\0\0\4\xd2SECR"))])
    write("pgsql", "tls", TCP, [
        (CLIENT, message(b"", b"\4\xd2\x16\x2f")), (SERVER, b"S"),
        (CLIENT, b"\x16\3\1\0\1\1")])
    write("pgsql", "server-first", TCP, [
        (SERVER, message(b"R", b"\0\0\0\0") + ready),
        (CLIENT, message(b"Q", b"COPY big FROM STDIN\0")),
        (SERVER, message(b"G", b"\0\0\0")),
        (CLIENT, message(b"d", bytes(300)) + message(b"c", b"")),
        (SERVER, message(b"C", b"COPY 1\0") + ready)])


# Redis.

def resp(*words):
    out = b"*%d\r\n" % len(words)
    for word in words:
        out += b"$%d\r\n%s\r\n" % (len(word), word)
    return out


def redis():
    write("redis", "resp2", TCP, [
        (CLIENT, resp(b"AUTH", b"SECRET")), (SERVER, b"-WRONGPASS no\r\n"),
        (CLIENT, resp(b"SET", b"k", b"v\r\n") + resp(b"GET", b"k") +
         resp(b"LRANGE", b"l", b"0", b"-1")),
        (SERVER, b"+OK\r\n$3\r\nv\r\n\r\n*2\r\n:1\r\n$-1\r\n"),
        (CLIENT, resp(b"SUBSCRIBE", b"news")),
        (SERVER, b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")])
    write("redis", "resp3", TCP, [
        (CLIENT, resp(b"HELLO", b"3")),
        (SERVER, b"%2\r\n+server\r\n$5\r\nredis\r\n+modules\r\n"
         b"*2\r\n*0\r\n%1\r\n:1\r\n#t\r\n"),
        (CLIENT, resp(b"GET", b"k") + resp(b"GET", b"l")),
        (SERVER, b"|1\r\n+ttl\r\n:3600\r\n$5\r\nva\r\nl\r\n"
         b">2\r\n+invalidate\r\n*1\r\n+key\r\n!21\r\nSYNTAX invalid syntax\r\n"
         b",1.5\r\n(12345\r\n_\r\n=7\r\ntxt:abc\r\n~1\r\n:1\r\n")])
    write("redis", "inline", TCP, [
        (CLIENT, b"PING\r\nCLIENT REPLY OFF\r\nPING\r\n"),
        (SERVER, b"+PONG\r\n"), (CLIENT, b"dbsize\r\n")])
    write("redis", "client-reply", TCP, [
        (CLIENT, resp(b"PING") + resp(b"CLIENT", b"REPLY", b"SKIP")),
        (SERVER, b"+PONG\r\n+PONG\r\n")])


# MongoDB.

def mongo(request, answers, opcode, body):
    return struct.pack("<IIII", len(body) + 16, request, answers,
                       opcode) + body


def bson(*elements):
    body = b"".join(elements)
    return struct.pack("<I", len(body) + 5) + body + b"\0"


def text(name, value):
    return (b"\2" + name + b"\0" + struct.pack("<I", len(value) + 1) + value +
            b"\0")


def document(name, value):
    return b"\3" + name + b"\0" + value


def int32(name, value):
    return b"\x10" + name + b"\0" + struct.pack("<I", value)


def double(name, value):
    return b"\1" + name + b"\0" + struct.pack("<d", value)


def mongodb():
    client = bson(document(b"application", bson(text(b"name", b"till"))),
                  document(b"driver", bson(text(b"name", b"go"),
                                           text(b"version", b"1.2"))))
    write("mongodb", "query", TCP, [
        (CLIENT, mongo(1, 0, 2004, bytes(4) + b"admin.$cmd\0" + bytes(4) +
                       b"\xff" * 4 + bson(int32(b"isMaster", 1),
                                          document(b"client", client)))),
        (SERVER, mongo(9, 1, 1, b"\x08" + bytes(15) + b"\1\0\0\0" +
                       bson(int32(b"maxWireVersion", 17), double(b"ok", 1)))),
        (CLIENT, mongo(2, 0, 2002, bytes(4) + b"shop.users\0" +
                       bson(int32(b"a", 1))))])
    write("mongodb", "msg", TCP, [
        (CLIENT, mongo(2, 0, 2013, bytes(5) +
                       bson(text(b"find", b"users"),
                            document(b"filter", bson(int32(b"n", 7))),
                            b"\7_id\0" + bytes(12), b"\x0bre\0a\0i\0",
                            b"\5bin\0\3\0\0\0\0abc", b"\x08t\0\1",
                            text(b"$db", b"shop")))),
        (SERVER, mongo(10, 2, 2013, bytes(5) +
                       bson(document(b"cursor", bson()), double(b"ok", 1)))),
        (CLIENT, mongo(3, 0, 2013, bytes(4) + b"\1\x13\0\0\0documents\0" +
                       bson() + b"\0" + bson(text(b"insert", b"users"),
                                             text(b"$db", b"shop")))),
        (SERVER, mongo(11, 3, 2013, bytes(5) +
                       bson(double(b"ok", 0), text(b"errmsg", b"dup { a: 1 }"),
                            int32(b"code", 11000),
                            text(b"codeName", b"DuplicateKey")))),
        (CLIENT, mongo(5, 0, 2013, b"\2\0\0\0\0" +
                       bson(int32(b"endSessions", 1))))])
    write("mongodb", "compressed", TCP, [
        (CLIENT, mongo(6, 0, 2012, b"\xdd\7\0\0\x40\0\0\0\1xyz")),
        (SERVER, mongo(12, 6, 2012, b"\xdd\7\0\0\x40\0\0\0\1xyz"))])


# AMQP.

def frame(kind, body, channel=0):
    return struct.pack(">BHI", kind, channel, len(body)) + body + b"\xce"


def short(value):
    return bytes([len(value)]) + value


def long(value):
    return struct.pack(">I", len(value)) + value


def amqp():
    server = long(short(b"capabilities") + b"F" + long(b"\5abortt\1") +
                  short(b"product") + b"S" + long(b"RabbitMQ") +
                  short(b"version") + b"S" + long(b"3.12.0"))
    client = long(short(b"product") + b"S" + long(b"pika"))
    write("amqp", "0-9-1", TCP, [
        (CLIENT, b"AMQP\0\0\x09\1"),
        (SERVER, frame(1, b"\0\x0a\0\x0a\0\x09" + server + long(b"PLAIN") +
                       long(b"en_US"))),
        (CLIENT, frame(1, b"\0\x0a\0\x0b" + client + short(b"PLAIN") +
                       long(b"\0bob\0SECRET") + short(b"en_US"))),
        (SERVER, frame(1, b"\0\x0a\0\x1e\7\xff\0\2\0\0\0\x3c")),
        (CLIENT, frame(1, b"\0\x0a\0\x1f\7\xff\0\2\0\0\0\x3c") +
         frame(1, b"\0\x0a\0\x28\5/shop\0\0")),
        (SERVER, frame(1, b"\0\x0a\0\x29\0")),
        (CLIENT, frame(1, b"\0\x3c\0\x28\0\0\6orders\3new\0", 1) +
         frame(2, b"\0\x3c" + bytes(12), 1) + frame(3, b"hello", 1) +
         frame(1, b"\0\x3c\0\x14\0\0\5bills\0\0\0\0\0\0", 1)),
        (SERVER, frame(1, b"\0\x3c\0\x3c\1x" + bytes(8) + b"\1\0\0\0", 1)),
        (CLIENT, frame(8, b"") +
         frame(1, b"\0\x0a\0\x32\0\xc8\2ok\0\0\0\0"))])

    def performative(kind, body):
        return struct.pack(">IBBH", len(body) + 8, 2, kind, 0) + body

    write("amqp", "1.0", TCP, [
        (CLIENT, b"AMQP\3\1\0\0"), (SERVER, b"AMQP\3\1\0\0" + performative(
            1, b"\0\x53\x40\xc0\x13\1\xe0\x10\2\xa3\5PLAIN\7CRAM-MD")),
        (CLIENT, performative(1, b"\0\x53\x41\xc0\x11\2\xa3\5PLAIN"
                              b"\xa0\7\0SECRET")),
        (SERVER, performative(1, b"\0\x53\x44\xc0\3\1\x50\0")),
        (CLIENT, b"AMQP\0\1\0\0" + performative(
            0, b"\0\x53\x10\xc0\x13\2\xa1\4till\xa1\x0aMQ.example")),
        (SERVER, b"AMQP\0\1\0\0" + performative(
            0, b"\0\x53\x10\xc0\x39\x0a\xa1\6broker\x40\x70\0\1\0\0\x60\0\xff"
            b"\x40\x40\x40\x40\x40\xc1\x20\4\xa3\7product\xa1\4qpid"
            b"\xa3\7version\xa1\x051.2.3"))])
    write("amqp", "tls", TCP, [
        (CLIENT, b"AMQP\2\1\0\0"), (SERVER, b"AMQP\2\1\0\0"),
        (CLIENT, b"\x16\3\1\0\1\1")])
    write("amqp", "1.0-close", TCP, [
        (CLIENT, b"AMQP\0\1\0\0" + performative(
            0, b"\0\x80\0\0\0\0\0\0\0\x10\xd0\0\0\0\7\0\0\0\1\xa1\1x")),
        (SERVER, b"AMQP\0\1\0\0" + performative(
            0, b"\0\x53\x18\xc0\x0f\1\0\x53\x1d\xc0\x09\1\xa3\6amqp:x"))])


# Kafka.

def kafka():
    def sized(body):
        return struct.pack(">I", len(body)) + body

    def request(api, version, number, body, client=b"till"):
        return sized(struct.pack(">HHIH", api, version, number, len(client)) +
                     client + body)

    write("kafka", "session", TCP, [
        (CLIENT, request(18, 3, 1, b"\0\x0blibrdkafka\x062.0.2\0")),
        (SERVER, sized(b"\0\0\0\1\0\0\2\0\x12\0\0\0\3\0" + bytes(5))),
        (CLIENT, request(17, 1, 2, b"\0\5PLAIN")),
        (SERVER, sized(b"\0\0\0\2\0\0\0\0\0\1\0\5PLAIN")),
        (CLIENT, request(36, 2, 3, b"\0\x0c\0bob\0SECRET\0")),
        (SERVER, sized(b"\0\0\0\3\0\0\0\0\1" + bytes(9))),
        (CLIENT, request(3, 1, 4, b"\0\0\0\2\0\6orders\0\5bills")),
        (SERVER, sized(b"\0\0\0\4\0\0\0\1\0\0\0\1\0\6kafka1\0\0\x23\x84"
                       b"\xff\xff\0\0\0\1\0\0\0\2\0\0\0\6orders\0\0\0\0\0"
                       b"\0\3\0\5bills\0\0\0\0\0"))])
    write("kafka", "records", TCP, [
        (CLIENT, request(0, 7, 5, b"\xff\xff\xff\xff\0\0\3\xe8\0\0\0\1"
                         b"\0\6orders\0\0\0\0") +
         request(1, 11, 6, b"\xff\xff\xff\xff\0\0\1\xf4\0\0\0\1\0\1\0\0\0" +
                 bytes(8) + b"\0\0\0\1\0\5bills" + bytes(10))),
        (SERVER, sized(b"\0\0\0\5\0\0\0\1\0\6orders" + bytes(8)) +
         sized(b"\0\0\0\6" + bytes(14))),
        (CLIENT, request(0, 9, 7, b"\0\0\0\0\0\0\3\xe8\2\7orders\1\0\0") +
         request(3, 12, 8, b"\0\2" + bytes(16) + b"\6bills\0\1\0\0"))])
    write("kafka", "refused", TCP, [
        (CLIENT, request(18, 4, 1, b"\0\x0blibrdkafka\x062.0.2\0")),
        (SERVER, sized(b"\0\0\0\1\0\x23\0\0\0\1\0\x12\0\0\0\3")),
        (CLIENT, request(17, 1, 2, b"\0\5PLAIN")),
        (SERVER, sized(b"\0\0\0\2\0\0\0\0\0\1\0\5PLAIN")),
        (CLIENT, request(36, 2, 3, b"\0\x0c\0bob\0SECRET\0")),
        (SERVER, sized(b"\0\0\0\3\0\0\x3a\3no\1" + bytes(9)))])
    write("kafka", "overtaken", TCP, [
        (CLIENT, request(3, 1, 5, bytes(4)) + request(3, 1, 6, bytes(4))),
        (SERVER, sized(b"\0\0\0\6" + bytes(12)) +
         sized(b"\0\0\0\5" + bytes(12)))])
    write("kafka", "no-client", TCP, [
        (CLIENT, sized(b"\0\x12\0\0\0\0\0\1\xff\xff")),
        (SERVER, sized(b"\0\0\0\1\0\0\0\0\0\1\0\x12\0\0\0\3"))])


# Memcached.

def memcached():
    def binary(magic, op, key=b"", extras=b"", value=b"", status=0, number=1):
        return struct.pack(">BBHBBHIIQ", magic, op, len(key), len(extras), 0,
                           status, len(key + extras + value), number,
                           0) + extras + key + value

    write("memcached", "text", TCP, [
        (CLIENT, b"set a 0 60 5\r\nhello\r\n"), (SERVER, b"STORED\r\n"),
        (CLIENT, b"get a b c\r\nincr n 1\r\ndelete a noreply\r\n"),
        (SERVER, b"VALUE a 0 5\r\nhello\r\nEND\r\n42\r\n"),
        (CLIENT, b"stats\r\nmg foo v t\r\nms bar 3 T60\r\nabc\r\nmn\r\n"),
        (SERVER, b"STAT pid 1\r\nEND\r\nVA 2 t30\r\nhi\r\nHD\r\nMN\r\n"),
        (CLIENT, b"get y\r\nmg q v q\r\n"), (SERVER, b"EN\r\n")])
    write("memcached", "binary", TCP, [
        (CLIENT, binary(0x80, 0x21, b"PLAIN", b"", b"\0bob\0SECRET")),
        (SERVER, binary(0x81, 0x21, status=0x20)),
        (CLIENT, binary(0x80, 1, b"key", bytes(8), b"hello", number=2) +
         binary(0x80, 0, b"key", number=3) + binary(0x80, 0x10, number=4)),
        (SERVER, binary(0x81, 1, number=2) +
         binary(0x81, 0, b"", bytes(4), b"hello", number=3) +
         binary(0x81, 0x10, b"pid", b"", b"1", number=4) +
         binary(0x81, 0x10, number=4))])
    write("memcached", "udp", UDP, [
        (CLIENT, b"\0\7\0\0\0\1\0\0get a\r\n"),
        (SERVER, b"\0\7\0\0\0\2\0\0VALUE a 0 2000\r\nxxx"),
        (CLIENT, b"\0\x08\0\0\0\1\0\0" + binary(0x80, 0, b"key")),
        (SERVER, b"\0\x08\0\0\0\1\0\0" + binary(0x81, 0, status=1))])


# Tunnels.

def checksum(head):
    total = sum(struct.unpack(">%dH" % (len(head) // 2), head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff ^ total


def ip4(proto, body):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64,
                       proto, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


UDP_53 = ip4(17, struct.pack(">HHHH", 5000, 53, 8, 0))
TCP_80 = ip4(6, struct.pack(">HHIIBBHHH", 40000, 80, 1, 0, 0x50, 2, 8192, 0,
                            0))
PING = ip4(1, b"\x08\0\xf7\xf7\0\7\0\1")
PING_6 = (b"\x60\0\0\0\0\x08\x3a\x40" + b"\x20\1\x0d\xb8" + bytes(11) + b"\1" +
          b"\x20\1\x0d\xb8" + bytes(11) + b"\2" + b"\x80\0\x24\x40\0\7\0\1")
MACS = b"\2\0\0\0\0\2\2\0\0\0\0\1"
ARP = (b"\xff" * 6 + b"\2\0\0\0\0\1" + b"\x08\6" + b"\0\1\x08\0\6\4\0\1" +
       b"\2\0\0\0\0\1" + bytes([10, 0, 0, 1]) + bytes(6) +
       bytes([10, 0, 0, 2]))


def tunnels():
    vxlan = b"\x08\0\0\0\0\0\x64\0"
    write("vxlan", "frames", UDP, [
        (CLIENT, vxlan + MACS + b"\x08\0" + UDP_53),
        (SERVER, vxlan + MACS + b"\x81\0\0\5\x81\0\0\6\x08\0" + TCP_80),
        (CLIENT, vxlan + MACS + b"\x86\xdd" + PING_6),
        (CLIENT, vxlan + ARP)])
    write("vxlan", "arp", UDP, [(SERVER, vxlan + ARP)])
    write("geneve", "frames", UDP, [
        (CLIENT, b"\0\0\x65\x58\0\0\x0a\0" + MACS + b"\x08\0" + UDP_53),
        (SERVER, b"\3\x40\x65\x58\0\0\x0b\0" b"\1\2\x80\1\0\0\0\7"
         b"\xff\1\0\0" + MACS + b"\x08\0" + TCP_80)])
    write("geneve", "packets", UDP, [
        (CLIENT, b"\0\0\x08\0\0\0\x0c\0" + PING),
        (CLIENT, b"\0\0\x86\xdd\0\0\x0c\0" + PING_6)])
    summed = b"\xb0\0\x86\xdd\0\0\0\0\0\0\0\7\0\0\0\1" + PING_6
    write("gre", "gre", GRE, [
        (CLIENT, b"\0\0\x08\0" + UDP_53),
        (SERVER, summed[:4] + struct.pack(">H", checksum(summed)) +
         summed[6:]),
        (CLIENT, b"\x20\0\x65\x58\x12\x34\x56\1" + MACS + b"\x08\0" + TCP_80),
        (CLIENT, b"\0\0\x88\x47\0\0\x11\x40" + UDP_53)])
    write("gre", "erspan", GRE, [
        (CLIENT, b"\0\0\x88\xbe" + MACS + b"\x08\0" + PING),
        (CLIENT, b"\x10\0\x88\xbe\0\0\0\1\x10\x14\0\x43\0\0\0\1" + MACS +
         b"\x08\0" + UDP_53),
        (CLIENT, b"\x10\0\x22\xeb\0\0\0\1\x20\x15\0\x44\0\0\0\0\0\0\0\1"
         b"\1\2\3\4\5\6\7\x08" + MACS + b"\x08\0" + UDP_53),
        (CLIENT, b"\x10\0\x22\xeb\0\0\0\1\x20\x15\0\x45\0\0\0\0\0\0\x08\0" +
         UDP_53)])
    write("gre", "pptp", GRE, [
        (CLIENT, b"\x30\x81\x88\x0b\0\x67\x17\x80\0\0\0\1\0\0\0\2\xff\3\0\x21"
         + TCP_80),
        (SERVER, b"\x20\x81\x88\x0b\0\0\x17\x80\0\0\0\1"),
        (CLIENT, b"\x30\1\x88\x0b\0\x67\x17\x81\0\0\0\2\x21" + UDP_53)])


mysql()
pgsql()
redis()
mongodb()
amqp()
kafka()
memcached()
tunnels()
