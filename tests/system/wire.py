#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Frames with a number each, and who has seen them.

    wire.py send IFACE FROM TO [KEY=VALUE]...
        from the MAC and address of VM number FROM to those of TO: number 3
        has 52:54:00:00:00:03, 10.0.0.3 and fd00::3; TO may be "all"
        (broadcast), "group" (multicast) or "nobody" (a MAC that is nowhere).
            count=N gap=SECONDS run=N first=N   numbered from 'first' on
            ip=4|6 proto=udp|tcp|icmp sport=N dport=N flags=SA ttl=N size=N
            ident=N frags=N                     in so many fragments
            vlan=N vlan2=N                      tags, the outer one first
            sports=yes                          another source port for each
            src=ADDRESS dst=ADDRESS smac= dmac=
    wire.py hello IFACE FROM [KEY=VALUE]...
        a broadcast, by which bridges learn where FROM is
    wire.py watch LOG IFACE...
        a line of JSON for each frame that comes in, until killed
    wire.py sflow LOG PORT
        the same for those that are in sFlow datagrams to 127.0.0.1
    wire.py count LOG EXPR
        of how many lines EXPR is true; prints it
    wire.py trip RUN COUNT [--to LOG] [--via LOG]... [--not LOG]...
                 [--where EXPR] [--expect EXPR] [--wait SECONDS] [--any yes]
        whether the frames of RUN were seen exactly once each: at --to, before
        that at each --via in that order (--any: in any), and at none of --not.
        Only lines for which --where is true count; --expect must be true of
        each at --to.
    wire.py gap LOG RUN
        the longest time in ms between two frames of RUN in the log
    wire.py function NAME KEY...
        of "ovs-appctl inspect/functions --json" on stdin; dots between
        levels, a level as a whole is the sum of what is in it.  "balance" is
        in + injected - out - lost - in_flight.
