#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds what ovs-inspect-probe says of captures against what tshark says.

    agree.py [--probe=FILE] [--list] [--cache=FOLDER] [NAME]...

$INSP_PCAPS names a folder of captures; NAME: only those whose path contains
one of them.  Prints a table, every difference that agree-exceptions.txt does
not explain (--list: every difference), and speaks TAP; exits with 1 when one
is unexplained or a field agrees less than that file states.

What is compared
----------------
Values, per capture and field, as multisets: what tshark has more often is
*missing*, what the probe has more often is *invented*.

  tls.sni tls.alpn tls.ja3 tls.ja3s     TLS over TCP, and DTLS
  quic.sni quic.alpn quic.ja3 quic.ja3s
  dns.name mdns.name llmnr.name         names that are asked for
  http.host http.uri http.agent         versions 1 and 2
  ssh.banner

What both can see
-----------------
* A value that one connection says again is counted once, where it is the same
  thing that is said again: fields of a handshake (hellos that repeat after a
  retry or were sent twice, an ALPN name that is offered and then chosen),
  banners, and names of DNS and LLMNR with the same number (a question, the
  same question again, its answer).  Requests and messages of mDNS count each.
* tshark looks for protocols by port.  It is made to try content first and to
  reassemble what is out of order.  Where the probe says more than tshark,
  tshark is asked a second time with those ports decoded as the probe named
  them ("-d"), and what it says of a connection either time counts, in both
  directions.
* tshark says nothing of a request whose body is not complete.  What is then
  still invented, is looked for a third time with tshark told to wait neither
  for heads nor for bodies; there only what the probe has said counts, as
  tshark then takes pieces for messages.
* Dialogs inside of tunnels (GRE, VXLAN, Geneve, GTP, ...) and of link layers
  that the probe does not read (PPP, MPLS, 802.11, FDDI, three VLAN tags, ...)
  are set aside, by the names that tshark gives to the layers (UNSEEN); the
  table says how many frames that are.  A capture of such a link type that the
  probe refuses is passed over.
* Packets quoted by ICMP errors are not traffic; what tshark reads in them is
  left out.
* The port behind a host is a field of its own in the probe's records; tshark's
  host is taken without it.  Of an SSH banner the probe has version and
  software; tshark's is cut at the first blank.
* Values are compared by their first LONG characters, as both cut long ones
  somewhere; any run of characters beyond printable ASCII is one '?', as both
  write them in their own way.  The root of DNS is '.'.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
EXCEPTIONS = os.path.join(HERE, 'agree-exceptions.txt')
TIMEOUT = 120
LONG = 200
SHOWN = 60                      # Unexplained differences.
JOBS = 2

FIELDS = ('tls.sni', 'tls.alpn', 'tls.ja3', 'tls.ja3s', 'quic.sni',
          'quic.alpn', 'quic.ja3', 'quic.ja3s', 'dns.name', 'mdns.name',
          'llmnr.name', 'http.host', 'http.uri', 'http.agent', 'ssh.banner')
MISSING, INVENTED = 'missing', 'invented'

# 'tell': what is told once, or None.
Item = collections.namedtuple('Item', 'field value where stream tell')


def plain(text):
    return re.sub(r'[^!-~ ]+', '?', text)[:LONG].strip()


def host_of(text):
    """Without a user in front and a port behind."""
    return re.sub(r':\d*$', '', text.rsplit('@', 1)[-1]).strip()


def banner_of(text):
    return re.sub(r'[ \r\n].*', '', text, flags=re.DOTALL)


def once(items):
    """Each thing that is told once, in order."""
    seen = set()
    for item in items:
        key = (item.field, item.value, item.tell)
        if item.tell is None or key not in seen:
            seen.add(key)
            yield item


# tshark.

PREFERENCES = ('tcp.desegment_tcp_streams:TRUE',
               'tcp.reassemble_out_of_order:TRUE',
               'tcp.try_heuristic_first:TRUE',
               'udp.try_heuristic_first:TRUE',
               'tcp.analyze_sequence_numbers:TRUE',
               'tls.desegment_ssl_records:TRUE',
               'tls.desegment_ssl_application_data:TRUE',
               'http.desegment_headers:TRUE',
               'dns.desegment_dns_messages:TRUE',
               'quic.reassemble_crypto_out_of_order:TRUE')
# For what is not complete: behind a gap, without its body, without its head.
PARTIAL = (('tcp.reassemble_out_of_order:FALSE',),
           ('tcp.reassemble_out_of_order:FALSE', 'http.desegment_body:FALSE'),
           ('tcp.reassemble_out_of_order:FALSE', 'http.desegment_body:FALSE',
            'http.desegment_headers:FALSE'))
