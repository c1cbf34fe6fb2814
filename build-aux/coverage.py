#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What of the code the tests have run, by room, and where they ran least.

    coverage.py SRCDIR BUILD_DIR [--least N] [--floor PERCENT]

BUILD_DIR was built with --coverage, and its tests were run.  gcovr reads what
they left; lines and branches of every room are summed here.  With --floor the
exit status is 1 when a room has less of its lines.
"""
import argparse
import collections
import json
import os
import shutil
import subprocess
import sys


def room_of(path):
    parts = path.split('/')
    return '/'.join(parts[:2])


def measure(srcdir, build):
    out = subprocess.run(
        ['gcovr', '--root', srcdir, '--object-directory', build,
         '--filter', os.path.join(srcdir, 'lib', ''),
         '--filter', os.path.join(srcdir, 'utilities', ''),
         '--gcov-ignore-parse-errors', '--json-summary', '-', build],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)['files']


def percent(part, whole):
    return f'{100 * part / whole:.1f} %' if whole else '-'


def main():
    parser = argparse.ArgumentParser(
        description='Sum what the tests have run, by room.')
    parser.add_argument('srcdir')
    parser.add_argument('build')
    parser.add_argument('--least', type=int, default=15, metavar='N',
                        help='files with the smallest share (default: 15)')
    parser.add_argument('--floor', type=float, default=0, metavar='PERCENT')
    args = parser.parse_args()
    if not shutil.which('gcovr'):
        print('coverage.py: no gcovr: apt-get install gcovr', file=sys.stderr)
        return 2
    srcdir = os.path.realpath(args.srcdir)
    files = measure(srcdir, os.path.realpath(args.build))
    if not files:
        print(f'coverage.py: {args.build}: no program ran there',
              file=sys.stderr)
        return 2
    rooms = collections.defaultdict(lambda: [0, 0, 0, 0])
    for f in files:
        for room in (room_of(f['filename']), 'all'):
            for i, key in enumerate(('line_covered', 'line_total',
                                     'branch_covered', 'branch_total')):
                rooms[room][i] += f[key]
    print('| room | lines | of them run | branches taken |')
    print('| --- | --- | --- | --- |')
    everything = rooms.pop('all')
    for room, n in sorted(rooms.items()) + [('all', everything)]:
        print(f'| `{room}` | {n[1]:,} | {percent(n[0], n[1])} '
              f'| {percent(n[2], n[3])} |')
    print()
    print('| run least | lines not run | of its lines run |')
    print('| --- | --- | --- |')
    least = sorted((f for f in files if f['line_total']),
                   key=lambda f: f['line_covered'] / f['line_total'])
    for f in least[:args.least]:
        print(f'| `{f["filename"]}` | {f["line_total"] - f["line_covered"]} '
              f'| {percent(f["line_covered"], f["line_total"])} |')
    low = [room for room, n in rooms.items()
           if 100 * n[0] < args.floor * n[1]]
    for room in sorted(low):
        print(f'{room}: less than {args.floor:g} %', file=sys.stderr)
    return 1 if low else 0


if __name__ == '__main__':
    sys.exit(main())
