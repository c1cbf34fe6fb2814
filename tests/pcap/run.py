#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs ovs-inspect-probe over captures and holds its records against what
they were; speaks TAP.

    run.py [--probe=FILE] [--once] [NAME]...
    run.py [--probe=FILE] --update NAME...

A test is a folder: input.pcap (make.py makes it), expected.json, and where
there is need args (more options, one a line) and expected.err (then the probe
exits with 1, having said that).  Each capture is read packet by packet, in
full batches and from stdin, which must give the same bytes, those of
expected.json; and with the packets cut to three lengths, which must change no
sum.  The sums over all records are the packets and bytes of the file, as this
program counts them.  --update writes expected.json anew: look at what git
makes of it.

Every reader of lib/app/app.def has a folder, app-READER (dialogs.py), in which
a dialog that is sent in two ways must be told in the same words.  make.py and
tests/fuzz/make-corpus-*.py must write again what is there.

$INSP_PCAPS names a folder of other captures: each must be read to its end, or
be refused with a reason, and batches must make no difference (--once: that is
not asked).

A mutation that this finds: a batch that goes on over a turn (session.c, the
flush in turns_until()).
"""
import argparse
import concurrent.futures
import difflib
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
import dialogs                                              # noqa: E402
import make                                                 # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SNAPLENS = (64, 128, 256)
TIMEOUT = 300
SHOWN = 20                      # Lines of a difference.

# Link header and what stands in its place.
LINKS = {1: (0, 0), 113: (16, 14), 276: (20, 14), 101: (0, 14), 12: (0, 14),
         228: (0, 14), 229: (0, 14), 0: (4, 14), 108: (4, 14)}


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def say(self, ok, name, why=()):
        self.n += 1
        self.failed += not ok
        print('%sok %d - %s' % ('' if ok else 'not ', self.n, name))
        for line in why:
            print('# ' + line)
        sys.stdout.flush()

    def skip(self, name, why):
        self.n += 1
        print('ok %d - %s # SKIP %s' % (self.n, name, why))


def probe(program, path, *args, stdin=subprocess.DEVNULL):
    env = dict(os.environ)
    env.setdefault('ASAN_OPTIONS', 'detect_leaks=1')
    return subprocess.run([program, '-r', path, *args], timeout=TIMEOUT,
                          stdin=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=env)


# What is in a capture, read in another way than the probe reads it.

def lengths_of_pcap(data):
    order = '<' if data[0] in (0xd4, 0x4d) else '>'
    link = struct.unpack_from(order + 'I', data, 20)[0] & 0xffff
    at = 24
    while at + 16 <= len(data):
        size, wire = struct.unpack_from(order + 'II', data, at + 8)
        if at + 16 + size > len(data):
            return
        yield link, wire
        at += 16 + size


def lengths_of_ng(data):
    order, links, at = '<', [], 0
    while at + 12 <= len(data):
        kind, size = struct.unpack_from(order + 'II', data, at)
        if kind == 0x0a0d0d0a:
            order = '<' if data[at + 8] == 0x4d else '>'
            size = struct.unpack_from(order + 'I', data, at + 4)[0]
            links = []
        if at + size > len(data):
            # The packet may be whole and only its block cut.
            if kind != 6 or at + 28 + struct.unpack_from(
                    order + 'I', data, at + 20)[0] > len(data):
                return
        if kind == 1:
            links.append(struct.unpack_from(order + 'H', data, at + 8)[0])
        elif kind == 6:
            number, = struct.unpack_from(order + 'I', data, at + 8)
            yield links[number], struct.unpack_from(order + 'I', data,
                                                    at + 24)[0]
        elif kind == 3:
            yield links[0], struct.unpack_from(order + 'I', data, at + 8)[0]
        elif kind == 2:
            number, = struct.unpack_from(order + 'H', data, at + 8)
            yield links[number], struct.unpack_from(order + 'I', data,
                                                    at + 24)[0]
        at += size


def sums_of_capture(path):
    with open(path, 'rb') as f:
        data = f.read()
    packets = size = 0
    for link, wire in (lengths_of_ng if data[:4] == b'\x0a\x0d\x0d\x0a'
                       else lengths_of_pcap)(data):
        away, instead = LINKS[link]
        packets += 1
        size += max(wire - away, 0) + instead
    return packets, size


def sums_of_records(text):
    packets = size = 0
    for line in text.splitlines():
        record = json.loads(line)
        if record['event_type'] == 'flow':
            flow = record['flow']
            packets += flow['pkts_toserver'] + flow['pkts_toclient']
            size += flow['bytes_toserver'] + flow['bytes_toclient']
        elif record['event_type'] == 'inspect_remainder':
            packets += record['remainder']['pkts']
            size += record['remainder']['bytes']
    return packets, size


# The tests.

def difference(expected, found):
    lines = list(difflib.unified_diff(
        expected.decode(errors='replace').splitlines(),
        found.decode(errors='replace').splitlines(), 'expected', 'found',
        lineterm='', n=1))
    return lines[:SHOWN] + ['...'] * (len(lines) > SHOWN)


def read(path):
    try:
        with open(path, 'rb') as f:
            return f.read()
    except FileNotFoundError:
        return None


class Golden:
    def __init__(self, program, name):
        self.program = program
        self.name = name
        self.folder = os.path.join(HERE, name)
        self.capture = os.path.join(self.folder, 'input.pcap')
        self.expected = read(os.path.join(self.folder, 'expected.json'))
        self.error = read(os.path.join(self.folder, 'expected.err'))
        args = read(os.path.join(self.folder, 'args'))
        self.args = args.decode().split('\n')[:-1] if args else []

    def run(self, *args):
        return probe(self.program, self.capture, *self.args, *args)

    def said(self, result):
        """What is on stderr, without where the capture is."""
        return result.stderr.replace(self.capture.encode(), b'input.pcap')

    def is_fine(self, result):
        return (result.returncode == (self.error is not None)
                and self.said(result) == (self.error or b''))

    def update(self):
        result = self.run()
        if result.returncode not in (0, 1):
            sys.exit('%s: exit status %d\n%s' % (
                self.name, result.returncode,
                result.stderr.decode(errors='replace')))
        for name, data in (('expected.json', result.stdout),
                           ('expected.err', self.said(result))):
            path = os.path.join(self.folder, name)
            if data or name == 'expected.json':
                with open(path, 'wb') as f:
                    f.write(data)
            elif os.path.exists(path):
                os.unlink(path)

    def test(self, tap):
        one, full = self.run('--batch=1'), self.run('--batch=32')
        if self.expected is None:
            tap.say(False, self.name, ['there is no expected.json'])
            return
        why = difference(self.expected, full.stdout)
        if not self.is_fine(full):
            why += ['exit status %d' % full.returncode]
            why += self.said(full).decode(errors='replace').splitlines()
        tap.say(not why, '%s: records' % self.name, why)
        why = difference(full.stdout, one.stdout)
        tap.say(not why and self.is_fine(one),
                '%s: packet by packet' % self.name, why)
        with open(self.capture, 'rb') as f:
            piped = probe(self.program, '-', *self.args, stdin=f)
        why = difference(full.stdout, piped.stdout)
        tap.say(not why and piped.returncode == full.returncode,
                '%s: from stdin' % self.name, why)
        if full.returncode not in (0, 1) or self.args:
            return
        if os.path.exists(os.path.join(self.folder, 'dialogs')):
            self.test_ways(tap, full.stdout)
        sums = sums_of_capture(self.capture)
        found = sums_of_records(full.stdout)
        tap.say(found == sums, '%s: sums' % self.name,
                [] if found == sums else
                ['%d packets, %d bytes in the file' % sums,
                 '%d packets, %d bytes in the records' % found])
        for n in SNAPLENS:
            result = self.run('--snaplen=%d' % n)
            found = sums_of_records(result.stdout)
            ok = self.is_fine(result) and found == sums
            tap.say(ok, '%s: cut to %d bytes' % (self.name, n),
                    [] if ok else
                    ['exit status %d' % result.returncode,
                     '%d packets, %d bytes in the records' % found]
                    + self.said(result).decode(
                        errors='replace').splitlines()[:SHOWN])


    def test_ways(self, tap, text):
        """Whatever the segments, the order and the addresses: the same."""
        said = {}
        why = []
        for number, (names, how) in enumerate(dialogs.lines_of(self.folder)):
            if 'from' in how:
                continue
            found = told_of(text, dialogs.FIRST_PORT + number)
            if found != said.setdefault(names, found):
                why += ['"%s" in line %d' % (names, number + 1)]
                why += difference('\n'.join(said[names]).encode(),
                                  '\n'.join(found).encode())
        tap.say(not why, '%s: sent in other ways' % self.name, why)


def without_time(value):
    if isinstance(value, dict):
        return {k: without_time(v) for k, v in value.items()
                if k != 'latency_us'}
    return value


def told_of(text, port):
    """What records say of the connection from this port, but for where, when
    and how fast that was.  A listener is told of once, whoever asks it."""
    found = []
    for line in text.splitlines():
        record = json.loads(line)
        word = record.get('app_proto')
        kind = record['event_type']
        if (word and kind != 'listener' and port in (
                record.get('src_port'), record.get('dest_port'))):
            found.append(word if kind == 'flow' else json.dumps(
                [word, kind, without_time(record[kind])]))
    return sorted(found)


def test_readers(tap):
    """Each reader is shown what it reads, and says something."""
    why = []
    for reader, row in dialogs.readers().items():
        folder = os.path.join(HERE, 'app-' + reader)
        expected = read(os.path.join(folder, 'expected.json')) or b''
        if not any(record.get('app_proto') == row.word
                   and record['event_type'] not in ('flow', 'listener')
                   for record in map(json.loads, expected.splitlines())):
            why.append('app-%s/expected.json: no record of %s' % (
                reader, row.word))
    tap.say(not why, 'a capture for each reader', why)


def test_seeds(tap):
    """What scripts write of dialogs is what is there."""
    if not shutil.which('openssl'):
        tap.skip('seeds as made', 'no openssl to encrypt QUIC with')
        return
    fuzz = os.path.join(HERE, '..', 'fuzz')
    why = []
    for script in sorted(os.listdir(fuzz)):
        if not (script.startswith('make-corpus-')
                and b'app-' in read(os.path.join(fuzz, script))):
            continue
        with tempfile.TemporaryDirectory() as top:
            subprocess.run([sys.executable, os.path.join(fuzz, script), top],
                           check=True, stdout=subprocess.DEVNULL)
            for path in sorted(captures_in(top)):
                name = os.path.relpath(path, top)
                if read(path) != read(os.path.join(fuzz, 'corpus', name)):
                    why.append('corpus/%s is not what %s makes' % (name,
                                                                   script))
    tap.say(not why, 'seeds as made', why)


def test_made(tap):
    """make.py makes the captures that are there, and there is no other."""
    made = dict(make.captures(HERE))
    why = ['%s/input.pcap is not what make.py makes' % name
           for name, data in sorted(made.items())
           if read(os.path.join(HERE, name, 'input.pcap')) != data]
    why += ['%s/input.pcap is made by nobody' % name
            for name in sorted(os.listdir(HERE)) if name not in made
            and os.path.exists(os.path.join(HERE, name, 'input.pcap'))]
    tap.say(not why, 'captures as made', why)


def captures_in(folder):
    for top, _, names in os.walk(folder):
        for name in names:
            if not name.endswith(('.md', '.txt', '.py')):
                yield os.path.join(top, name)


def fault_of(program, path, once):
    """None, or what is wrong."""
    try:
        full = probe(program, path)
        one = full if once else probe(program, path, '--batch=1')
    except subprocess.TimeoutExpired:
        return ['more than %d s' % TIMEOUT]
    if full.returncode not in (0, 1):
        return ['exit status %d' % full.returncode] + full.stderr.decode(
            errors='replace').splitlines()[:SHOWN]
    if full.returncode == 1 and not full.stderr.startswith(
            b'ovs-inspect-probe: '):
        return ['exit status 1 without a reason']
    if full.stdout != one.stdout or full.stderr != one.stderr:
        return ['batches differ'] + difference(full.stdout, one.stdout)
    return None


def test_others(tap, program, once):
    folder = os.environ.get('INSP_PCAPS')
    if not folder:
        tap.skip('other captures', 'INSP_PCAPS names no folder of them')
        return
    groups = {}
    for path in captures_in(folder):
        group = os.path.relpath(path, folder).split(os.sep)[0]
        groups.setdefault(group, []).append(path)
    for group, paths in sorted(groups.items()):
        why = []
        paths.sort()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            faults = list(pool.map(lambda p: fault_of(program, p, once),
                                   paths))
        for path, fault in zip(paths, faults):
            if fault:
                why += [os.path.relpath(path, folder) + ': ' + fault[0]]
                why += fault[1:]
        tap.say(not why, 'captures in %s (%d)' % (group, len(paths)), why)


def test_usage(tap, program):
    capture = os.path.join(HERE, 'dns', 'input.pcap')
    for args, status, text in (
            (['--help'], 0, b'usage: '),
            (['--version'], 0, b'ovs-inspect-probe'),
            ([], 2, b'neither'),
            (['-r', capture, '-i', 'lo'], 2, b'not both'),
            (['-r', capture, '--only=flow,tsl'], 2, b"'tsl'; there are: flow"),
            (['-r', capture, '--batch=33'], 2, b'from 1 to 32'),
            (['-r', capture, '--uplink=tcp:a:1'], 2, b'plain'),
            (['-r', capture, '--uplink=ssl:a:1'], 2, b'--private-key'),
            (['-r', capture, '--frobnicate'], 2, b'frobnicate'),
            (['-r', os.path.join(HERE, 'none')], 1, b'No such file'),
            (['-r', os.path.join(HERE, 'run.py')], 1, b'no capture'),
            (['-r', '/dev/null'], 1, b'empty'),
            (['-r', capture, '-w', '/dev/full'], 1, b'No space'),
            (['-r', capture, '-w', HERE], 1, b'directory')):
        result = subprocess.run([program, *args], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=TIMEOUT)
        ok = result.returncode == status and text in result.stdout
        tap.say(ok, 'usage: %s' % ' '.join(os.path.basename(a)
                                           for a in args),
                [] if ok else ['exit status %d' % result.returncode]
                + result.stdout.decode(errors='replace').splitlines())


def test_ways(tap, program):
    """The same capture by other ways in and out."""
    capture = os.path.join(HERE, 'http', 'input.pcap')
    whole = probe(program, capture).stdout
    with open(capture, 'rb') as f:
        result = subprocess.run([program, '-r', '-'], stdin=f,
                                stdout=subprocess.PIPE, timeout=TIMEOUT)
    tap.say(result.stdout == whole, 'from stdin')

    # A pipe that says little at a time.
    with open(capture, 'rb') as f:
        data = f.read()
    child = subprocess.Popen([program, '-r', '-'], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    for at in range(0, len(data), 7):
        child.stdin.write(data[at:at + 7])
        child.stdin.flush()
    out, _ = child.communicate(timeout=TIMEOUT)
    tap.say(out == whole, 'from a slow pipe')

    both = probe(program, capture, '-r', capture).stdout
    tap.say(sums_of_records(both) == tuple(
        2 * n for n in sums_of_capture(capture)), 'two files')

    flows = probe(program, capture, '--only=flow').stdout
    tap.say(flows and b''.join(
        line for line in whole.splitlines(True)
        if b'"event_type":"flow"' in line) == flows, 'only flows')

    messages = probe(program, capture, '--format=ipfix').stdout
    at, ok = 0, bool(messages)
    while ok and at < len(messages):
        version, size = struct.unpack_from('>HH', messages, at)
        ok = version == 10 and size >= 16 and at + size <= len(messages)
        at += size
    tap.say(ok, 'IPFIX messages')

    read_end, write_end = os.pipe()
    os.close(read_end)
    result = subprocess.run([program, '-r', capture], stdout=write_end,
                            stderr=subprocess.PIPE, timeout=TIMEOUT)
    os.close(write_end)
    tap.say(result.returncode == 1 and b'Broken pipe' in result.stderr,
            'nobody reads')

    result = probe(program, capture, '--stats')
    tap.say(result.stdout == whole and b'packets/s' in result.stderr,
            'statistics')


class Collector(threading.Thread):
    """Takes one uplink of JSON lines on the loopback."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.key, self.certificate = (os.path.join(folder, name)
                                      for name in ('key.pem', 'cert.pem'))
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
             'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
             '/CN=probe', '-addext', 'subjectAltName=DNS:localhost',
             '-keyout', self.key, '-out', self.certificate], check=True,
            stderr=subprocess.DEVNULL)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH,
                                                  cafile=self.certificate)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_cert_chain(self.certificate, self.key)
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.listener.settimeout(TIMEOUT)
        self.port = self.listener.getsockname()[1]
        self.data = b''

    def run(self):
        plain, _ = self.listener.accept()
        with self.context.wrap_socket(plain, server_side=True) as peer:
            while True:
                data = peer.recv(65536)
                if not data:
                    break
                self.data += data