COLUMNS = ('frame.number', 'frame.protocols', 'ip.src', 'ip.dst', 'ipv6.src',
           'ipv6.dst', 'tcp.srcport', 'tcp.dstport', 'udp.srcport',
           'udp.dstport', 'tcp.stream', 'udp.stream',
           'tls.handshake.extensions_server_name',
           'tls.handshake.extensions_alpn_str', 'tls.handshake.ja3',
           'tls.handshake.ja3s', 'dtls.handshake.extensions_server_name',
           'dtls.handshake.extensions_alpn_str', 'dtls.handshake.ja3',
           'dtls.handshake.ja3s', 'dns.id', 'dns.qry.name', 'http.host',
           'http.request.uri', 'http.user_agent', 'http2.headers.authority',
           'http2.headers.path', 'http2.headers.user_agent', 'ssh.protocol')
WANTED = ('tls.handshake || dtls.handshake || dns.qry.name || '
          'http.request || http2.headers.path || ssh.protocol')
# A head that is not whole is malformed to tshark, and no request.
WANTED_PARTIAL = WANTED + (' || http.request.uri || http.host || '
                           'http.user_agent')
AMONG = '\x1e'
# What the probe does not look into: it says what a tunnel carries, and counts
# what it cannot read, but reads no dialogs there.
UNSEEN = {'arcnet', 'ayiya', 'fddi', 'geneve', 'gre', 'gtp', 'ipoib', 'mpls',
          'nflog', 'pktap', 'ppp', 'pppoes', 'vxlan', 'wlan'}
VLANS = 2
DNS_PORTS = (('5353', 'mdns'), ('5355', 'llmnr'))
DNS_PORT, NETBIOS_PORT = '53', '137'


class Tshark:
    def __init__(self, cache):
        self.cache = cache
        self.version = subprocess.run(
            ['tshark', '--version'], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=True).stdout

    def items(self, path, decode_as=(), preferences=()):
        """Of what the probe looks into."""
        return [item for item in self.all_items(path, decode_as, preferences)
                if item.field != 'unseen']

    def all_items(self, path, decode_as=(), preferences=()):
        return list(once(item
                         for frame in self.run(path, decode_as, preferences)
                         for item in items_of_frame(frame)))

    def run(self, path, decode_as, preferences):
        """Frames, as columns."""
        args = ['tshark', '-n', '-r', path, '-Y',
                WANTED_PARTIAL if preferences else WANTED, '-T', 'fields',
                '-E', 'occurrence=a', '-E', 'aggregator=' + AMONG]
        for preference in PREFERENCES + tuple(preferences):
            args += ['-o', preference]
        for rule in decode_as:
            args += ['-d', rule]
        for column in COLUMNS:
            args += ['-e', column]
        kept = self.kept(path, args)
        if kept and os.path.exists(kept):
            with open(kept, 'rb') as f:
                out = f.read()
        else:
            out = subprocess.run(args, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL,
                                 timeout=TIMEOUT).stdout
            if kept and out:
                with open(kept + '.new', 'wb') as f:
                    f.write(out)
                os.rename(kept + '.new', kept)
        for line in out.decode(errors='replace').split('\n')[:-1]:
            values = line.split('\t')
            if len(values) == len(COLUMNS):
                yield {c: v.split(AMONG) if v else []
                       for c, v in zip(COLUMNS, values)}

    def kept(self, path, args):
        if not self.cache:
            return None
        digest = hashlib.sha256(self.version)
        digest.update('\0'.join(args[4:]).encode())
        with open(path, 'rb') as f:
            digest.update(f.read())
        return os.path.join(self.cache, digest.hexdigest()[:32])


def where_of(frame):
    """Frame and the innermost 5-tuple, for the reader of the list."""
    ends = [(frame[a] or frame[b] or ['?'])[-1]
            for a, b in (('ip.src', 'ipv6.src'), ('ip.dst', 'ipv6.dst'))]
    ports = [(frame[a] or frame[b] or ['?'])[-1]
             for a, b in (('tcp.srcport', 'udp.srcport'),
                          ('tcp.dstport', 'udp.dstport'))]
    return 'frame %s %s:%s > %s:%s' % (frame['frame.number'][0], ends[0],
                                       ports[0], ends[1], ports[1])


