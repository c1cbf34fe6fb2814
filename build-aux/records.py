#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Read what a collector wrote, one JSON object a line.

    records.py sum FILE [--inspector N]
        "CONNECTIONS RECORDS PACKETS BYTES" of connection and remainder
        records (the two sides of the conservation rule).
    records.py query FILE [--inspector N] [--where EXPR] [--print EXPR]
                     [--atleast N] [--wait SECONDS]
        How many records fulfil EXPR, or EXPR of each.  Names in it are the
        keys of a record, with dots for levels: 'proto == "TCP" and
        flow.pkts_toserver > 3'; what is not there is None.  Records of
        services that were seen (event_type "listener") come beside those of
        the connection that showed them, so they count only where EXPR has
        the word.  Exits 1 when there are fewer than --atleast (default 1,
        --wait: until then).
    records.py pairs FILE [--inspector N] [--limit N]
        Who talked to whom: a table by VM name and service.
    records.py watch FILE [--inspector N] [--stop FILE]
        The same, refreshed each second until --stop exists.
    records.py stats FILE NAME KEY...
        Values of one row out of "ovs-appctl inspect/stats --json" (an
        inspector), "inspect/uplinks --json" (an uplink), "inspect/functions
        --json" (a function) or "inspect/rules --json" (a rule).