"""
import ipaddress
import json
import os
import select
import socket
import struct
import sys
import time

MAGIC = b'WIRE'
VLAN = (0x8100, 0x88a8)
PROTOCOLS = {'icmp': 1, 'tcp': 6, 'udp': 17}
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def mac_bytes(text):
    return bytes.fromhex(text.replace(':', ''))


def mac_text(data):
    return data.hex(':')


class Packets:
    """An interface: whole frames in, whole frames out, tags in their
    place."""

    def __init__(self, iface):
        self.iface = iface
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # RCVBUFFORCE
        index = socket.if_nametoindex(iface)
        self.socket.setsockopt(SOL_PACKET, 1, struct.pack(
            'iHH8s', index, 1, 0, b''))     # Promiscuous.
        self.socket.bind((iface, 3))
        self.socket.setblocking(False)

    def fileno(self):
        return self.socket.fileno()

    def receive(self):
        """The frame, or None when there is none now."""
        try:
            data, controls, _, _ = self.socket.recvmsg(65600, 64)
        except BlockingIOError:
            return None
        except OSError:         # The link is down.
            return None
        for level, kind, value in controls:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack(
                    'IIIHHHH', value[:20])
                if status & 0x10:
                    tpid = tpid if status & 0x40 else 0x8100
                    data = (data[:12] + struct.pack('!HH', tpid, tci)
                            + data[12:])
        return data

    def send(self, frame):
        try:
            self.socket.send(frame)
            return True
        except OSError:         # Down, or its queue is full.
            return False


def parse(data):
    """What is known of a frame, as a dictionary; 'at' are offsets of the
    innermost headers."""
    f = {'size': len(data), 'vlan': [], 'nsh': False, 'at': {}}
    base = 0
    while True:
        if len(data) < base + 14:
            return f
        f['dmac'] = mac_text(data[base:base + 6])
        f['smac'] = mac_text(data[base + 6:base + 12])
        f['at']['eth'] = base
        at = base + 12
        kind = int.from_bytes(data[at:at + 2], 'big')
        while kind in VLAN and len(data) >= at + 6:
            f['vlan'].append(
                int.from_bytes(data[at + 2:at + 4], 'big') & 0xfff)
            at += 4
            kind = int.from_bytes(data[at:at + 2], 'big')
        at += 2
        if kind != 0x894f or len(data) < at + 8:
            break
        f['nsh'] = True
        base = at + 4 * (data[at + 1] & 0x3f)
    f['type'] = kind
    payload = data[at:]
    proto = None
    if kind == 0x0800 and len(payload) >= 20:
        f['at']['ip'] = at
        f['src'], f['dst'] = (str(ipaddress.ip_address(payload[i:i + 4]))
                              for i in (12, 16))
        f['ttl'], proto = payload[8], payload[9]
        offset = int.from_bytes(payload[6:8], 'big')
        f['frag'] = offset & 0x3fff
        at += 4 * (payload[0] & 15)
        if offset & 0x1fff:
            at = None
    elif kind == 0x86dd and len(payload) >= 40:
        f['at']['ip'] = at
        f['src'], f['dst'] = (str(ipaddress.ip_address(payload[i:i + 16]))
                              for i in (8, 24))
        proto, f['ttl'] = payload[6], payload[7]
        at += 40
        if proto == 44:
            f['frag'] = int.from_bytes(payload[42:44], 'big')
            proto = payload[40]
            at = at + 8 if f['frag'] < 8 else None
    if proto is not None:
        f['proto'] = proto
        if at is not None and proto in (6, 17) and len(data) >= at + 4:
            f['at']['l4'] = at
            f['sport'], f['dport'] = struct.unpack('!HH', data[at:at + 4])
            if proto == 6 and len(data) >= at + 14:
                f['flags'] = data[at + 13]
    i = data.find(MAGIC)
    if i >= 0 and len(data) >= i + 12:
        f['run'], f['seq'] = struct.unpack('!II', data[i + 4:i + 12])
    return f


class Log:
    """Lines of what was seen, one open file."""

    def __init__(self, name):
        self.file = open(name, 'a', encoding='ascii')
        self.write({'ready': True})

    def write(self, line):
        self.file.write(json.dumps(line) + '\n')
        self.file.flush()

    def frame(self, where, data, **more):
        f = parse(data)
        del f['at']
        self.write({'time': time.monotonic(), 'arm': where, **f, **more})


def pseudo(src, dst, proto, size):
    if len(src) == 4:
        return src + dst + struct.pack('!BBH', 0, proto, size)
    return src + dst + struct.pack('!IHBB', size, 0, 0, proto)


def transport(o, src, dst, proto, text):
    sport, dport = int(o.get('sport', 4000)), int(o.get('dport', 7))
    if 'sports' in o:
        sport += int.from_bytes(text[8:12], 'big')
    if proto == 17:
        head = struct.pack('!HHHH', sport, dport, 8 + len(text), 0)
        at = 6
    elif proto == 6:
        flags = sum(1 << 'FSRPAU'.index(c) for c in o.get('flags', 'A'))
        seq = int.from_bytes(text[8:12], 'big')
        head = struct.pack('!HHIIBBHHH', sport, dport, seq, 1, 0x50, flags,
                           8192, 0, 0)
        at = 16
    else:
        kind = 8 if len(src) == 4 else 128
        head = struct.pack('!BBHHH', kind, 0, 0, sport,
                           int.from_bytes(text[10:12], 'big'))
        at = 2
    whole = head + text
    summed = whole
    if proto != 1:
        summed = pseudo(src, dst, proto, len(whole)) + whole
    return whole[:at] + struct.pack('!H', checksum(summed)) + whole[at + 2:]


def addresses(o, who):
    if who.isdigit():
        n = int(who)
        mac = f'52:54:00:00:00:{n:02x}'
        ip = f'10.0.0.{n}' if o.get('ip', '4') == '4' else f'fd00::{n:x}'
    elif who == 'all':
        mac, ip = 'ff:ff:ff:ff:ff:ff', '10.0.0.255'
    elif who == 'group':
        mac, ip = '01:00:5e:01:01:01', '239.1.1.1'
        if o.get('ip') == '6':
            mac, ip = '33:33:00:00:01:01', 'ff02::101'
    elif who == 'nobody':
        mac, ip = '52:54:00:00:fe:fe', '10.0.0.250'
    else:
        sys.exit(f'{who}: who is that?')
    return mac, ip


def tags(o):
    return b''.join(struct.pack('!HH', 0x8100, int(o[k]))
                    for k in ('vlan', 'vlan2') if k in o)


def build(o, who, to, seq):
    """The frame with that number, as a list of its fragments."""
    smac, src = addresses(o, who)
    dmac, dst = addresses(o, to)
    src = ipaddress.ip_address(o.get('src', src)).packed
    dst = ipaddress.ip_address(o.get('dst', dst)).packed
    six = len(src) == 16
    proto = PROTOCOLS[o.get('proto', 'udp')]
    text = MAGIC + struct.pack('!II', int(o.get('run', 0)), seq)
    more = int(o.get('size', 60)) - len(text)
    # Each fragment says whose it is.
    text += text * (more // 12) if int(o.get('frags', 1)) > 1 else b'.' * more
    proto = 58 if six and proto == 1 else proto
    body = transport(o, src, dst, proto, text)
    ttl = int(o.get('ttl', 64))
    ident = (int(o.get('ident', 1)) + seq) & 0xffff
    ether = (mac_bytes(o.get('dmac', dmac)) + mac_bytes(o.get('smac', smac))
             + tags(o))
    n = int(o.get('frags', 1))
    step = -(-len(body) // n + 7) // 8 * 8 if n == 1 else \
        (len(body) // n + 7) // 8 * 8
    pieces = [body[i:i + step] for i in range(0, len(body), step)] \
        if n > 1 else [body]
    out = []
    for i, piece in enumerate(pieces):
        more = i + 1 < len(pieces)
        if six:
            if n > 1:
                piece = struct.pack('!BBHI', proto, 0, i * step | more,
                                    ident) + piece
            head = struct.pack('!IHBB', 6 << 28, len(piece),
                               44 if n > 1 else proto, ttl) + src + dst
            out.append(ether + b'\x86\xdd' + head + piece)
        else:
            head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(piece), ident,
                               i * step // 8 | more << 13, ttl, proto, 0)
            head += src + dst
            head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
            out.append(ether + b'\x08\x00' + head + piece)
    return out


def options(words):
    return dict(w.split('=', 1) for w in words)


def do_send(iface, who, to, *words):
    o = options(words)
    out = Packets(iface)
    gap = float(o.get('gap', 0.001))
    first = int(o.get('first', 0))
    for seq in range(first, first + int(o.get('count', 20))):
        for frame in build(o, who, to, seq):
            while not out.send(frame):
                time.sleep(0.001)
        time.sleep(gap)


def do_hello(iface, who, *words):
    o = options(words)
    mac, ip = addresses(o, who)
    mac = mac_bytes(o.get('smac', mac))
    ip = ipaddress.ip_address(o.get('src', ip)).packed[-4:]
    arp = struct.pack('!HHBBH', 1, 0x800, 6, 4, 2) + mac + ip + bytes(6) + ip
    Packets(iface).send(b'\xff' * 6 + mac + tags(o) + b'\x08\x06' + arp)


def do_watch(log, *ifaces):
    ports = [Packets(i) for i in ifaces]
    log = Log(log)
    while True:
        for port in select.select(ports, [], [])[0]:
            while (data := port.receive()) is not None:
                log.frame(port.iface, data)


def do_sflow(log, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('127.0.0.1', int(port)))
    log = Log(log)
    while True:
        data = s.recv(65535)
        i = 0
        while (i := data.find(MAGIC, i)) >= 0:
            run, seq = struct.unpack('!II', data[i + 4:i + 12])
            log.write({'time': time.monotonic(), 'arm': 'sflow', 'run': run,
                       'seq': seq})
            i += 12


class Names(dict):
    def __missing__(self, key):
        if key in ('any', 'all', 'len', 'set', 'int', 'str'):
            raise KeyError(key)
        return None


def lines(log):
    with open(log, encoding='ascii') as f:
        for line in f:
            if line.endswith('\n'):
                line = Names(json.loads(line))
                if 'time' in line:
                    yield line


def test(expr, line):
    try:
        return eval(expr, {}, line)
    except TypeError:       # Of another kind.
        return False


def expression(text):
    return compile(' '.join(text.split()), text, 'eval')


def do_count(log, expr):
    expr = expression(expr)
    print(sum(1 for line in lines(log) if test(expr, line)))


def seen(log, run, where):
    """By number: when, and the lines."""
    found = {}
    for line in lines(log):
        if line.get('run') == run and test(where, line):
            found.setdefault(line['seq'], []).append(line)
    return found


def faults(log, found, count, first=0):
    text = []
    missing = [i for i in range(first, first + count) if i not in found]
    again = [i for i, what in found.items() if len(what) > 1]
    if missing:
        text.append(f'{log}: {len(missing)} of {count} did not come: '
                    f'{missing[:10]}')
    if again:
        text.append(f'{log}: {len(again)} came more than once: {again[:10]}')
    return text


def trip(run, count, to, via, never, where, expect, any_order):
    problems = []
    stops = [seen(log, run, where) for log in via]
    if to:
        stops.append(seen(to, run, where))
    for log, found in zip(via + [to], stops):
        problems += faults(log, found, count)
    for i in range(0 if any_order else len(stops) - 1):
        wrong = [n for n in stops[i] if n in stops[i + 1]
                 and stops[i][n][0]['time'] > stops[i + 1][n][0]['time']]
        if wrong:
            problems.append(f'stop {i} after stop {i + 1}: {wrong[:10]}')
    for log in never:
        found = seen(log, run, where)
        if found:
            problems.append(f'{log}: saw {len(found)}: '
                            f'{dict(next(iter(found.values()))[0])}')
    if to:
        wrong = [line for what in stops[-1].values() for line in what
                 if not test(expect, line)]
        if wrong:
            problems.append(f'{to}: {len(wrong)} not as expected: '
                            f'{dict(wrong[0])}')
    return problems


def do_trip(*words):
    run, count = int(words[0]), int(words[1])
    o = {'--to': [], '--via': [], '--not': [], '--where': ['True'],
         '--expect': ['True'], '--wait': ['20'], '--any': ['']}
    for key, value in zip(words[2::2], words[3::2]):
        if key in ('--via', '--not'):
            o[key].append(value)
        else:
            o[key] = [value]
    args = (run, count, o['--to'][0] if o['--to'] else None, o['--via'],
            o['--not'], expression(o['--where'][0]),
            expression(o['--expect'][0]), o['--any'][0])
    ends = time.monotonic() + float(o['--wait'][0])
    while trip(*args) and time.monotonic() < ends:
        time.sleep(0.1)
    time.sleep(0.2)         # One too many may still be on its way.
    problems = trip(*args)
    print('\n'.join(problems))
    sys.exit(1 if problems else 0)


def do_gap(log, run):
    times = sorted(line['time'] for line in lines(log)
                   if line.get('run') == int(run))
    print(round(1000 * max((b - a for a, b in zip(times, times[1:])),
                           default=0)))


def do_function(name, *keys):
    for inspector in json.load(sys.stdin)['inspectors']:
        for row in inspector.get('functions') or []:
            if row['name'] == name:
                break
        else:
            continue
        break
    else:
        sys.exit(f'no function {name}')

    def value(path):
        if path == 'balance':
            return (value('in') + value('injected') - value('out')
                    - value('lost') - value('in_flight'))
        v = row
        for word in path.split('.'):
            v = v[word]
        return sum(v.values()) if isinstance(v, dict) else v

    print(*map(value, keys))


def main():
    name = 'do_' + sys.argv[1] if len(sys.argv) > 2 else ''
    if name not in globals():
        sys.exit(__doc__.strip())
    try:
        globals()[name](*sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os._exit(1)


if __name__ == '__main__':
    main()