def items_of_frame(frame):
    layers = frame['frame.protocols'][0].split(':')
    if 'icmp' in layers or 'icmpv6' in layers:
        return
    if UNSEEN.intersection(layers) or layers.count('vlan') > VLANS:
        yield Item('unseen', '', '', None, None)
        return
    where = where_of(frame)
    if frame['tcp.stream'] and 'dtls' not in layers and 'quic' not in layers:
        stream = 'tcp', frame['tcp.stream'][-1]
    else:
        stream = 'udp', (frame['udp.stream'] or frame['tcp.stream'] or
                         frame['frame.number'])[-1]

    tls = 'quic' if 'quic' in layers else 'tls'
    for field, name in (('sni', 'extensions_server_name'),
                        ('alpn', 'extensions_alpn_str'),
                        ('ja3', 'ja3'), ('ja3s', 'ja3s')):
        for layer in ('tls', 'dtls'):
            for value in frame['%s.handshake.%s' % (layer, name)]:
                yield Item('%s.%s' % (tls, field), plain(value), where,
                           stream, stream)
    ports = [p for c in ('tcp.srcport', 'tcp.dstport', 'udp.srcport',
                         'udp.dstport') for p in frame[c]]
    dns = next((n for p, n in DNS_PORTS if p in ports
                and DNS_PORT not in ports), 'dns')
    ids, names = frame['dns.id'], frame['dns.qry.name']
    if NETBIOS_PORT in ports:
        names = []
    for i, name in enumerate(names):
        number = ids[min(i, len(ids) - 1)] if ids else ''
        number = int(number, 0) if number else 0
        name = '.' if name == '<Root>' else name
        yield Item(dns + '.name', plain(name).lower(), where, stream,
                   None if dns == 'mdns' else (stream, number))
    for field, column, change in (
            ('http.host', 'http.host', host_of),
            ('http.uri', 'http.request.uri', str),
            ('http.agent', 'http.user_agent', str),
            ('http.host', 'http2.headers.authority', host_of),
            ('http.uri', 'http2.headers.path', str),
            ('http.agent', 'http2.headers.user_agent', str)):
        if 'ssdp' not in layers:
            for value in frame[column]:
                yield Item(field, plain(change(value)), where, stream, None)
    for value in frame['ssh.protocol']:
        yield Item('ssh.banner', plain(banner_of(value)), where, stream,
                   stream)


# The probe.

def records_of(probe, path):
    result = subprocess.run([probe, '-r', path], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            timeout=TIMEOUT)
    if result.returncode not in (0, 1):     # 1: refused, or cut.
        sys.exit('%s: the probe exits with %d' % (path, result.returncode))
    for line in result.stdout.splitlines():
        yield json.loads(line)


def items_of_record(record):
    kind = record['event_type']
    about = record.get(kind, {})
    where = '%s:%s > %s:%s' % tuple(record.get(key, '?') for key in (
        'src_ip', 'src_port', 'dest_ip', 'dest_port'))
    flow = record.get('flow_id'), where

    if kind in ('tls', 'quic'):
        values = [('sni', about.get('sni'))]
        values += [('alpn', v) for key in ('client_alpns', 'server_alpns')
                   for v in about.get(key, ())]
        values += [(key, about.get(key, {}).get('hash'))
                   for key in ('ja3', 'ja3s')]
        for field, value in values:
            if value:
                yield Item('%s.%s' % (kind, field), plain(value), where, flow,
                           flow)
    elif kind == 'dns':
        app = record.get('app_proto')
        app = app if app in ('mdns', 'llmnr') else 'dns'
        names = [n for g in about.get('questions', {}).values() for n in g]
        if not names and 'rrname' in about and not (
                app == 'mdns' and about.get('qr')):
            names = [about['rrname']]
        for name in names:
            yield Item(app + '.name', plain(name).lower() or '.', where, flow,
                       None if app == 'mdns' else (flow, about.get('id', 0)))
    elif kind == 'http':
        for field, key in (('http.host', 'hostname'), ('http.uri', 'url'),
                           ('http.agent', 'http_user_agent')):
            if key in about:
                yield Item(field, plain(about[key]), where, flow, None)
    elif kind == 'ssh':
        for side in ('client', 'server'):
            end = about.get(side, {})
            if 'proto_version' in end:
                yield Item('ssh.banner', plain('SSH-%s-%s' % (
                    end['proto_version'], end.get('software_version', ''))),
                    where, flow, flow)


