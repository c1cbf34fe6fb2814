#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold the table of Documentation/testing.md against what there is.

    check-tiers.py SRCDIR

Every file in tests/ stands in exactly one row (a name goes before a pattern),
every row's files are there, every suite of check.sh has a row of the right
tier and the other way round, what people run by hand is there to be run, and
each test is one that its suite runs: a program is in the list of its
automake.mk, a script can be executed.
"""
import fnmatch
import os
import re
import subprocess
import sys

TABLE = 'Documentation/testing.md'
TIERS = ('landing', 'night', 'hand', 'helper')
# The list of an automake.mk, or the words that a script's runner has, by
# suite.
LISTS = {
    'unit': ('tests/unit/automake.mk', r'^\t(tests/unit/[\w-]+)', '.c'),
    'inspect': ('ovs-ext/automake.mk', r'^\t(tests/[\w.-]+\.at)', ''),
}


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as f:
        return f.read()


def tree(top):
    """Files of tests/, as git knows them or, in a tarball, as they lie."""
    try:
        if not os.path.exists(os.path.join(top, '.git')):
            raise OSError
        out = subprocess.run(
            ['git', '-c', 'safe.directory=*', 'ls-files', '-z', '--cached',
             '--others', '--exclude-standard', 'tests'], cwd=top, check=True,
            stdout=subprocess.PIPE, text=True).stdout
        files = [f for f in out.split('\0') if f]
    except (OSError, subprocess.CalledProcessError):
        files = [os.path.relpath(os.path.join(d, f), top)
                 for d, _, names in os.walk(os.path.join(top, 'tests'))
                 for f in names if not d.endswith('__pycache__')]
    return [f for f in files if os.path.exists(os.path.join(top, f))]


def rows(text):
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip('|').split('|')]
        if line.startswith('|') and len(cells) == 5 and cells[0] in TIERS:
            yield (cells[0], cells[1].strip('`'),
                   re.findall(r'`([^`]+)`', cells[3]))


def pattern(glob):
    """'**' is any depth, '*' stays in a folder."""
    parts = [fnmatch.translate(p)[4:-3].replace('.*', '[^/]*')
             for p in glob.split('**')]
    return re.compile('.*'.join(parts) + r'\Z', re.S)


def is_pattern(glob):
    return any(c in glob for c in '*?[')


class Check:
    def __init__(self, top):
        self.top = top
        self.faults = []
        self.rows = list(rows(read(top, TABLE)))
        self.files = tree(top)

    def fault(self, text):
        self.faults.append(text)

    def places(self):
        """Which rows each file is in."""
        named = {}
        for i, (_, _, globs) in enumerate(self.rows):
            for g in globs:
                if not is_pattern(g):
                    named.setdefault(g, []).append(i)
                    if g not in self.files:
                        self.fault(f'{TABLE}: {g} is not there')
        taken = {f: list(at) for f, at in named.items() if f in self.files}
        for i, (_, _, globs) in enumerate(self.rows):
            for g in filter(is_pattern, globs):
                hits = [f for f in self.files
                        if f not in named and pattern(g).match(f)]
                if not hits:
                    self.fault(f'{TABLE}: {g} matches no file')
                for f in hits:
                    taken.setdefault(f, []).append(i)
        for f in self.files:
            n = len(set(taken.get(f, [])))
            if n != 1:
                self.fault(f'{f}: in {n or "no"} row{"s"[:n != 1]} of '
                           f'{TABLE}' + ('' if n else
                                         ': no tier runs it'))
        return {f: self.rows[at[0]] for f, at in taken.items()}

    def suites(self):
        """The suites of check.sh and those of the table."""
        script = read(self.top, 'check.sh')
        makefiles = ''.join(
            read(self.top, d, f)
            for d in ('tests', 'tests/unit', 'tests/fuzz', 'tests/pcap',
                      'tests/bench', 'ovs-ext')
            for f in ('automake.mk', 'apps.mk')
            if os.path.exists(os.path.join(self.top, d, f)))
        for tier, word in (('landing', 'SUITES'), ('night', 'MORE')):
            has = set(re.search(rf'^{word}="([^"]*)"', script,
                                re.M).group(1).split())
            says = {s for t, s, _ in self.rows if t == tier}
            for s in sorted(has - says):
                self.fault(f'check.sh: {s}, of {word}, is in no row '
                           f'"{tier}" of {TABLE}')
            for s in sorted(says - has):
                self.fault(f'{TABLE}: {tier}: {s} is not in {word} of '
                           'check.sh: nothing runs it')
            for s in sorted(says & has):
                if not (re.search(rf'^[\w -]*\bcheck-{s}\b[\w -]*:',
                                  makefiles, re.M)
                        or re.search(rf'^suite_{s}\(', script, re.M)):
                    self.fault(f'{s}: no check-{s} in an automake.mk, no '
                               f'suite_{s} in check.sh')
        for tier, what, _ in self.rows:
            if tier != 'hand':
                continue
            words = what.split()
            if words[0] == 'make':
                if words[1] != 'distcheck' and not re.search(
                        rf'^{words[1]}\b.*:', makefiles, re.M):
                    self.fault(f'{TABLE}: {what}: no such target')
            elif not any(os.path.exists(os.path.join(self.top, words[0] + e))
                         for e in ('', '.c')):
                self.fault(f'{TABLE}: {what}: not there')

    def runs(self, places):
        """Is each test one that its suite runs?"""
        for suite, (path, expression, end) in LISTS.items():
            listed = set(re.findall(expression, read(self.top, path), re.M))
            for f, (_, s, _) in places.items():
                if s == suite and f[:len(f) - len(end)] not in listed:
                    self.fault(f'{f}: not in a list of {path}: '
                               f'"{suite}" does not run it')
        fuzz = read(self.top, 'tests/fuzz/automake.mk')
        check = read(self.top, 'check.sh')
        for f, (tier, suite, _) in places.items():
            stem = os.path.splitext(f)[0]
            if (suite == 'fuzz' and f.startswith('tests/fuzz/fuzz-')
                    and f != 'tests/fuzz/fuzz-app.c'
                    and not re.search(rf'^\t{stem}\b', fuzz, re.M)):
                self.fault(f'{f}: not in fuzz_programs')
            if (f.endswith('.sh') and tier != 'helper'
                    and not os.access(os.path.join(self.top, f), os.X_OK)):
                self.fault(f'{f}: cannot be executed')
            if (f.startswith('tests/system/') and tier == 'night'
                    and not re.search(rf'\b{os.path.basename(stem)}\b',
                                      check)):
                self.fault(f'{f}: check.sh does not name it')

    def go(self):
        if not self.rows:
            self.fault(f'{TABLE}: no table')
        self.runs(self.places())
        self.suites()
        print('\n'.join(self.faults))
        return 1 if self.faults else 0


if __name__ == '__main__':
    sys.exit(Check(sys.argv[1]).go())
