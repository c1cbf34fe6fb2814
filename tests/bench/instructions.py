#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions that inspecting a packet takes, and holds them
against what they were; speaks TAP.

    instructions.py --micro=FILE --probe=FILE [--update | --report] [CASE]...

Unlike time, they are the same each time that the same program runs: valgrind's
callgrind counts those between the beginning and the end of one function, which
is insp_bench_measured() of micro.c, or insp_worker_run() when the probe reads
the captures of tests/pcap.  A case that takes over 5 % more than
instructions.json says has failed.  If that is meant, or when it became less,
--update ("make bench-baseline") writes it anew: commit that with the change,
and say why.  --report
prints a table and a JSON line and judges nothing.

Another compiler, or other flags, make other instructions: what was counted
with one is nothing to another, so then this says so and skips.  $CC, $CFLAGS
and $SANITIZE say with which the programs were built.

A mutation that this finds: in lib/flow/tcp.h, insp_tcp_follow() always takes
the slow way.
"""
import argparse
import concurrent.futures
import json
import os
import platform
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PCAP = os.path.join(HERE, '..', 'pcap')
BASELINE = os.path.join(HERE, 'instructions.json')
WORSE = 1.05
BETTER = 0.95
TIMEOUT = 300

# Of micro.c, and what people call it.
MICRO = {
    'parse': 'the long way: parsing',
    'key': 'the long way: parsing, key and hash',
    'note': 'the short way: what a plain packet says, hash',
    'fetch': 'the same, and prefetching',
    'count': 'the same, and finding, asking, counting',
    'established': 'established, in batches of 32, no rules',
    'established-alone': 'established, one by one, no rules',
    'established-1000-rules': 'established, in batches of 32, 1,000 rules',
    'established-by-flow': 'the same, the action in a flow',
    'established-ipv6': 'established, IPv6, in batches of 32',
    'established-data': 'established, with what nobody reads',
    'dns': 'DNS over UDP, a record for two packets',
    'new': 'new connection, no rules',
    'new-1000-rules': 'new connection, 1,000 rules',
    'new-10000-rules': 'new connection, 10,000 rules',
}

# What the probe reads.
PROBE = {
    'read-tls': ('TLS', ['tls', 'app-tls', 'app-tls-hello']),
    'read-http': ('HTTP', ['http', 'app-http', 'app-http2']),
    'read-dns': ('DNS', ['dns', 'app-dns']),
    'read-all': ('every protocol', None),
}


def folders(names):
    if names is None:
        names = sorted(x for x in os.listdir(PCAP) if x.startswith('app-'))
    return [os.path.join(PCAP, x, 'input.pcap') for x in names]


def n_packets(path):
    """Of a classic capture file, which is what make.py writes."""
    with open(path, 'rb') as f:
        data = f.read()
    order = '<' if data[0] in (0xd4, 0x4d) else '>'
    at, n = 24, 0
    while at + 16 <= len(data):
        at += 16 + struct.unpack_from(order + 'I', data, at + 8)[0]
        n += 1
    return n


def callgrind(function, command):
    """The instructions inside 'function', and what 'command' printed."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'out')
        p = subprocess.run(
            ['valgrind', '--tool=callgrind', '--callgrind-out-file=' + out,
             '--toggle-collect=' + function, *command], timeout=TIMEOUT,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        if p.returncode:
            raise RuntimeError('%s: %s' % (shlex.join(command),
                                           p.stderr.strip()[-500:]))
        with open(out) as f:
            total = int(re.search(r'^(?:summary|totals): (\d+)', f.read(),
                                  re.M).group(1))
    if not total:
        raise RuntimeError('%s was not met' % function)
    return total, p.stdout


def count(args, case):
    if case in MICRO:
        total, said = callgrind('insp_bench_measured',
                                [args.micro, '--count=' + case])
        return total / int(said.split()[0])
    paths = folders(PROBE[case][1])
    command = [args.probe, '-q', '-w', os.devnull]
    for path in paths:
        command += ['-r', path]
    total, _ = callgrind('insp_worker_run', command)
    return total / sum(map(n_packets, paths))


def title(case):
    return MICRO.get(case) or 'reading %s, by the probe' % PROBE[case][0]


def circumstances():
    cc = shlex.split(os.environ.get('CC', 'gcc'))
    cc = [x for x in cc if os.path.basename(x) != 'ccache']
    try:
        version = subprocess.run([cc[0], '--version'], capture_output=True,
                                 text=True).stdout.split('\n')[0]
    except OSError as e:
        version = str(e)
    # What is only for people who debug makes no instruction.
    flags = [x for x in (os.environ.get('CFLAGS', '') + ' '
                         + os.environ.get('SANITIZE', '')).split()
             if not x.startswith('-g')]
    return {'compiler': version, 'flags': ' '.join(flags),
            'machine': platform.machine()}


def counted(args, cases):
    """Two at a time: nobody waits for a clock."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield from zip(cases, pool.map(lambda x: attempt(args, x), cases))


def attempt(args, case):
    try:
        return round(count(args, case), 1), None
    except (RuntimeError, subprocess.TimeoutExpired) as e:
        return None, str(e)


def hold(n, case, got, error, base):
    """One line of TAP; false: it failed."""
    if error:
        print('not ok %d - %s\n# %s' % (n, title(case), error))
        return False
    if base is None:
        print('not ok %d - %s\n# %s has no such case: --update'
              % (n, title(case), os.path.basename(BASELINE)))
        return False
    ok = got <= base * WORSE
    print('%sok %d - %s: %.1f instructions a packet, were %.1f'
          % ('' if ok else 'not ', n, title(case), got, base))
    if not ok:
        print('# %.1f %% more.  If that is meant: make bench-baseline, commit '
              'tests/bench/instructions.json' % (100 * (got / base - 1)))
    elif got < base * BETTER:
        print('# %.1f %% less: make bench-baseline, so that it stays'
              % (100 * (1 - got / base)))
    return ok


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--micro', required=True)
    parser.add_argument('--probe', required=True)
    parser.add_argument('--update', action='store_true')
    parser.add_argument('--report', action='store_true')
    parser.add_argument('case', nargs='*')
    args = parser.parse_args()
    known = list(MICRO) + list(PROBE)
    cases = args.case or known
    for case in cases:
        if case not in known:
            parser.error('no such case: %s; there are: %s'
                         % (case, ', '.join(known)))

    if not shutil.which('valgrind'):
        print('1..0 # SKIP no valgrind: apt-get install valgrind')
        return 77
    try:
        with open(BASELINE) as f:
            baseline = json.load(f)
    except FileNotFoundError:
        baseline = {}
    now = circumstances()
    was = {x: baseline.get(x) for x in now}
    if not args.update and not args.report and now != was:
        print('1..0 # SKIP built as %s, and instructions.json is for %s'
              % (now, was))
        return 77

    old = baseline.get('cases', {}) if now == was else {}
    new, failed = {}, False
    for n, (case, (got, error)) in enumerate(counted(args, cases), 1):
        new[case] = got
        if args.report:
            print('  %-44s %10s' % (title(case), error or '%.1f' % got))
        elif args.update:
            failed |= bool(error)
            print('%s: %s, was %s' % (case, error or got, old.get(case)))
        else:
            failed |= not hold(n, case, got, error, old.get(case))
        sys.stdout.flush()
    if args.report:
        print(json.dumps({'bench': 'instructions', **now, 'cases': new}))
    elif args.update and not failed:
        with open(BASELINE, 'w') as f:
            json.dump({**now, 'cases': {x: {**old, **new}[x] for x in known
                                        if x in {**old, **new}}},
                      f, indent=1)
            f.write('\n')
    elif not args.update:
        print('1..%d' % len(cases))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