def decode_as(records):
    """How tshark is to be asked again: sets of rules, as one port can be one
    protocol at a time."""
    rules = set()
    for record in records:
        kind, app = record['event_type'], record.get('app_proto')
        proto = record.get('proto', '').lower()
        ports = record.get('src_port'), record.get('dest_port')
        if (kind not in ('tls', 'http', 'ssh', 'dns', 'quic')
                or None in ports or proto not in ('tcp', 'udp')):
            continue
        name = {('tls', 'udp'): 'dtls', ('http', 'tcp'): 'http'}.get(
            (kind, proto), kind)
        if app in ('http2', 'mdns', 'llmnr'):
            name = app
        # Who answers; in a dialog met in its middle it may be the other.
        rules.add('%s.port==%d,%s' % (proto, ports[1], name))
        if ports[0] < min(ports[1], 32768):
            rules.add('%s.port==%d,%s' % (proto, ports[0], name))
    passes = []
    for rule in sorted(rules):
        selector = rule.split(',')[0]
        for some in passes:
            if all(r.split(',')[0] != selector for r in some):
                some.append(rule)
                break
        else:
            passes.append([rule])
    return passes


# Both.

def surplus(items, others):
    """What 'items' have more often than 'others'."""
    left = collections.Counter((i.field, i.value) for i in others)
    result = []
    for item in items:
        if left[item.field, item.value] > 0:
            left[item.field, item.value] -= 1
        else:
            result.append(item)
    return result


def differences(theirs, ours):
    return ([(MISSING, i) for i in surplus(theirs, ours)]
            + [(INVENTED, i) for i in surplus(ours, theirs)])


def at_least(items, more):
    """What is in either, each as often as in the one that has it more often;
    a connection is looked at alone."""
    def key(item):
        return item.field, item.value, item.stream

    left = collections.Counter(key(i) for i in items)
    result = list(items)
    for item in more:
        if left[key(item)] > 0:
            left[key(item)] -= 1
        else:
            result.append(item)
    return result


def confirmed(found, partial):
    """Without what is invented and stands in 'partial'."""
    left = collections.Counter((i.field, i.value) for i in partial)
    result, added = [], []
    for kind, item in found:
        if kind == INVENTED and left[item.field, item.value] > 0:
            left[item.field, item.value] -= 1
            added.append(item)
        else:
            result.append((kind, item))
    return result, added


def compare(tshark, probe, path):
    records = list(records_of(probe, path))
    ours = list(once(i for r in records for i in items_of_record(r)))
    if not records:             # A link type that is not read at all.
        return [], [], [], 0
    theirs = tshark.all_items(path)
    unseen = len(theirs)
    theirs = [i for i in theirs if i.field != 'unseen']
    unseen -= len(theirs)
    found, passes = differences(theirs, ours), []
    if any(kind == INVENTED for kind, _ in found):
        passes = decode_as(records)
        for rules in passes:
            theirs = at_least(theirs, tshark.items(path, rules))
        found = differences(theirs, ours)
    for preferences, rules in itertools.product(PARTIAL, passes):
        if any(kind == INVENTED for kind, _ in found):
            found, added = confirmed(found, surplus(
                tshark.items(path, rules, preferences), theirs))
            theirs = theirs + added
    return theirs, ours, found, unseen