def test_uplink(tap, program):
    """The same lines arrive as are written to a file."""
    if not shutil.which('openssl'):
        tap.skip('uplink', 'no openssl to make a certificate with')
        return
    capture = os.path.join(HERE, 'tls', 'input.pcap')
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector(folder)
        collector.start()
        result = probe(program, capture, '--uplink-format=json',
                       '--uplink=ssl:localhost:%d' % collector.port,
                       '--private-key=' + collector.key,
                       '--certificate=' + collector.certificate,
                       '--ca-cert=' + collector.certificate)
        collector.join(TIMEOUT)
    whole = probe(program, capture).stdout
    ok = result.returncode == 0 and collector.data == whole
    tap.say(ok, 'uplink', [] if ok else
            ['exit status %d' % result.returncode]
            + result.stderr.decode(errors='replace').splitlines()
            + difference(whole, collector.data))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--probe', default=os.environ.get(
        'PROBE', 'utilities/ovs-inspect-probe'))
    parser.add_argument('--update', action='store_true')
    parser.add_argument('--once', action='store_true',
                        help='read other captures once (sanitizers)')
    parser.add_argument('names', nargs='*')
    args = parser.parse_args()
    program = os.path.abspath(args.probe)
    names = args.names or sorted(
        name for name in os.listdir(HERE)
        if os.path.exists(os.path.join(HERE, name, 'input.pcap')))
    if args.update:
        for name in args.names or sys.exit('--update needs a NAME'):
            Golden(program, name).update()
        return
    tap = Tap()
    for name in names:
        Golden(program, name).test(tap)
    if not args.names:
        test_readers(tap)
        test_seeds(tap)
        test_made(tap)
        test_usage(tap, program)
        test_ways(tap, program)
        test_uplink(tap, program)
        test_others(tap, program, args.once)
    print('1..%d' % tap.n)
    sys.exit(tap.failed != 0)


if __name__ == '__main__':
    main()