"""
import argparse
import collections
import json
import os
import sys
import time


class Names(dict):
    """A record for eval(): names are keys, levels are attributes."""

    def __missing__(self, key):
        if key in ('any', 'all', 'len', 'sorted', 'set', 'abs', 'sum', 'int',
                   'str', 'max', 'min', 'round', 'list', 'isinstance'):
            raise KeyError(key)     # A builtin.
        return None

    def __getattr__(self, key):
        return self.get(key)


def names(value):
    if isinstance(value, dict):
        return Names((k, names(v)) for k, v in value.items())
    return value


class Reader:
    """Whole lines of a file that grows; it may not be there yet."""

    def __init__(self, name):
        self.name = name
        self.at = 0
        self.rest = b''

    def take(self):
        try:
            with open(self.name, 'rb') as f:
                f.seek(self.at)
                data = f.read()
        except FileNotFoundError:
            return
        self.at += len(data)
        lines = (self.rest + data).split(b'\n')
        self.rest = lines.pop()
        for line in lines:
            yield json.loads(line)


def of_inspector(records, inspector):
    for r in records:
        if inspector is None or \
           r.get('inspect', {}).get('inspector') == inspector:
            yield r


def amounts(r):
    """Packets and bytes that a record speaks of: there, back."""
    if r['event_type'] == 'flow':
        f = r['flow']
        return (f['pkts_toserver'], f['bytes_toserver'],
                f['pkts_toclient'], f['bytes_toclient'])
    if r['event_type'] == 'inspect_remainder':
        return r['remainder']['pkts'], r['remainder']['bytes'], 0, 0
    return 0, 0, 0, 0


def do_sum(args):
    flows = set()
    n = packets = octets = 0
    for r in of_inspector(Reader(args.file).take(), args.inspector):
        if r['event_type'] not in ('flow', 'inspect_remainder'):
            continue
        n += 1
        if r['event_type'] == 'flow':
            flows.add((r['inspect']['inspector'], r['flow_id']))
        a = amounts(r)
        packets += a[0] + a[2]
        octets += a[1] + a[3]
    print(len(flows), n, packets, octets)
    return 0


def expression(text):
    return compile(' '.join(text.split()), text, 'eval')


def do_query(args):
    where = expression(args.where)
    listeners = 'listener' in args.where
    show = expression(args.print) if args.print else None
    reader = Reader(args.file)
    ends = time.monotonic() + args.wait
    n = 0
    while True:
        for r in of_inspector(reader.take(), args.inspector):
            if r.get('event_type') == 'listener' and not listeners:
                continue
            r = names(r)
            try:
                if not eval(where, {}, r):
                    continue
            except (AttributeError, TypeError):
                continue        # Of another kind.
            n += 1
            if show:
                print(eval(show, {}, r))
        if n >= args.atleast or time.monotonic() >= ends:
            break
        time.sleep(0.05)
    if not show:
        print(n)
    return 0 if n >= args.atleast else 1


# Names of services for people: by port, or by ICMP type.
SERVICES = {('TCP', 80): 'HTTP', ('TCP', 443): 'TLS', ('UDP', 53): 'DNS',
            ('TCP', 53): 'DNS', ('TCP', 5201): 'bulk', ('ICMP', 8): 'ping',
            ('IPv6-ICMP', 128): 'ping6', ('IPv6-ICMP', 135): 'neighbours',
            ('IPv6-ICMP', 136): 'neighbours', ('IPv6-ICMP', 143): 'multicast'}


def vm_name(end):
    if not end:
        return '(group)'
    return (end.get('keys', {}).get('vm-name') or end.get('port')
            or end.get('id') or '?')


def service(r):
    if r['event_type'] != 'flow':
        return r['remainder']['reason']
    key = r['proto'], r.get('dest_port', r.get('icmp_type'))
    return SERVICES.get(key, f'{key[0]}/{key[1]}' if key[1] else key[0])


class Pairs:
    def __init__(self):
        self.rows = collections.defaultdict(lambda: [set(), 0, 0, 0, 0])
        self.n = 0

    def add(self, r):
        if r['event_type'] not in ('flow', 'inspect_remainder'):
            return
        self.n += 1
        what = service(r)
        row = self.rows[vm_name(r.get('src_vm')), vm_name(r.get('dest_vm')),
                        what]
        if r['event_type'] == 'flow':
            row[0].add(r['flow_id'])
        for i, n in enumerate(amounts(r)):
            row[i + 1] += n

    def table(self, limit=None):
        yield (f'{"from":<10} {"to":<10} {"service":<16}{"connections":>12}'
               f'{"packets":>11}{"bytes":>14}')
        rows = sorted(self.rows.items(),
                      key=lambda x: -(x[1][2] + x[1][4]))[:limit]
        for (src, dst, what), (flows, p, b, q, c) in rows:
            yield (f'{src:<10} {dst:<10} {what:<16}{len(flows) or "-":>12}'
                   f'{p + q:>11,}{b + c:>14,}')
        if len(rows) < len(self.rows):
            yield f'... and {len(self.rows) - len(rows)} more'


def do_pairs(args):
    pairs = Pairs()
    for r in of_inspector(Reader(args.file).take(), args.inspector):
        pairs.add(r)
    for line in pairs.table(args.limit):
        print(line)
    return 0


def do_watch(args):
    pairs = Pairs()
    reader = Reader(args.file)
    begin = time.monotonic()
    while not (args.stop and os.path.exists(args.stop)):
        for r in of_inspector(reader.take(), args.inspector):
            pairs.add(r)
        lines = [f'{pairs.n:,} records in {time.monotonic() - begin:.0f} s '
                 '- Ctrl-C for the summary', '', *pairs.table(16)]
        sys.stdout.write('\x1b[H' + ''.join(f'{x}\x1b[K\n' for x in lines)
                         + '\x1b[J')
        sys.stdout.flush()
        for _ in range(10):
            if args.stop and os.path.exists(args.stop):
                break
            time.sleep(0.1)
    return 0


def do_stats(args):
    data = json.load(sys.stdin if args.file == '-' else open(args.file))
    rows = data.get('inspectors') or data.get('uplinks') or []
    for row in [*rows, *(x for r in rows for x in
                         r.get('functions', []) + r.get('rules', []))]:
        if row['name'] == args.name:
            break
    else:
        print(f'no row {args.name}', file=sys.stderr)
        return 1
    out = []
    for path in args.keys:
        value = row
        for word in path.split('.'):
            value = value.get(word) if isinstance(value, dict) else None
        if value is None:
            print(f'{args.name} has no {path}', file=sys.stderr)
            return 1
        out.append(sum(value.values()) if isinstance(value, dict) else value)
    print(*out)
    return 0


def main():
    parser = argparse.ArgumentParser(
        description='Read what a collector wrote.')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')

    def command(name, run, text):
        p = commands.add_parser(name, help=text)
        p.add_argument('file')
        p.set_defaults(run=run)
        return p

    for name, run, text in (('sum', do_sum, 'packets and bytes'),
                            ('query', do_query, 'records that fulfil'),
                            ('pairs', do_pairs, 'who talked to whom'),
                            ('watch', do_watch, 'the same, live')):
        p = command(name, run, text)
        p.add_argument('--inspector', type=int)
        if name == 'query':
            p.add_argument('--where', default='True')
            p.add_argument('--print')
            p.add_argument('--atleast', type=int, default=1)
            p.add_argument('--wait', type=float, default=0)
        if name == 'pairs':
            p.add_argument('--limit', type=int)
        if name == 'watch':
            p.add_argument('--stop')
    p = command('stats', do_stats, 'values out of ovs-appctl --json')
    p.add_argument('name')
    p.add_argument('keys', nargs='+')
    args = parser.parse_args()
    try:
        return args.run(args)
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