class Exceptions:
    """Lines of agree-exceptions.txt:

    CAPTURE | FIELD | VALUE | missing or invented | reason
    atleast | FIELD or * | percent

    CAPTURE ends a path; a FIELD that ends in * is a beginning; a VALUE of *
    is any, and *N any, for at most N differences of a field.
    """

    def __init__(self, path):
        self.lines, self.least = [], {}
        self.used = collections.Counter()
        with open(path, encoding='utf-8') as f:
            for number, line in enumerate(f, 1):
                line = line.strip()
                if not line or line.startswith('#'):
                    continue
                parts = [p.strip() for p in line.split(' | ')]
                if parts[0] == 'atleast' and len(parts) == 3:
                    self.least[parts[1]] = float(parts[2])
                elif len(parts) == 5 and parts[3] in (MISSING, INVENTED):
                    self.lines.append(parts)
                else:
                    sys.exit('%s:%d: cannot be read' % (path, number))

    def explain(self, name, kind, item):
        for i, (capture, field, value, what, _) in enumerate(self.lines):
            if (name.endswith(capture) and kind == what
                    and (field == item.field or field.endswith('*')
                         and item.field.startswith(field[:-1]))
                    and (value in ('*', item.value)
                         or re.fullmatch(r'\*\d+', value)
                         and self.used[i, item.field] < int(value[1:]))):
                self.used[i, item.field] += 1
                return True
        return False

    def unused(self):
        return ['%s | %s | %s | %s' % tuple(line[:4])
                for i, line in enumerate(self.lines)
                if all(used != i for used, _ in self.used)]


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def captures_in(folder, names):
    for top, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(top, name)
            if (not name.endswith(('.md', '.txt', '.py'))
                    and (not names or any(n in path for n in names))):
                yield path


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0])
    parser.add_argument('--probe', default=os.environ.get(
        'PROBE', 'utilities/ovs-inspect-probe'))
    parser.add_argument('--list', action='store_true',
                        help='print every difference')
    parser.add_argument('--cache', help='folder for what tshark has said')
    parser.add_argument('--jobs', type=int, default=JOBS)
    parser.add_argument('names', nargs='*')
    args = parser.parse_args()
    folder = os.environ.get('INSP_PCAPS')
    for missing, why in ((not folder, 'INSP_PCAPS names no folder'),
                         (not shutil.which('tshark'), 'there is no tshark')):
        if missing:
            print('ok 1 - agreement with tshark # SKIP %s\n1..1' % why)
            return 0
    if args.cache:
        os.makedirs(args.cache, exist_ok=True)
    exceptions = Exceptions(EXCEPTIONS)
    tshark, probe = Tshark(args.cache), os.path.abspath(args.probe)
    if not tshark.items(os.path.join(HERE, 'http', 'input.pcap')):
        print('not ok 1 - tshark does not take these arguments\n1..1')
        return 1
    paths = sorted(captures_in(folder, args.names))
    sums = {f: collections.Counter() for f in FIELDS}
    open_ends, n_unseen = [], 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = pool.map(lambda p: compare(tshark, probe, p), paths)
        for path, (theirs, ours, found, unseen) in zip(paths, results):
            n_unseen += unseen
            name = os.path.relpath(path, folder)
            for item in theirs:
                sums[item.field]['theirs'] += 1
            for item in ours:
                sums[item.field]['ours'] += 1
            for kind, item in found:
                sums[item.field][kind] += 1
                explained = exceptions.explain(name, kind, item)
                sums[item.field][kind + '-left'] += not explained
                if not explained:
                    open_ends.append((name, kind, item))
                if args.list:
                    print('%s | %s | %s | %s | %s%s' % (
                        name, item.field, item.value, kind, item.where,
                        ' (explained)' if explained else ''))
    print('# %d frames set aside: in what the probe does not look into'
          % n_unseen)
    return report(sums, exceptions, open_ends, args)


def report(sums, exceptions, open_ends, args):
    """The table, and what is a fault."""
    head = '# %-11s %6s %6s %8s %8s   %7s %7s   %7s %7s'
    print(head % ('field', 'tshark', 'probe', 'missing', 'invented',
                  'found%', 'right%', 'found%', 'right%'))
    print('# %-11s %6s %6s %8s %8s   %15s   %15s' % (
        '', '', '', '', '', 'as it is', 'with exceptions'))
    faults = []
    for field in FIELDS:
        s = sums[field]
        found = percent(s['theirs'] - s[MISSING], s['theirs'])
        right = percent(s['ours'] - s[INVENTED], s['ours'])
        found_left = percent(s['theirs'] - s[MISSING + '-left'], s['theirs'])
        right_left = percent(s['ours'] - s[INVENTED + '-left'], s['ours'])
        print(('# %-11s %6d %6d %8d %8d   %7.2f %7.2f   %7.2f %7.2f') % (
            field, s['theirs'], s['ours'], s[MISSING], s[INVENTED], found,
            right, found_left, right_left))
        least = exceptions.least.get(field, exceptions.least.get('*', 0))
        if min(found, right) < least and not args.names:
            faults.append('%s: less than %.2f %%' % (field, least))
    for name, kind, item in open_ends[:SHOWN]:
        if not args.list:
            print('# %s | %s | %s | %s | %s' % (
                name, item.field, item.value, kind, item.where))
    if len(open_ends) > SHOWN and not args.list:
        print('# ... %d more; see --list' % (len(open_ends) - SHOWN))
    stale = [] if args.names else exceptions.unused()
    for line in stale:
        print('# explains nothing: ' + line)
    for n, (ok, text) in enumerate((
            (not open_ends, 'no difference to tshark is unexplained'),
            (not stale, 'no exception is stale'),
            (not faults, 'agreement with tshark' + ''.join(
                '; ' + f for f in faults))), 1):
        print('%sok %d - %s' % ('' if ok else 'not ', n, text))
    print('1..3')
    return 1 if open_ends or faults or stale else 0


if __name__ == '__main__':
    sys.exit(main())
