#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seed inputs of the fuzz targets of SMTP, FTP, POP3, IMAP, Telnet,
XMPP and SOCKS: tests/fuzz/corpus/app-*.

    make-corpus-lines.py [FOLDER]

Each is a dialog, in the form that tests/fuzz/fuzz-app.c reads.
"""

import os
import struct
import sys

TCP, TCP_AT_PORT = 0, 3
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


# "\0bob\0SECRET".
PLAIN = b"AGJvYgBTRUNSRVQ="
HELLO = b"\x16\3\1\0\1\1"


def smtp():
    write("smtp", "mails", TCP, [
        (SERVER, b"220-mail.example ESMTP Postfix\r\n220 no spam\r\n"),
        (CLIENT, b"EHLO client.example\r\n"),
        (SERVER, b"250-mail.example\r\n250 PIPELINING\r\n"),
        (CLIENT, b"MAIL FROM:<a@c> SIZE=9\r\nRCPT TO:<b@d>\r\n"
         b"RCPT TO: <c d@d>\r\nDATA\r\n"),
        (SERVER, b"250 ok\r\n250 ok\r\n550 no\r\n354 go on\r\n"),
        (CLIENT, b"Subject: x\r\n\r\n..\r\nx\n.\ny\r\n.\r\n"),
        (SERVER, b"250 queued\r\n"),
        (CLIENT, b"MAIL FROM:<>\r\nRSET\r\nQUIT\r\n"),
        (SERVER, b"250 ok\r\n250 ok\r\n221 bye\r\n")])
    write("smtp", "login", TCP, [
        (SERVER, b"220 mail.example ESMTP\r\n"), (CLIENT, b"EHLO c\r\n"),
        (SERVER, b"250 AUTH LOGIN PLAIN\r\n"), (CLIENT, b"AUTH LOGIN\r\n"),
        (SERVER, b"334 VXNlcm5hbWU6\r\n"), (CLIENT, b"Ym9i\r\n"),
        (SERVER, b"334 UGFzc3dvcmQ6\r\n"), (CLIENT, b"U0VDUkVU\r\n"),
        (SERVER, b"535 no\r\n"), (CLIENT, b"AUTH PLAIN " + PLAIN + b"\r\n"),
        (SERVER, b"235 ok\r\n")])
    write("smtp", "chunks", TCP, [
        (CLIENT, b"EHLO c\r\nMAIL FROM:<a@c>\r\nRCPT TO:<b@d>\r\n"
         b"BDAT 8\r\nMAIL\r\n\r\nBDAT 500 LAST\r\n.\r\n"),
        (SERVER, b"250 hello\r\n250 ok\r\n250 ok\r\n250 8\r\n"),
        (CLIENT, bytes(498)), (SERVER, b"250 done\r\n")])
    write("smtp", "tls", TCP_AT_PORT, [
        (SERVER, b"220 ready\r\n"), (CLIENT, b"STARTTLS\r\n"),
        (SERVER, b"220 go on\r\n"), (CLIENT, HELLO)])


def ftp():
    write("ftp", "session", TCP, [
        (SERVER, b"220 (vsFTPd 3.0.5)\r\n"), (CLIENT, b"USER bob\r\n"),
        (SERVER, b"331 password\r\n"), (CLIENT, b"PASS SECRET\r\n"),
        (SERVER, b"230-Welcome\r\n all\r\n230 in\r\n"),
        (CLIENT, b"PASV\r\nRETR a b\r\nEPSV\r\n"),
        (SERVER, b"227 Passive (10,0,0,2,156,64).\r\n150 Opening\r\n"
         b"226 Done\r\n229 Entering (|||6446|)\r\n"),
        (CLIENT, b"PORT 10,0,0,1,4,1\r\nEPRT |2|::1|5282|\r\n"
         b"\xff\xf4\xff\xf2ABOR\r\nQUIT\r\n"),
        (SERVER, b"200 ok\r\n200 ok\r\n426 no\r\n226 unasked\r\n221 bye\r\n")])
    write("ftp", "quiet", TCP, [
        (SERVER, b"220 ready\r\n"), (CLIENT, b"USER bob\r\n"),
        (SERVER, b"331 password\r\n"), (CLIENT, b"PASS SECRET\r\n"),
        (SERVER, b"530 no\r\n")])
    write("ftp", "tls", TCP_AT_PORT, [
        (SERVER, b"220 x\r\n"), (CLIENT, b"FEAT\r\nAUTH TLS\r\n"),
        (SERVER, b"211-Features\r\n UTF8\r\n211 End\r\n234 go on\r\n"),
        (CLIENT, HELLO)])


def pop3():
    write("pop3", "session", TCP, [
        (SERVER, b"+OK POP3 ready\r\n"), (CLIENT, b"CAPA\r\n"),
        (SERVER, b"+OK\r\nUSER\r\n.\r\n"),
        (CLIENT, b"USER bob\r\nPASS SECRET\r\n"),
        (SERVER, b"+OK\r\n-ERR no\r\n"), (CLIENT, b"AUTH PLAIN\r\n"),
        (SERVER, b"+ \r\n"), (CLIENT, PLAIN + b"\r\n"),
        (SERVER, b"+OK in\r\n")])
    write("pop3", "quiet", TCP, [
        (SERVER, b"+OK ready\r\n"), (CLIENT, b"USER bob\r\n"),
        (SERVER, b"+OK\r\n"), (CLIENT, b"PASS SECRET\r\n"),
        (SERVER, b"-ERR no\r\n"),
        (CLIENT, b"APOP bob c4c9334bac560ecc979e58001b3e22fb\r\n"),
        (SERVER, b"+OK\r\n")])
    write("pop3", "tls", TCP_AT_PORT, [
        (SERVER, b"+OK <1896.697170952@mail.example>\r\n"),
        (CLIENT, b"STLS\r\n"), (SERVER, b"+OK go on\r\n"), (CLIENT, HELLO)])


def imap():
    write("imap", "login", TCP, [
        (SERVER, b"* OK [CAPABILITY IMAP4rev1] ready\r\n"),
        (CLIENT, b"a1 CAPABILITY\r\na2 login \"b\\\"ob\" \"SECRET\"\r\n"),
        (SERVER, b"* CAPABILITY IMAP4rev1\r\na1 OK done\r\na2 NO no\r\n"),
        (CLIENT, b"a3 AUTHENTICATE PLAIN " + PLAIN + b"\r\n"),
        (SERVER, b"a3 OK in\r\n")])
    write("imap", "literals", TCP, [
        (CLIENT, b"1 LOGIN {3}\r\n"), (SERVER, b"+ go on\r\n"),
        (CLIENT, b"bob {6+}\r\nSECRET\r\n2 LOGIN {0+}\r\n {6+}\r\nSECRET\r\n"),
        (SERVER, b"* 1 X {9}\r\n1 OK no\r\n)\r\n1 NO no\r\n2 BAD no\r\n")])
    write("imap", "tls", TCP_AT_PORT, [
        (SERVER, b"* OK ready\r\n"), (CLIENT, b"a STARTTLS\r\n"),
        (SERVER, b"a OK go on\r\n"), (CLIENT, HELLO)])
    write("imap", "preauth", TCP, [
        (SERVER, b"* PREAUTH IMAP4rev1 as bob\r\n")])


def telnet():
    write("telnet", "login", TCP, [
        (SERVER, b"\xff\xfd\x18\xff\xfd\x20\xff\xfb\3\xff\xfb\x3e"),
        (CLIENT, b"\xff\xfb\x18\xff\xfc\x20\xff\xfd\3"),
        (SERVER, b"\xff\xfa\x18\1\xff\xf0"),
        (CLIENT, b"\xff\xfa\x18\0xterm\xff\xff\xff\xf0"),
        (SERVER, b"Debian \xff\xf9\xff\xff\r\nhost LogIn: ")])
    write("telnet", "prompt", TCP_AT_PORT, [(SERVER, b"Password: ")])
    write("telnet", "long", TCP, [
        (SERVER, b"\xff\xfb\1\xff\xfb\3" + b"x" * 300),
        (CLIENT, b"y" * 300)])


def xmpp():
    client = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
              b"to='example.org' from=\"bob@example.org\" version='1.0'>")
    server = (b"<?xml version='1.0'?>\n<stream:stream xmlns='jabber:client' "
              b"id='4>2' from='example.org'><stream:features>"
              b"<starttls/></stream:features>")
    write("xmpp", "tls", TCP, [
        (CLIENT, client), (SERVER, server), (CLIENT, b"<starttls/>"),
        (SERVER, b"<proceed/>"), (CLIENT, HELLO)])
    write("xmpp", "login", TCP, [
        (CLIENT, client), (SERVER, server),
        (CLIENT, b"<auth mechanism='PLAIN'>" + PLAIN + b"</auth>"),
        (SERVER, b"<failure/>"),
        (CLIENT, b"<auth mechanism='X'/><response>Yz1i</response>"),
        (SERVER, b"<success>dj0x</success>")])
    write("xmpp", "old", TCP, [
        (SERVER, server), (CLIENT, client),
        (CLIENT, b"<iq><query><username>bob</username><password>SECRET"
         b"</password></query></iq>")])


def socks():
    write("socks", "name", TCP, [
        (CLIENT, b"\5\1\0"), (SERVER, b"\5\0"),
        (CLIENT, b"\5\1\0\3\x09b.example\x01\xbb"),
        (SERVER, b"\5\0\0\1\x0a\0\0\2\x10\0"), (CLIENT, HELLO)])
    write("socks", "login", TCP_AT_PORT, [
        (CLIENT, b"\5\2\0\2"), (SERVER, b"\5\2"),
        (CLIENT, b"\1\3bob\6SECRET"), (SERVER, b"\1\0"),
        (CLIENT, b"\5\1\0\4" + bytes(15) + b"\1\0\x50"),
        (SERVER, b"\5\5\0\3\2ab\0\0")])
    write("socks", "bind", TCP_AT_PORT, [
        (CLIENT, b"\5\1\0"), (SERVER, b"\5\0"),
        (CLIENT, b"\5\2\0\1\x0a\0\0\3\0\x15"),
        (SERVER, b"\5\0\0\1\x0a\0\0\2\x10\0"),
        (SERVER, b"\5\0\0\1\x0a\0\0\3\x20\0")])
    write("socks", "udp", TCP_AT_PORT, [
        (CLIENT, b"\5\1\0"), (SERVER, b"\5\0"),
        (CLIENT, b"\5\3\0\1" + bytes(6)), (SERVER, b"\5\0\0\1" + bytes(6))])
    write("socks", "v4", TCP, [
        (CLIENT, b"\4\1\0\x50\x0a\0\0\3bob\0"),
        (SERVER, b"\0\x5a" + bytes(6))])
    write("socks", "v4a", TCP, [
        (CLIENT, b"\4\2\1\xbb\0\0\0\1\0B.example\0"),
        (SERVER, b"\0\x5b" + bytes(6))])


smtp()
ftp()
pop3()
imap()
telnet()
xmpp()
socks()
